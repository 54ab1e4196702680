/**
 * Trains the diffusion models of assets/models on the training split of the embedded digits, learns their sampling schedules on the
 * tuning split, and records what both are worth on the held-out split:
 *
 *     npm run train:models -- --model digits-16
 *     npm run train:models -- --model digits-28
 *
 * Each is one command of less than two hours on two cores. What is trained is kept in runs/models/<name>.v8 on the way, so that the same
 * command goes on where it was cut off; `--fresh` forgets it. `--folder` writes elsewhere.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import { tensor } from '../src/base/index.ts'
import type { Dataset, Split } from '../src/data/index.ts'
import { digits } from '../src/data/index.ts'
import type { Denoiser, FamilySchedule, NamedSchedule, SavedSchedule, TrainedState } from '../src/diffusion/index.ts'
import {
  compileDenoiser,
  generate,
  noiseSchedule,
  samplerSettings,
  samplingScheduleFrom,
  saveModel,
  scheduleName,
  Trainer,
  train,
} from '../src/diffusion/index.ts'
import type { ClassifierFeatures, EvaluationReference } from '../src/metrics/index.ts'
import {
  digitFeatures,
  digitJudge,
  evaluateImages,
  evaluationReference,
  frechetDistance,
  RECOGNISED_ABOVE,
  verdictsOf,
} from '../src/metrics/index.ts'
import type { DenoisingNetwork, NetworkState } from '../src/nn/index.ts'
import { adamw, flatSize, learningRate, unet } from '../src/nn/index.ts'
import { learnSchedule, learnSettings } from '../src/tuners/index.ts'

/** Everything that decides a model. */
interface Plan {
  readonly size: 16 | 28
  readonly channels: readonly number[]
  readonly layersPerBlock: number
  readonly seed: number
  readonly steps: number
  readonly batch: number
  /** Largest learning rate: after the warm-up a half cosine to 0. */
  readonly rate: number
  readonly warmUpSteps: number
  readonly emaDecay: number
  /** Share of images told the null class: more than guidance without a classifier needs, since the models are used without a class too. */
  readonly dropCondition: number
  readonly timesteps: number
  /** For the schedules: tuning iterations and images of each. */
  readonly iterations: number
  readonly tuningSamples: number
  /** Generated images of each row of the record. */
  readonly images: number
}

const SHARED = { seed: 0, batch: 64, warmUpSteps: 200, emaDecay: 0.998, dropCondition: 0.25, timesteps: 1000 } as const

const PLANS: Readonly<Record<string, Plan>> = {
  'digits-16': {
    ...SHARED,
    size: 16,
    channels: [16, 32, 64],
    layersPerBlock: 1,
    steps: 6000,
    rate: 3e-3,
    iterations: 10,
    tuningSamples: 192,
    images: 2000,
  },
  'digits-28': {
    ...SHARED,
    size: 28,
    channels: [16, 48, 96],
    layersPerBlock: 1,
    steps: 3000,
    rate: 3e-3,
    iterations: 8,
    tuningSamples: 160,
    images: 1000,
  },
}

const CLASSES = 10
const SCHEDULE_STEPS = [5, 10, 20]
const SAMPLING_SEED = 11
/** What `learnSchedule` compares by itself is kept small: the rows of the record are measured here. */
const SMALL = { candidateSamples: 72, evaluationSamples: 72, samplingSeeds: [SAMPLING_SEED] }
const CHUNK = 100
const SAVE_EVERY = 500

const CACHE = 'runs/models'
const imagesOf = ({ images, count, shape }: Split) => tensor('float32', [count, ...shape], images)
const say = (text: string) => console.error(`${new Date().toISOString().slice(11, 19)} ${text}`)

/** Trains, or goes on, or takes what is there. */
async function trained(
  name: string,
  plan: Plan,
  network: DenoisingNetwork,
  schedule: FamilySchedule,
  data: Dataset,
): Promise<TrainedState> {
  const path = join(CACHE, `${name}.v8`)
  const from = existsSync(path) ? (deserialize(readFileSync(path)) as TrainedState) : null
  if (from) say(`${name}: goes on from step ${from.training.step} in ${path}`)
  const { batch, seed, dropCondition, timesteps, steps, rate, warmUpSteps, emaDecay } = plan
  const optimizer = adamw({ weightDecay: 0 })
  const { train: images } = data.splits
  const trainer = await Trainer.create({ network, data: images, timesteps, optimizer, batch, seed, dropCondition })
  let mean = 0
  const result = await train(trainer, {
    steps,
    schedule,
    rate: learningRate({ kind: 'cosine', rate, steps, warmUpSteps }),
    maxDecay: emaDecay,
    ...(from && { from }),
    passing: true,
    onStep({ step, loss }, state) {
      mean += loss / SAVE_EVERY
      if (step % SAVE_EVERY !== 0) return
      say(`${name}: step ${step} of ${steps}, mean loss ${mean.toFixed(4)}`)
      mean = 0
      writeFileSync(path, serialize(state))
    },
  })
  await trainer.dispose()
  return result
}

interface Networks {
  readonly features: ClassifierFeatures
  readonly judge: ClassifierFeatures
}

/** The learned sampling schedules, for few steps and many. */
async function learned(
  name: string,
  plan: Plan,
  subject: { network: DenoisingNetwork; state: NetworkState; schedule: FamilySchedule },
  data: Dataset,
  networks: Networks,
): Promise<NamedSchedule[]> {
  const schedules: NamedSchedule[] = []
  const { seed, iterations, tuningSamples } = plan
  for (const samplingSteps of SCHEDULE_STEPS) {
    say(`${name}: learns the schedule of ${samplingSteps} steps`)
    const { sampling, settings } = await learnSchedule({
      subject: { kind: 'pretrained', ...subject },
      data,
      ...networks,
      settings: learnSettings({ samplingSteps, iterations, tuningSamples, chunk: CHUNK, seed, ...SMALL }),
    })
    const { name: features, hash } = networks.features
    const saved: SavedSchedule = { schedule: sampling, settings, learnedFor: { features, hash } }
    schedules.push({ name: scheduleName(saved), ...saved })
  }
  return schedules
}

/** A way of sampling, and whether its images are of the classes in turn or of the null class. */
interface Way extends Pick<SavedSchedule, 'schedule' | 'settings'> {
  readonly label: string
  readonly conditional: boolean
}

function waysOf(schedule: FamilySchedule, schedules: readonly NamedSchedule[]): Way[] {
  const ddim = (steps: number) => ({
    label: `default ddim-${steps}`,
    schedule: samplingScheduleFrom(schedule, 'trailing', steps),
    settings: samplerSettings({ sampler: 'ddim' }),
  })
  const ways = [
    ...SCHEDULE_STEPS.map(ddim),
    ...schedules.map(({ name, ...saved }) => ({ ...saved, label: `learned ${name}` })),
  ]
  const unconditional = [ways[SCHEDULE_STEPS.length - 1], ways[ways.length - 1]]
  return [
    ...ways.map((way) => ({ ...way, conditional: true })),
    ...unconditional.map((way) => ({ ...way, conditional: false })),
  ]
}

/** One row of the record, on the held-out split. */
async function measured(
  denoiser: Denoiser,
  { label, schedule, settings, conditional }: Way,
  count: number,
  networks: Networks,
  reference: EvaluationReference,
) {
  const condition = Int32Array.from({ length: count }, (_, item) => (conditional ? item % CLASSES : CLASSES))
  const { images } = await generate({ denoiser, schedule, settings, count, seed: SAMPLING_SEED, condition })
  const { fid, judgeFid, recognised, diversity } = await evaluateImages(images, { ...networks, reference })
  const { classes } = verdictsOf(await networks.judge.probabilities(images))
  const right = classes.reduce((sum, value, i) => sum + Number(value === condition[i]), 0)
  return {
    label,
    classes: conditional ? 'in turn' : 'null',
    sampler: settings.sampler,
    steps: schedule.levels.length,
    images: count,
    fid: fid.value,
    judgeFid: judgeFid?.value,
    recognised,
    ofItsClass: conditional ? right / count : null,
    diversity: diversity?.meanPairwiseDistance,
  }
}

/** Real tuning images against held-out ones, and how many held-out images the judge recognises. */
async function realRow({ splits }: Dataset, { features, judge }: Networks, reference: EvaluationReference) {
  const heldOut = await judge.probabilities(imagesOf(splits.heldOut))
  const { confidence } = verdictsOf(heldOut)
  return {
    fid: frechetDistance(await features.features(imagesOf(splits.tuning)), reference.features).value,
    recognised: confidence.reduce((sum, value) => sum + Number(value > RECOGNISED_ABOVE), 0) / confidence.length,
  }
}

const rounded = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

async function make(name: string, plan: Plan, root: string): Promise<void> {
  const started = Date.now()
  const seconds = () => Math.round((Date.now() - started) / 1000)
  const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
  const { size, channels, layersPerBlock, timesteps } = plan
  const data = await digits({ size })
  const network = unet({ size, channels, layersPerBlock, classes: CLASSES })
  const schedule = noiseSchedule({ family: 'cosine', timesteps })
  const { training, ema } = await trained(name, plan, network, schedule, data)
  const state: NetworkState = { weights: ema, statistics: training.statistics }
  const spent = { training: seconds() }
  const folder = join(root, name)
  const model = { network, state, noiseSchedule: schedule }
  await saveModel(folder, { ...model, samplingSchedules: [] })
  const networks = { features: await digitFeatures({ size }), judge: await digitJudge({ size }) }
  const samplingSchedules = await learned(name, plan, { network, state, schedule }, data, networks)
  const { notes } = await saveModel(folder, { ...model, samplingSchedules })
  for (const note of notes) say(note)
  const denoiser = await compileDenoiser({ network, state, batch: CHUNK, binding: 'bound' })
  const reference = await evaluationReference(imagesOf(data.splits.heldOut), networks)
  const rows = []
  for (const way of waysOf(schedule, samplingSchedules)) {
    const row = await measured(denoiser, way, plan.images, networks, reference)
    say(`${name}: ${row.label}, classes ${row.classes}: FID ${row.fid.toFixed(2)}, recognised ${row.recognised}`)
    rows.push(row)
  }
  const record = {
    name,
    command: `npm run train:models -- --model ${name}`,
    commit,
    machine: `${cpus().length} x ${cpus()[0].model}, Node ${process.version}`,
    weights: createHash('sha256')
      .update(new Uint8Array(ema.buffer, ema.byteOffset, ema.byteLength))
      .digest('hex'),
    parameters: flatSize(network.parameters),
    data: data.provenance.sha256,
    plan,
    featureNetwork: { name: networks.features.name, hash: networks.features.hash },
    judgeNetwork: { name: networks.judge.name, hash: networks.judge.hash },
    samplingSeed: SAMPLING_SEED,
    real: await realRow(data, networks, reference),
    rows,
    seconds: { ...spent, total: seconds() },
  }
  writeFileSync(join(folder, 'record.json'), `${JSON.stringify(record, rounded, 2)}\n`)
  say(`${name}: done in ${seconds()} s`)
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    folder: { type: 'string', default: 'assets/models' },
    fresh: { type: 'boolean', default: false },
  },
})
const { model: name = '' } = values
if (!Object.hasOwn(PLANS, name)) throw new Error(`--model is one of ${Object.keys(PLANS).join(', ')}, got '${name}'`)
mkdirSync(CACHE, { recursive: true })
if (values.fresh) rmSync(join(CACHE, `${name}.v8`), { force: true })
await make(name, PLANS[name], values.folder)
process.exit(0)
