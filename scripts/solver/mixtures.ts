/**
 * Two mixtures of normals in one dimension with their exact denoiser as plain functions: how near the search, at its default settings, comes to
 * the best schedule that there is. Fréchet distance in the features (u, 2u^2, tanh 3u), of 20,000 images to 100,000 draws of the mixture.
 */
import { randomStream, tensor } from '../../src/base/index.ts'
import { dataFromArrays } from '../../src/data/index.ts'
import type { FreeName } from '../../src/diffusion/index.ts'
import { functionDenoiser, noiseSchedule, STEP_LISTS, samplingScheduleFrom } from '../../src/diffusion/index.ts'
import { functionFeatures, referenceMoments } from '../../src/metrics/index.ts'
import { learnSettings } from '../../src/tuners/index.ts'
import { planOf, rankDefaults } from '../../src/tuners/schedule/candidates.ts'
import { openJob } from '../../src/tuners/schedule/job.ts'
import { FrechetObjective } from '../../src/tuners/schedule/objectives/fid.ts'
import { Search } from '../../src/tuners/schedule/search/search.ts'
import { SEARCH_START } from '../../src/tuners/schedule/search/state.ts'
import { learnedSampler } from '../../src/tuners/schedule/settings/index.ts'

interface Part {
  readonly weight: number
  readonly mean: number
  readonly sd: number
}

export const MIXTURES: Readonly<Record<string, readonly Part[]>> = {
  two: [
    { weight: 0.3, mean: -0.6, sd: 0.08 },
    { weight: 0.7, mean: 0.35, sd: 0.15 },
  ],
  three: [
    { weight: 0.5, mean: -0.7, sd: 0.05 },
    { weight: 0.2, mean: 0, sd: 0.05 },
    { weight: 0.3, mean: 0.6, sd: 0.1 },
  ],
}

const imageShape = [1, 1, 1]
const schedule = noiseSchedule({ family: 'cosine', timesteps: 1000 })

/** E[eps | x] = -noise d log p(x)/dx of the noisy mixture, and its derivative in x. Densities relative to the largest, so none underflows. */
function epsilon(parts: readonly Part[], x: number, { signal, noise }: { signal: number; noise: number }) {
  const terms = parts.map(({ weight, mean, sd }) => {
    const variance = (signal * sd) ** 2 + noise ** 2
    const away = signal * mean - x
    return {
      log: Math.log(weight) - Math.log(variance) / 2 - away ** 2 / (2 * variance),
      score: away / variance,
      variance,
    }
  })
  const most = Math.max(...terms.map(({ log }) => log))
  let [p, first, second] = [0, 0, 0]
  for (const { log, score, variance } of terms) {
    const density = Math.exp(log - most)
    p += density
    first += density * score
    second += density * (score ** 2 - 1 / variance)
  }
  return { value: (-noise * first) / p, slope: -noise * (second / p - (first / p) ** 2) }
}

const denoiserOf = (parts: readonly Part[]) =>
  functionDenoiser({
    imageShape,
    predict: ({ data }, time) => data.map((x) => epsilon(parts, x, schedule.level(time)).value),
    vjp: ({ data }, time, cotangent) => {
      const level = schedule.level(time)
      return cotangent.map((c, i) => c * epsilon(parts, data[i], level).slope)
    },
    // Central differences of a smooth closed form: 1e-7 of it.
    timeVjp({ data }, time, cotangent) {
      const [before, after] = [Math.max(0, time - 1e-3), Math.min(999, time + 1e-3)]
      const [low, high] = [schedule.level(before), schedule.level(after)]
      const slope = (x: number) => (epsilon(parts, x, high).value - epsilon(parts, x, low).value) / (after - before)
      return cotangent.reduce((sum, c, i) => sum + c * slope(data[i]), 0)
    },
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

function draw(parts: readonly Part[], count: number, purpose: string): Float32Array {
  const random = randomStream({ seed: 0, purpose })
  const normal = random.normal(new Float64Array(count))
  return Float32Array.from({ length: count }, (_, i) => {
    let left = random.uniform()
    const part = parts.find(({ weight }) => {
      left -= weight
      return left < 0
    })
    const { mean, sd } = part ?? parts[parts.length - 1]
    return mean + sd * normal[i]
  })
}

/** What came of a mixture at one number of steps. */
export interface MixtureRow {
  readonly mixture: string
  readonly steps: number
  readonly free: string
  /** DPM-Solver++ on the best of all step lists, by the same measure. */
  readonly bestDefault: number
  /** By seed. */
  readonly learned: readonly number[]
}

const MEASURED = 20_000

export async function mixtureRow(
  mixture: string,
  steps: number,
  free: readonly FreeName[],
  seeds: readonly number[],
): Promise<MixtureRow> {
  const parts = MIXTURES[mixture]
  const denoiser = denoiserOf(parts)
  const reference = referenceMoments(
    await features.features(tensor('float32', [100_000, 1, 1, 1], draw(parts, 100_000, 'reference'))),
  )
  const data = dataFromArrays({
    name: mixture,
    imageShape,
    tuning: [...draw(parts, 20_000, 'tuning')],
    heldOut: [...draw(parts, 4000, 'held out')],
  })
  const measureOf = (settings: ReturnType<typeof learnSettings>) =>
    new FrechetObjective({
      denoiser,
      features,
      reference,
      settings: learnedSampler(settings),
      samples: MEASURED,
      seed: 4,
    })
  const learned: number[] = []
  for (const seed of seeds) {
    const settings = learnSettings({ samplingSteps: steps, seed, ...(free.join() !== 'levels' && { free }) })
    const subject = { kind: 'foreign', denoiser, schedule } as const
    const job = await openJob({ subject, data, features, judge: null, settings })
    const [best] = await rankDefaults(job, denoiser)
    const search = new Search(job, denoiser, planOf(job, best))
    const found = search.found(await search.run(SEARCH_START))
    learned.push(await measureOf(settings).value(found.sampling, 0))
  }
  const defaults: number[] = []
  for (const list of STEP_LISTS) {
    const settings = learnSettings({ samplingSteps: steps })
    try {
      defaults.push(await measureOf(settings).value(samplingScheduleFrom(schedule, list, steps), 0))
    } catch {
      // A list that has no such steps.
    }
  }
  return { mixture, steps, free: free.join(), bestDefault: Math.min(...defaults), learned }
}
