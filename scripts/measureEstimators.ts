/**
 * How much each gradient estimator of the upper objective tells per network evaluation, on the trained 16x16 network: repeated
 * with fresh start noise and directions where tuning starts and where it ended.
 *
 *     npm run proof:schedule -- --seeds 0 --variants steps10 && npm run measure:estimators
 *
 * The first command leaves the trained network and the learned levels. Writes docs/results/estimators-digits16.json.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { deserialize } from 'node:v8'
import '../src/runtime/node/index.ts'
import { tensor } from '../src/base/index.ts'
import type { GradientEstimator } from '../src/bilevel/index.ts'
import { estimatorByName, measureEstimator } from '../src/bilevel/index.ts'
import { digits } from '../src/data/index.ts'
import type { ScheduleFamily, TrainedState } from '../src/diffusion/index.ts'
import {
  compileDenoiser,
  levelsFamily,
  noiseSchedule,
  samplerSettings,
  samplingScheduleFrom,
} from '../src/diffusion/index.ts'
import { digitFeatures } from '../src/metrics/files/index.ts'
import { referenceMoments } from '../src/metrics/index.ts'
import { unet } from '../src/nn/index.ts'
import { samplingFamily } from '../src/tuners/schedule/families.ts'
import { FrechetObjective } from '../src/tuners/schedule/objectives/fid.ts'
import { samplingProblem } from '../src/tuners/schedule/problem.ts'

const RESULT = 'docs/results/estimators-digits16.json'
const RECORD = 'docs/results/schedule-digits16/steps10-seed0.json'
const SEED = 0
const STEPS = 10

/** An estimator at a sample size, and how often it is repeated. */
interface Trial {
  readonly label: string
  readonly estimator: GradientEstimator
  readonly samples: number
  readonly through?: number
  readonly repeats: number
}

const backpropagation = estimatorByName('backpropagation')
const TRIALS: readonly Trial[] = [
  ...[96, 192, 384].map((samples) => ({
    label: `backpropagation, ${samples} images`,
    estimator: backpropagation,
    samples,
    repeats: samples === 384 ? 8 : 16,
  })),
  ...[1, 3, 5].map((through) => ({
    label: `backpropagation through the last ${through}, 192 images`,
    estimator: backpropagation,
    samples: 192,
    through,
    repeats: 12,
  })),
  {
    label: 'two-point, 192 images',
    estimator: estimatorByName('two-point', { delta: 0.5 }),
    samples: 192,
    repeats: 40,
  },
  {
    label: 'one-point, 192 images',
    estimator: estimatorByName('one-point', { delta: 0.5 }),
    samples: 192,
    repeats: 40,
  },
  {
    label: 'coordinate, 192 images',
    estimator: estimatorByName('coordinate', { delta: 0.5 }),
    samples: 192,
    repeats: 6,
  },
]

const network = unet({ size: 16, channels: [16, 32, 64] })
const trained = deserialize(readFileSync(`runs/proof/digits16-2000-seed${SEED}.v8`)) as TrainedState
const data = await digits({ size: 16 })
const features = await digitFeatures({ size: 16 })
const { count, shape, images } = data.splits.tuning
const reference = referenceMoments(await features.features(tensor('float32', [count, ...shape], images)))
const denoiser = await compileDenoiser({
  network,
  state: { weights: trained.ema, statistics: trained.training.statistics },
  batch: 64,
  binding: 'bound',
})
const training = noiseSchedule({ family: 'cosine' })
const learned = JSON.parse(readFileSync(RECORD, 'utf8')) as {
  readonly schedule: { readonly parameters: Record<string, number> }
}

/** The same family whatever the point: free levels, four parameters. */
const POINTS: readonly { readonly name: string; readonly family: ScheduleFamily; readonly at: Float64Array }[] = [
  { name: 'levels', family: levelsFamily(samplingScheduleFrom(training, 'log-snr-clipped', STEPS)) },
  { name: 'cosine', family: samplingFamily('cosine', training, STEPS) },
].flatMap(({ name, family }) => {
  const start = { name: `${name}, where tuning starts`, family, at: family.initial }
  if (name !== 'levels') return [start]
  const at = Float64Array.from(family.names, (parameter) => learned.schedule.parameters[parameter])
  return [start, { name: `${name}, where tuning ended`, family, at }]
})

const rows: object[] = []
for (const { name, family, at } of POINTS) {
  for (const { label, estimator, samples, through, repeats } of TRIALS) {
    const objective = new FrechetObjective({
      denoiser,
      features,
      reference,
      settings: samplerSettings({ sampler: 'dpm-solver++' }),
      samples,
      seed: 2 ** 33 + SEED,
      through: through ?? 'all',
    })
    const problem = samplingProblem(objective, family)
    const found = await measureEstimator(estimator, {
      objective: problem.objective,
      blocks: problem.blocks,
      upper: { samplingSchedule: at },
      lower: null,
      wanted: ['samplingSchedule'],
      seed: SEED,
      repeats,
    })
    const { ratio, perEvaluation, mean, variance } = found
    const row = { point: name, estimator: label, repeats, ratio, per100000Evaluations: perEvaluation * 1e5 }
    rows.push({ ...row, mean: [...mean], variance: [...variance] })
    console.error(
      `${name}; ${label}: ratio ${ratio.toFixed(3)}, per 100,000 evaluations ${(perEvaluation * 1e5).toFixed(3)}`,
    )
  }
}
const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
const record = {
  command: 'npm run measure:estimators',
  commit,
  seed: SEED,
  delta: 0.5,
  featureNetwork: features.name,
  rows,
}
writeFileSync(RESULT, `${JSON.stringify(record, null, 1)}\n`)
await Promise.all([denoiser.dispose(), features.dispose()])
