/** Finds how strongly the digits model that comes with the project can be guided towards threes before another classifier sees it suffer. */
import {
  compileDenoiser,
  digitFeatures,
  digitJudge,
  entropySettings,
  loadModel,
  openReward,
  samplerSettings,
  samplingScheduleFrom,
  shippedModelFolder,
  tuneEntropyStrength,
} from 'bilevel-diffusion'

const size = 16
const { network, state, noiseSchedule } = await loadModel(shippedModelFolder('digits-16') ?? 'my/model')
const features = await digitFeatures({ size })
const judge = await digitJudge({ size })
const context = { features, judge, tuning: null, imageShape: network.imageShape }

// So small that it takes seconds, and far too small to be sure: 25 steps and the defaults give an interval of a factor of 2 in minutes.
const settings = entropySettings({
  lambdaRange: [0.05, 5],
  explorePaths: 8,
  curvePoints: 5,
  curvePaths: 8,
  gridImages: 1,
  chunk: 8,
  maxEvaluations: 3000,
})
const denoiser = await compileDenoiser({ network, state, batch: settings.chunk, binding: 'bound' })

const { entropyStrength, upper, curve } = await tuneEntropyStrength({
  denoiser,
  schedule: samplingScheduleFrom(noiseSchedule, 'trailing', 5),
  sampler: samplerSettings({ eta: 1 }),
  reward: await openReward('log-probability:3@features', context),
  judge: await openReward('log-probability:3@judge + ink', context),
  features,
  settings,
})

const { value, low, high, resolved, reason } = entropyStrength
console.log(`lambda = ${value.toPrecision(2)} in [${low.toPrecision(2)}, ${high.toPrecision(2)}]`)
console.log(resolved ? 'resolved' : `not resolved: ${reason}`)
console.log(`judge's reward: ${upper.base.mean.toFixed(1)} unguided, ${upper.tuned.mean.toFixed(1)} at lambda`)
console.log(`${curve.length} points on the trade-off curve`)
