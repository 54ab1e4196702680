/**
 * Trains the diffusion models of assets/models on the training split of the embedded digits, learns their sampling schedules on the
 * tuning split, and records what both are worth on the held-out split:
 *
 *     npm run train:models -- --model digits-16
 *     npm run train:models -- --model digits-28
 *
 * With `--learn` nothing is trained: the schedules are learned again for the network that the folder holds. With `--from FILE` they are those that
 * `npm run proof:solver` found for it: docs/results/solver/digits-28.json. With `--measure` nothing is learned either: what the folder holds is measured
 * again. All replace the record's figures.
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
import '../src/runtime/node/index.ts'
import type { Dataset } from '../src/data/index.ts'
import { digits } from '../src/data/index.ts'
import type { NamedSchedule, SavedSchedule } from '../src/diffusion/files/index.ts'
import { loadModel, saveModel, scheduleName } from '../src/diffusion/files/index.ts'
import type { FamilySchedule, FreeName, NoiseSchedule, SamplingSchedule, TrainedState } from '../src/diffusion/index.ts'
import { noiseSchedule, Trainer, train } from '../src/diffusion/index.ts'
import { digitFeatures, digitJudge } from '../src/metrics/files/index.ts'
import type { DenoisingNetwork, NetworkState } from '../src/nn/index.ts'
import { adamw, flatSize, learningRate, unet } from '../src/nn/index.ts'
import { learnSchedule, learnSettings } from '../src/tuners/index.ts'
import { learnedSampler } from '../src/tuners/schedule/settings/index.ts'
import type { ShippedRecord } from './proofSolver.ts'
import type { Networks } from './shippedRows.ts'
import { shippedNumbers } from './shippedRows.ts'

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
  /** What is learned, one schedule each. */
  readonly schedules: readonly { readonly steps: number; readonly free: readonly FreeName[] }[]
  /** For the schedules: tuning iterations and images of each. */
  readonly iterations: number
  readonly tuningSamples: number
  /** Generated images of each default in the search for the best one. */
  readonly candidateImages: number
  /** Generated images of each row of the record, for each of its sampling seeds. */
  readonly images: number
  readonly samplingSeeds: readonly number[]
}

/** Everything of the exponential step but its history; and levels alone, which the schedulers of diffusers take. */
const SOLVER: readonly FreeName[] = ['levels', 'times', 'tau', 'weights', 'scale', 'output', 'clip']
const LEVELS: readonly FreeName[] = ['levels']

const SHARED = {
  ...{ seed: 0, batch: 64, warmUpSteps: 200, emaDecay: 0.998, dropCondition: 0.25, timesteps: 1000 },
} as const

const PLANS: Readonly<Record<string, Plan>> = {
  'digits-16': {
    ...SHARED,
    size: 16,
    channels: [16, 32, 64],
    layersPerBlock: 1,
    steps: 6000,
    rate: 3e-3,
    schedules: [
      { steps: 3, free: SOLVER },
      { steps: 5, free: SOLVER },
      { steps: 5, free: LEVELS },
      { steps: 8, free: SOLVER },
      { steps: 10, free: LEVELS },
    ],
    iterations: 10,
    tuningSamples: 192,
    ...{ candidateImages: 256, images: 1000, samplingSeeds: [11, 12, 13] },
  },
  'digits-28': {
    ...SHARED,
    size: 28,
    channels: [16, 48, 96],
    layersPerBlock: 1,
    steps: 3000,
    rate: 3e-3,
    schedules: [
      { steps: 3, free: SOLVER },
      { steps: 5, free: SOLVER },
    ],
    iterations: 8,
    tuningSamples: 160,
    ...{ candidateImages: 160, images: 500, samplingSeeds: [11, 12] },
  },
}

const CLASSES = 10
/** What `learnSchedule` compares by itself is kept small: the rows of the record are measured apart. */
const SMALL = { evaluationSamples: 72, samplingSeeds: [11], otherSteps: false }
const CHUNK = 100
const SAVE_EVERY = 500

const COMMAND = 'npm run train:models -- --model'
const CACHE = 'runs/models'
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

/** How a schedule of that many steps is learned. */
function settingsOf(plan: Plan, samplingSteps: number, free: readonly FreeName[] = LEVELS) {
  const { seed, iterations, tuningSamples, candidateImages: candidateSamples } = plan
  return learnSettings({
    samplingSteps,
    free,
    iterations,
    tuningSamples,
    candidateSamples,
    chunk: CHUNK,
    seed,
    ...SMALL,
  })
}

/** The learned sampling schedules; none where the best default was kept. */
async function learned(
  name: string,
  plan: Plan,
  subject: { network: DenoisingNetwork; state: NetworkState; schedule: NoiseSchedule },
  data: Dataset,
  networks: Networks,
): Promise<NamedSchedule[]> {
  const schedules: NamedSchedule[] = []
  for (const { steps, free } of plan.schedules) {
    say(`${name}: learns ${free.join(', ')} of ${steps} steps`)
    const { sampling, settings, result } = await learnSchedule({
      subject: { kind: 'pretrained', ...subject },
      data,
      ...networks,
      settings: settingsOf(plan, steps, free),
    })
    if (result.decision?.kept === 'start') {
      say(`${name}: ${free.join(', ')} of ${steps} steps are no better than the best default, which has no file here`)
      continue
    }
    const { name: features, hash } = networks.features
    const schedule = free === LEVELS ? atWholeTimes(sampling) : sampling
    const saved: SavedSchedule = { schedule, settings, learnedFor: { features, hash } }
    schedules.push({ name: scheduleName(saved), ...saved })
  }
  return schedules
}

/** Told the nearest whole times, the only ones that the schedulers of diffusers know: where levels alone are learned they are those of the start. */
const atWholeTimes = (schedule: SamplingSchedule): SamplingSchedule => ({
  ...schedule,
  times: schedule.times.map(Math.round),
})

const rounded = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value

/** Trains, learns and saves. @returns what the record says of it */
async function make(name: string, plan: Plan, root: string) {
  const started = Date.now()
  const { size, channels, layersPerBlock, timesteps } = plan
  const data = await digits({ size })
  const network = unet({ size, channels, layersPerBlock, classes: CLASSES })
  const schedule = noiseSchedule({ family: 'cosine', timesteps })
  const { training, ema } = await trained(name, plan, network, schedule, data)
  const state: NetworkState = { weights: ema, statistics: training.statistics }
  const folder = join(root, name)
  const model = { network, state, noiseSchedule: schedule }
  await saveModel(folder, { ...model, samplingSchedules: [] })
  await learnAgain(name, plan, folder)
  return {
    name,
    command: `${COMMAND} ${name}`,
    commit: commit(),
    machine: machine(),
    weights: createHash('sha256')
      .update(new Uint8Array(ema.buffer, ema.byteOffset, ema.byteLength))
      .digest('hex'),
    parameters: flatSize(network.parameters),
    data: data.provenance.sha256,
    plan,
    seconds: Math.round((Date.now() - started) / 1000),
  }
}

/** Learns the schedules of the model in a folder, in the place of those that it has. */
async function learnAgain(name: string, plan: Plan, folder: string): Promise<void> {
  const { size } = plan
  const data = await digits({ size })
  const { network, state, noiseSchedule: schedule } = await loadModel(folder)
  const networks = { features: await digitFeatures({ size }), judge: await digitJudge({ size }) }
  await replaceSchedules(folder, await learned(name, plan, { network, state, schedule }, data, networks))
}

/** The schedules that a search of the solver's proof has kept. */
async function foundBefore(plan: Plan, file: string): Promise<NamedSchedule[]> {
  const { learned: searches } = JSON.parse(readFileSync(file, 'utf8')) as Pick<ShippedRecord, 'learned'>
  const { name: features, hash } = await digitFeatures({ size: plan.size })
  return searches.flatMap(({ kept, steps, free, schedule }) => {
    if (kept !== 'learned') return []
    const settings = learnedSampler(settingsOf(plan, steps, free as FreeName[]))
    const saved: SavedSchedule = { schedule, settings, learnedFor: { features, hash } }
    return [{ name: scheduleName(saved), ...saved }]
  })
}

/** How they were found. */
function searchOf(file: string): Pick<ShippedRecord, 'command' | 'commit'> {
  const { command, commit } = JSON.parse(readFileSync(file, 'utf8')) as ShippedRecord
  return { command, commit }
}

async function replaceSchedules(folder: string, samplingSchedules: readonly NamedSchedule[]): Promise<void> {
  const { network, state, noiseSchedule: schedule } = await loadModel(folder)
  rmSync(join(folder, 'schedules'), { recursive: true, force: true })
  const { notes } = await saveModel(folder, { network, state, noiseSchedule: schedule, samplingSchedules })
  for (const note of notes) say(note)
}

const commit = () => execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
const machine = () => `${cpus().length} x ${cpus()[0].model}, Node ${process.version}`

/** Measures what the folder holds, and writes the record. */
async function measure(name: string, plan: Plan, folder: string, made: object): Promise<void> {
  const started = Date.now()
  const { size, candidateImages, images, samplingSeeds } = plan
  const data = await digits({ size })
  const networks = { features: await digitFeatures({ size }), judge: await digitJudge({ size }) }
  const { features, judge } = networks
  const numbers = await shippedNumbers({
    model: await loadModel(folder),
    data,
    networks,
    settingsAt: (steps) => settingsOf(plan, steps),
    steps: [...new Set(plan.schedules.map(({ steps }) => steps))],
    classes: CLASSES,
    candidateImages,
    images,
    seeds: samplingSeeds,
    chunk: CHUNK,
    say: (text) => say(`${name}: ${text}`),
  })
  const record = {
    ...made,
    measured: {
      command: `${COMMAND} ${name} --measure`,
      commit: commit(),
      machine: machine(),
      seconds: Math.round((Date.now() - started) / 1000),
    },
    featureNetwork: { name: features.name, hash: features.hash },
    judgeNetwork: { name: judge.name, hash: judge.hash },
    ...numbers,
  }
  writeFileSync(join(folder, 'record.json'), `${JSON.stringify(record, rounded, 2)}\n`)
  say(`${name}: measured in ${record.measured.seconds} s; npm run readme puts the tables into assets/models/README.md`)
}

/** What an older record says of how the model was made; its figures are left out. */
function madeBefore(folder: string, plan: Plan): object {
  const record = JSON.parse(readFileSync(join(folder, 'record.json'), 'utf8')) as Record<string, unknown>
  const kept = ['name', 'command', 'commit', 'machine', 'weights', 'parameters', 'data', 'seconds', 'schedules']
  return { ...Object.fromEntries(kept.map((key) => [key, record[key]])), plan }
}

const { values } = parseArgs({
  options: {
    model: { type: 'string' },
    folder: { type: 'string', default: 'assets/models' },
    from: { type: 'string' },
    fresh: { type: 'boolean', default: false },
    learn: { type: 'boolean', default: false },
    measure: { type: 'boolean', default: false },
  },
})
const { model: name = '' } = values
if (!Object.hasOwn(PLANS, name)) throw new Error(`--model is one of ${Object.keys(PLANS).join(', ')}, got '${name}'`)
mkdirSync(CACHE, { recursive: true })
if (values.fresh) rmSync(join(CACHE, `${name}.v8`), { force: true })
const folder = join(values.folder, name)
const { learn, from, measure: measureAgain } = values
const made =
  learn || from || measureAgain ? madeBefore(folder, PLANS[name]) : await make(name, PLANS[name], values.folder)
if (learn) await learnAgain(name, PLANS[name], folder)
if (from) await replaceSchedules(folder, await foundBefore(PLANS[name], from))
const learnedBy = from ? searchOf(from) : learn ? { command: `${COMMAND} ${name} --learn`, commit: commit() } : null
await measure(name, PLANS[name], folder, { ...made, ...(learnedBy && { schedules: learnedBy }) })
process.exit(0)
