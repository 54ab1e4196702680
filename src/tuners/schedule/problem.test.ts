/** The three bilevel problems on a real trainer, compiled network and feature network. */
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { float32, randomStream } from '../../base/index.ts'
import type { PenaltySettings, PenaltyState } from '../../bilevel/index.ts'
import {
  clipToBox,
  estimatorByName,
  PENALTY_DEFAULTS,
  penaltyInit,
  penaltyStep,
  problemCost,
} from '../../bilevel/index.ts'
import type { CompiledDenoiser, NoiseFamily, ScheduleFamily, TrainingState } from '../../diffusion/index.ts'
import {
  compileDenoiser,
  levelsFamily,
  noiseFamily,
  noiseParameterFamily,
  samplerSettings,
  samplingScheduleFrom,
  solverCotangent,
  Trainer,
} from '../../diffusion/index.ts'
import type { FeatureNetwork, FrechetReference } from '../../metrics/index.ts'
import { referenceMoments } from '../../metrics/index.ts'
import { adamw, sgd } from '../../nn/index.ts'
import { scheduleProblemCost } from './cost.ts'
import type { FrechetObjectiveGradient } from './objectives/fid.ts'
import { FrechetObjective } from './objectives/fid.ts'
import type { TrainedProblemParts } from './problem.ts'
import { samplingProblem, splitProblem, tiedProblem } from './problem.ts'
import type { LearnSettings } from './settings/index.ts'
import { SHAPE, tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

/** Inside the family's box, off its defaults and its kinks. */
const START = { start: 0.05, end: 0.93, tau: 1.2, epsilon: 0.02 }
const [TIMESTEPS, STEPS, BATCH] = [40, 4, 8]

const training: NoiseFamily = noiseFamily({ family: 'cosine', timesteps: TIMESTEPS, initial: START })
const cosine: ScheduleFamily = noiseParameterFamily({
  family: 'cosine',
  timesteps: TIMESTEPS,
  steps: STEPS,
  initial: START,
})

let features: FeatureNetwork
let reference: FrechetReference
let denoiser: CompiledDenoiser
let trainer: Trainer
const { weights } = tinyState()

beforeAll(async () => {
  features = await tinyFeatures()
  const { images, count } = tinyData.splits.tuning
  reference = referenceMoments(await features.features(float32(images, [count, ...SHAPE])))
  denoiser = await compileDenoiser({ network: tinyNetwork, state: tinyState(), batch: 12, binding: 'fed' })
  trainer = await Trainer.create({
    network: tinyNetwork,
    data: tinyData.splits.train,
    timesteps: TIMESTEPS,
    optimizer: adamw({ weightDecay: 0 }),
    batch: BATCH,
    seed: 1,
  })
})
afterAll(() => Promise.all([features.dispose(), denoiser.dispose(), trainer.dispose()]))

const objectiveOptions = () => ({
  denoiser,
  features,
  reference,
  settings: samplerSettings({ clip: null }),
  samples: 12,
  seed: 8,
})

/** An upper objective that does not care: its gradient is 0 in everything. */
class Indifferent extends FrechetObjective {
  override async gradient(): Promise<FrechetObjectiveGradient> {
    const zeros = new Float64Array(STEPS)
    return {
      value: 0,
      dLogSnr: zeros,
      dTimes: zeros,
      dSolver: solverCotangent(STEPS),
      dWeights: new Float32Array(weights.length),
    }
  }
}

const partsOf = (options: Partial<TrainedProblemParts> = {}): TrainedProblemParts => ({
  trainer,
  objective: new FrechetObjective(objectiveOptions()),
  denoiser,
  training,
  sampling: cosine,
  learningRate: () => 2e-3,
  initial: { ...trainer.initialState(), weights },
  ...options,
})

const settingsOf = (options: Partial<PenaltySettings> = {}): PenaltySettings => ({
  ...PENALTY_DEFAULTS,
  gamma: 200,
  lowerSteps: 2,
  twinSteps: 3,
  seed: 4,
  ...options,
})

async function slope(f: (distance: number) => Promise<number>, h: number): Promise<number> {
  const [a, b, c, d] = [await f(-2 * h), await f(-h), await f(h), await f(2 * h)]
  return (8 * (c - b) - (d - a)) / (12 * h)
}

const moved = (vector: Float64Array, i: number, distance: number) =>
  vector.map((value, j) => (j === i ? value + distance : value))

describe('the frozen problem', () => {
  const families: [string, ScheduleFamily][] = [
    ['cosine', cosine],
    ['levels', levelsFamily(samplingScheduleFrom(training.toSchedule(training.initial), 'trailing', STEPS))],
  ]

  test.each(families)('gradient in the parameters of %s: central differences', async (_, family) => {
    const { objective, lower, blocks } = samplingProblem(new FrechetObjective(objectiveOptions()), family)
    const at = blocks.samplingSchedule.initial
    const wanted = { blocks: ['samplingSchedule'], weights: false } as const
    const found = await objective.gradient?.({ samplingSchedule: at }, null, 1, wanted)
    const gradient = found?.upper.samplingSchedule ?? new Float64Array(0)
    // In units of scale, as the optimizer takes them.
    const scaled = gradient.map((g, i) => g * family.scale[i])
    const largest = Math.max(...scaled.map(Math.abs))
    for (let i = 0; i < at.length; i++) {
      const value = (d: number) => objective.value({ samplingSchedule: moved(at, i, d * family.scale[i]) }, null, 1)
      expect(Math.abs(scaled[i] - (await slope(value, 0.05))), family.names[i]).toBeLessThan(4e-3 * largest)
    }
    expect(gradient.length).toBe(family.names.length)
    expect(lower.kind).toBe('frozen')
  })

  test('a network or features without derivative: an objective without gradient', () => {
    const blind = { ...objectiveOptions(), denoiser: { ...denoiser, imageShape: SHAPE, differentiable: false } }
    expect(samplingProblem(new FrechetObjective(blind), cosine).objective.gradient).toBeUndefined()
    const { vjp: _, ...plain } = features
    const plainFeatures = new FrechetObjective({ ...objectiveOptions(), features: plain })
    expect(samplingProblem(plainFeatures, cosine).objective.gradient).toBeUndefined()
  })
})

test('lower gradient in the family’s parameters: central differences of the lower loss', async () => {
  const { lower } = tiedProblem(partsOf())
  if (lower.kind !== 'trained') throw new Error('a trained problem')
  const state: TrainingState = { ...trainer.initialState(), weights }
  const batch = await lower.draw(3)
  const at = training.initial
  const { schedule: gradient = new Float64Array(0) } = await lower.gradientInUpper(state, { schedule: at }, batch)
  const scaled = gradient.map((g, i) => g * training.scale[i])
  const largest = Math.max(...scaled.map(Math.abs))
  for (let i = 0; i < at.length; i++) {
    const loss = async (d: number) => {
      const schedule = training.toSchedule(moved(at, i, d * training.scale[i]))
      return (await trainer.lowerGradient(state, schedule, batch)).loss
    }
    expect(Math.abs(scaled[i] - (await slope(loss, 0.05))), training.names[i]).toBeLessThan(2e-3 * largest)
  }
  expect(largest).toBeGreaterThan(1e-4)
})

test('the lower gradient in the weights: the directional derivative of the lower loss', async () => {
  const { lower } = tiedProblem(partsOf())
  if (lower.kind !== 'trained') throw new Error('a trained problem')
  const state: TrainingState = { ...trainer.initialState(), weights }
  const upper = { schedule: training.initial }
  const batch = await lower.draw(3)
  const gradient = Float64Array.from((await lower.gradientInWeights?.(state, upper, batch)) ?? [])
  const direction = randomStream({ seed: 4, purpose: 'test.direction' }).normal(new Float64Array(weights.length))
  const along = gradient.reduce((sum, g, i) => sum + g * direction[i], 0)
  const loss = async (h: number) => {
    const at = { ...state, weights: weights.map((w, i) => w + h * direction[i]) }
    return (await trainer.lowerGradient(at, training.toSchedule(training.initial), batch)).loss
  }
  expect(Math.abs(along - (await slope(loss, 2e-3)))).toBeLessThan(2e-3 * Math.abs(along))
})

test('what a job plans with is what its problem says it costs', () => {
  const settings = { ...tinySettings, batch: BATCH, samplingSteps: STEPS, tuningSamples: 12 }
  const planned = (learn: LearnSettings['learn']) =>
    scheduleProblemCost({ ...settings, learn }, { parameters: cosine.names.length, statistics: false })
  const objective = new FrechetObjective(objectiveOptions())
  expect(problemCost(samplingProblem(objective, cosine))).toEqual(planned('sampling'))
  expect(problemCost(tiedProblem(partsOf()))).toEqual(planned('tied'))
  expect(problemCost(splitProblem(partsOf()))).toEqual(planned('both'))
})

test('tied and split say the same of each level', async () => {
  const [tied, split] = [tiedProblem(partsOf()), splitProblem(partsOf())]
  if (tied.lower.kind !== 'trained' || split.lower.kind !== 'trained') throw new Error('trained problems')
  const state: TrainingState = { ...trainer.initialState(), weights }
  const upper = { schedule: training.initial, trainingSchedule: training.initial, samplingSchedule: cosine.initial }
  const batch = await tied.lower.draw(2)
  const [one, two] = [
    await tied.lower.gradientInUpper(state, upper, batch),
    await split.lower.gradientInUpper(state, upper, batch),
  ]
  expect(two.trainingSchedule).toEqual(one.schedule)
  const [f, g] = [
    await tied.objective.gradient?.(upper, state, 0, { blocks: ['schedule'], weights: true }),
    await split.objective.gradient?.(upper, state, 0, { blocks: ['samplingSchedule'], weights: true }),
  ]
  expect(g?.upper.samplingSchedule).toEqual(f?.upper.schedule)
  expect(g?.weights).toEqual(f?.weights)
  expect(split.objective.blocks).toEqual(['samplingSchedule'])
  expect(split.lower.blocks).toEqual(['trainingSchedule'])
})

test('start stays below end where the box was widened to where learning starts; a family’s own box is left as it is', () => {
  const own = tiedProblem(partsOf()).blocks.schedule
  expect(own.project).toBeUndefined()
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 0.98, noNaN: true }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.array(fc.double({ min: -2, max: 2, noNaN: true }), { minLength: 4, maxLength: 4 }),
      (start, share, wild) => {
        const end = start + share * (1 - start)
        const parts = { family: 'cosine', timesteps: TIMESTEPS, initial: { start, end } } as const
        const [noise, sampling] = [noiseFamily(parts), noiseParameterFamily({ ...parts, steps: STEPS })]
        const { trainingSchedule: block } = splitProblem(partsOf({ training: noise, sampling })).blocks
        const project = block.project ?? ((values) => clipToBox(values, block.low, block.high))
        expect(project(noise.initial)).toEqual(noise.initial)
        const vector = project(Float64Array.from(wild))
        expect(vector.every((value, i) => value >= block.low[i] && value <= block.high[i])).toBe(true)
        expect(vector[0]).toBeLessThan(vector[1])
        expect(() => sampling.toSchedule(vector)).not.toThrow()
      },
    ),
  )
})

describe('the twins, through the real trainer', () => {
  const iterate = async (parts: TrainedProblemParts, settings: PenaltySettings, iterations: number) => {
    const problem = splitProblem(parts)
    let state: PenaltyState<'trainingSchedule' | 'samplingSchedule', TrainingState> = penaltyInit(problem, settings)
    const reports = []
    for (let k = 0; k < iterations; k++) {
      const stepped = await penaltyStep(problem, settings, state)
      state = stepped.state
      reports.push(stepped.report)
    }
    return { state, reports }
  }

  test('with grad FID = 0, z is y to the bit and the gradient in the training schedule exactly 0', async () => {
    const parts = partsOf({ objective: new Indifferent(objectiveOptions()) })
    const { state, reports } = await iterate(parts, settingsOf(), 3)
    for (const { gradient, offset } of reports) {
      expect([...gradient.trainingSchedule].every((g) => g === 0)).toBe(true)
      expect(offset?.norm).toBe(0)
    }
    expect(state.trained?.offset.every((o) => o === 0)).toBe(true)
    expect(state.upper.trainingSchedule).toEqual(training.initial)
    expect(state.trained?.y.weights).not.toEqual(weights)
  })

  test('with FID, z moves, and where the optimizer is linear the way it should: towards a lower FID, as 1/gamma', async () => {
    const linear = await Trainer.create({ ...trainer.options, optimizer: sgd(), clip: null })
    const parts = partsOf({
      trainer: linear,
      learningRate: () => 0.02,
      initial: { ...linear.initialState(), weights },
    })
    const settings = settingsOf({ lowerSteps: 0, twinSteps: 6, freshSamples: false })
    const [weak, strong] = [
      await iterate(parts, { ...settings, gamma: 400 }, 1),
      await iterate(parts, { ...settings, gamma: 200 }, 1),
    ]
    const [small, large] = [weak, strong].map(({ reports }) => reports[0].offset?.norm ?? 0)
    expect(small).toBeGreaterThan(1e-4)
    expect(large / small).toBeGreaterThan(1.8)
    expect(large / small).toBeLessThan(2.2)
    const { y, offset } = strong.state.trained ?? { y: parts.initial, offset: new Float64Array(0) }
    const z = { ...y, weights: y.weights.map((w, i) => w + offset[i]) }
    const { objective } = splitProblem(parts)
    const upper = { trainingSchedule: training.initial, samplingSchedule: cosine.initial }
    expect(await objective.value(upper, z, 0)).toBeLessThan(await objective.value(upper, y, 0))
    expect([...strong.reports[0].gradient.trainingSchedule].some((g) => g !== 0)).toBe(true)
    await linear.dispose()
  })

  test('an iteration reports what it spends, counted step by step', async () => {
    let [steps, gradients] = [0, 0]
    const watched = new Proxy(trainer, {
      get(target, name) {
        if (name === 'step') steps++
        if (name === 'lowerGradient') gradients++
        const value = Reflect.get(target, name, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
    const parts = partsOf({ trainer: watched })
    const settings = settingsOf({
      estimator: estimatorByName('two-point'),
      weightsEstimator: estimatorByName('backpropagation'),
    })
    const { reports, state } = await iterate(parts, settings, 1)
    const samples = 12 * STEPS
    // y alone, the twins, and two steps that tell how far z is
    expect(steps).toBe(2 + 2 * 3 + 2)
    expect(gradients).toBe(2)
    expect(reports[0].evaluations).toBe(steps * 3 * BATCH + gradients * 2 * BATCH + 3 * 4 * samples + 2 * samples)
    expect(state.evaluations).toBe(reports[0].evaluations)
  })

  test('two-point in the weights perturbs them by little: FID stays within reach of its value', async () => {
    const { lower, objective } = splitProblem(partsOf())
    if (lower.kind !== 'trained') throw new Error('a trained problem')
    const state: TrainingState = { ...trainer.initialState(), weights }
    const { weightScale = 1 } = lower
    const norm = (vector: ArrayLike<number>) => Math.sqrt(Array.from(vector).reduce((sum, w) => sum + w * w, 0))
    expect((0.5 * weightScale * Math.sqrt(weights.length)) / norm(weights)).toBeLessThan(0.05)
    const shifted = lower.withWeights(
      state,
      weights.map((w, i) => w + 0.5 * weightScale * Math.cos(i) * Math.SQRT2),
    )
    const upper = { trainingSchedule: training.initial, samplingSchedule: cosine.initial }
    const [at, near] = [await objective.value(upper, state, 0), await objective.value(upper, shifted, 0)]
    expect(Math.abs(near - at)).toBeLessThan(0.05 * at)
    expect(near).not.toBe(at)
  })
})
