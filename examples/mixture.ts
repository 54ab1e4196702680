/**
 * A problem of one number per "image": data are a mixture of two normals, whose denoiser has a closed form. Plain functions with
 * derivatives are all it takes to learn a sampling schedule by backpropagation, and to tune how strongly the sampler is guided.
 */
import {
  dataFromArrays,
  entropySettings,
  functionDenoiser,
  functionFeatures,
  functionReward,
  learnSchedule,
  learnSettings,
  noiseSchedule,
  randomStream,
  samplerSettings,
  samplingScheduleFrom,
  tuneEntropyStrength,
} from 'bilevel-diffusion'

const imageShape = [1, 1, 1]
const left = { weight: 0.4, mean: -2, sd: 0.5 }
const right = { weight: 0.6, mean: 1.5, sd: 0.8 }
const schedule = noiseSchedule({ family: 'cosine', timesteps: 100 })

/** E[eps | x] = -noise d log p(x)/dx, p the density of the noisy mixture; and its derivative in x. */
function epsilon(x: number, time: number) {
  const { signal, noise } = schedule.level(time)
  let [p, first, second] = [0, 0, 0]
  for (const { weight, mean, sd } of [left, right]) {
    const variance = (signal * sd) ** 2 + noise ** 2
    const score = (signal * mean - x) / variance
    const density = (weight / Math.sqrt(variance)) * Math.exp((-variance * score ** 2) / 2)
    p += density
    first += density * score
    second += density * (score ** 2 - 1 / variance)
  }
  return { value: (-noise * first) / p, slope: -noise * (second / p - (first / p) ** 2) }
}

const denoiser = functionDenoiser({
  imageShape,
  predict: ({ data }, time) => data.map((x) => epsilon(x, time).value),
  vjp: ({ data }, time, cotangent) => cotangent.map((c, i) => c * epsilon(data[i] ?? 0, time).slope),
})

const features = functionFeatures({
  name: 'u, 2u^2, tanh 3u',
  imageShape,
  dimensions: 3,
  features: ({ data }) => [...data].flatMap((u) => [u, 2 * u * u, Math.tanh(3 * u)]),
  vjp: ({ data }, cotangent) =>
    data.map((u, i) => {
      const [a = 0, b = 0, c = 0] = cotangent.subarray(3 * i, 3 * i + 3)
      return a + 4 * u * b + (3 * c) / Math.cosh(3 * u) ** 2
    }),
})

function draw(count: number, purpose: string) {
  const random = randomStream({ seed: 0, purpose })
  const parts = Array.from({ length: count }, () => (random.uniform() < left.weight ? left : right))
  const normal = random.normal(new Float64Array(count))
  return parts.map(({ mean, sd }, i) => mean + sd * (normal[i] ?? 0))
}

const { result } = await learnSchedule({
  subject: { kind: 'foreign', denoiser, schedule },
  data: dataFromArrays({ name: 'mixture', imageShape, tuning: draw(4000, 'tuning'), heldOut: draw(4000, 'held out') }),
  features,
  judge: null,
  settings: learnSettings({ samplingSteps: 4, iterations: 15, tuningSamples: 512, clip: null }),
})
for (const { label, fid } of [result.default, result.start, result.learned]) {
  console.log(`${label}: FID ${fid?.mean.toFixed(2)}`)
}

const { entropyStrength, upper } = await tuneEntropyStrength({
  denoiser,
  schedule: samplingScheduleFrom(schedule, 'trailing', 10),
  sampler: samplerSettings({ eta: 1, clip: null }),
  reward: functionReward({
    name: 'u',
    values: ({ data }) => data,
    gradient: ({ data }) => ({ values: data, gradient: data.map(() => 1) }),
  }),
  judge: functionReward({ name: '-(u - 2)^2', values: ({ data }) => data.map((u) => -((u - 2) ** 2)) }),
  features,
  settings: entropySettings({ lambdaRange: [0.1, 10], tolerance: 1.5 }),
})
const { value, low, high } = entropyStrength
console.log(`lambda = ${value.toFixed(2)} in [${low.toFixed(2)}, ${high.toFixed(2)}]`)
console.log(`judge's reward: ${upper.base.mean.toFixed(2)} unguided, ${upper.tuned.mean.toFixed(2)} at lambda`)
