/** What is planned, charged and shown as progress, against what a job spends. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { noiseSchedule, SETTLING_BATCHES } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { shuffleUnet } from '../../nn/index.ts'
import { defaultPlans } from './candidates.ts'
import type { LearnProgress } from './events.ts'
import type { LearnOptions } from './options.ts'
import { schedulePlan } from './plan.ts'
import { expectRising, recorded } from './recorded.fixture.ts'
import { DECISION_KEYS } from './search/cost.ts'
import { MOST_STARTS } from './search/startPool.ts'
import type { LearnSettings } from './settings/index.ts'
import { TINY_MODES, tinyData, tinyFeatures, tinyNetwork, tinySettings } from './tiny.fixture.ts'

let features: FeatureNetwork
let judge: FeatureNetwork
beforeAll(async () => {
  features = await tinyFeatures(3)
  judge = await tinyFeatures(4)
})
afterAll(() => Promise.all([features.dispose(), judge.dispose()]))

const optionsOf = (settings: Partial<LearnSettings> = {}): LearnOptions => ({
  subject: { kind: 'train', network: tinyNetwork },
  data: tinyData,
  features,
  judge,
  settings: { ...tinySettings, ...settings },
})

/** One iteration, counted by hand. */
function tuningCost(settings: LearnSettings, estimator: string): number {
  const { learn, batch, tuningSamples: samples, samplingSteps: steps, lowerSteps, twinSteps } = settings
  const [gradient, weights] = estimator === 'two-point' ? [2, 2] : [3, 4]
  const direct = gradient * samples * steps
  if (learn === 'sampling') return direct
  // y and z, the offset's extra steps, the pull on z, and the loss's derivative in the levels at both, on 32 minibatches
  const training = (lowerSteps + 2 * twinSteps + 2) * 3 * batch
  return direct + training + weights * samples * steps + 32 * 2 * 2 * batch
}

/** The first pull is measured against the loss gradient of as many minibatches. */
const measuringPull = ({ learn, batch, twinSteps }: LearnSettings): number =>
  learn === 'sampling' ? 0 : twinSteps * 3 * batch

/** Learned schedule and best default on the images that decide: four keys of as many as candidates have. */
const decisionCost = ({ candidateSamples, samplingSteps }: LearnSettings): number =>
  DECISION_KEYS * 2 * candidateSamples * samplingSteps

/** The plan made from the settings alone, as `--dry-run` shows it. */
const planOf = (settings: LearnSettings, statistics = false) =>
  schedulePlan(settings, { schedule: null, trained: true, statistics })

const expectDone = (progress: readonly LearnProgress[]): void => {
  const { done, total } = progress[progress.length - 1]
  expect(done).toBe(total)
}

test.each(TINY_MODES)('$learn: both sides spend the same, up to half a training step, as planned', async (mode) => {
  const settings = { ...tinySettings, ...mode }
  const { learned, progress } = await recorded(optionsOf(settings))
  const { networkEvaluations, protocol } = learned.result
  const { batch, trainSteps, iterations } = settings
  const perIteration = tuningCost(settings, protocol.tuning.estimator)
  const { starts } = learned.result
  expect(starts.map(({ name }) => name)).toEqual(settings.learn === 'sampling' ? ['trailing'] : [])
  const decided = settings.learn === 'sampling' ? decisionCost(settings) : 0
  expect(networkEvaluations.learned).toBe(
    3 * batch * trainSteps + iterations * perIteration + measuringPull(settings) + decided,
  )
  expect(Math.abs(networkEvaluations.learned - networkEvaluations.default)).toBeLessThanOrEqual(1.5 * batch)
  expect(protocol.trainingSteps.default).toBe(networkEvaluations.default / (3 * batch))
  expectRising(progress, 0)
  expectDone(progress)
  const plan = planOf(settings)
  expect(plan.total).toBe(progress[progress.length - 1].total)
  expect(plan.training + plan.derivative + plan.sampling).toBe(plan.total)
})

test.each(['implicit', 'unrolled'] as const)(
  'the hypergradient %s: as planned, with its standard errors and what it did not resolve',
  async (hypergradient) => {
    const settings = { ...tinySettings, learn: 'tied', z: false, hypergradient } as const
    const { learned, progress } = await recorded(optionsOf(settings))
    expectRising(progress, 0)
    expectDone(progress)
    expect(planOf(settings).total).toBe(progress[progress.length - 1].total)
    const { history, networkEvaluations } = learned.result
    const { batch, trainSteps, iterations } = settings
    const { tuningSamples: samples, samplingSteps: steps, lowerSteps, twinSteps } = settings
    // y, and four estimates: FID's gradient, products of two gradients each, the mixed derivative's 24, and a forward pass for each minibatch that has its own targets
    const series = lowerSteps + twinSteps - 1
    const [products, own] =
      hypergradient === 'implicit'
        ? [
            [14, 14],
            [2, 2],
          ]
        : [
            [series, 0],
            [series, 0],
          ]
    const estimate = (count: number, forward: number) =>
      4 * samples * steps + 2 * count * 3 * batch + 24 * 2 * batch + forward * batch
    const tuned = products.map((count, i) => (lowerSteps + twinSteps) * 3 * batch + 4 * estimate(count, own[i]))
    expect(history.length).toBe(iterations)
    expect(networkEvaluations.learned).toBe(3 * batch * trainSteps + tuned[0] + tuned[1])
    for (const [i, { gradient, gradientErrors = {}, unresolved = [], parameters }] of history.entries()) {
      const names = Object.keys(gradient)
      expect(Object.keys(gradientErrors)).toEqual(names)
      for (const name of names) {
        const resolved = Math.abs(gradient[name]) >= 2 * gradientErrors[name]
        expect(unresolved.includes(name)).toBe(!resolved)
        if (!resolved && i + 1 < history.length) expect(history[i + 1].parameters[name]).toBe(parameters[name])
      }
    }
  },
)

test('starts to choose from: every one is screened and the best are tuned in rounds, at most what is planned', async () => {
  const settings = {
    ...tinySettings,
    learn: 'sampling',
    samplingFamily: 'levels',
    start: 'auto',
    iterations: 3,
  } as const
  const { learned, progress } = await recorded(optionsOf(settings))
  const { networkEvaluations, protocol, starts, tuned } = learned.result
  const { batch, trainSteps, tuningSamples: samples, samplingSteps: steps } = settings
  expect(starts.length).toBeLessThanOrEqual(MOST_STARTS)
  // Four of them 1 iteration, two of them 2, one of them 3.
  expect(tuned.map(({ values }) => values.length).toSorted()).toEqual([1, 1, 2, 3])
  const tuning = starts.length * samples * steps + 7 * tuningCost(settings, 'backpropagation') + decisionCost(settings)
  expect(networkEvaluations.learned).toBe(3 * batch * trainSteps + tuning)
  expect(protocol.trainingSteps.default).toBe(trainSteps + Math.round(tuning / (3 * batch)))
  expectRising(progress, 0)
  expectDone(progress)
  const most = planOf(settings)
  const unused = (MOST_STARTS - starts.length) * samples * steps
  // The default side would train on by those as well.
  expect(Math.abs(most.total - progress[progress.length - 1].total - 2 * unused)).toBeLessThanOrEqual(3 * batch)
})

test('where the best default is kept there is nothing learned at other numbers of steps, and the bar ends at its end', async () => {
  const settings = { ...tinySettings, samplingFamily: 'level-power', iterations: 0, ceilingSteps: 30 } as const
  const { learned, progress } = await recorded(optionsOf(settings))
  expect(learned.result.decision?.kept).toBe('start')
  expect(learned.result.bySteps.map(({ points }) => points.length)).toEqual([4, 1])
  expect(learned.result.ceiling).toMatchObject({ sampler: 'ddpm', steps: 30, stepList: 'trailing' })
  expectRising(progress, 0)
  expectDone(progress)
})

test('a plan says which program makes its evaluations, counted by hand', () => {
  const sampling = {
    ...tinySettings,
    learn: 'sampling',
    samplingFamily: 'levels',
    estimator: 'backpropagation',
  } as const
  const { batch, trainSteps, iterations, tuningSamples: samples, samplingSteps: steps } = sampling
  const tuned = iterations * 3 * samples * steps + decisionCost(sampling)
  const plan = planOf(sampling)
  expect(plan.training).toBe(3 * batch * (trainSteps + Math.round(tuned / (3 * batch))))
  expect(plan.derivative).toBe(iterations * 2 * samples * steps)
  const frozen = schedulePlan(sampling, { schedule: null, trained: false, statistics: false })
  // Of a network that is trained on, the defaults are ranked at both.
  const schedule = noiseSchedule({ family: 'cosine', timesteps: 40 })
  // Twelve images are a single round; the best three are compared on 48.
  const ranking = (defaultPlans(schedule, steps, sampling).length * 12 + 3 * 48) * steps
  const { total, derivative } = plan
  expect(frozen).toEqual({
    training: 0,
    derivative,
    sampling: plan.sampling - ranking,
    total: total - plan.training - ranking,
  })
  const twoPoint = planOf({ ...tinySettings, learn: 'tied', estimator: 'two-point', twinSteps: 3, lowerSteps: 2 })
  expect(twoPoint.derivative).toBe(0)
  const tied = { ...tinySettings, learn: 'tied', twinSteps: 3, lowerSteps: 2 } as const
  // df/dq at z, and the pull on z: dx, dweights and a forward pass
  expect(planOf(tied).derivative).toBe(iterations * (2 + 3) * samples * steps)
})

test('one-point, whose first estimate only primes: a shortfall of the plan only speeds the bar up', async () => {
  const { learned, progress } = await recorded(
    optionsOf({ learn: 'tied', estimator: 'one-point', gamma: 40, trainSteps: 2 }),
  )
  const [first, second] = learned.result.history
  expect(second.parameters).toEqual(first.parameters)
  expectRising(progress, 0)
  expectDone(progress)
})

test('running statistics: made again for the averaged weights, and charged where an iteration makes them', async () => {
  const network = shuffleUnet({ sample_size: 4, base_dim: 4, dim_mults: [2], timesteps: 40, time_embedding_dim: 4 })
  const settings = { ...tinySettings, learn: 'both', samplingFamily: 'levels', iterations: 1, trainSteps: 2 } as const
  const run = await recorded({ ...optionsOf(), subject: { kind: 'train', network }, settings })
  const { networkEvaluations } = run.learned.result
  const settling = SETTLING_BATCHES * settings.batch
  const tuned = tuningCost(settings, 'backpropagation') + measuringPull(settings)
  expect(networkEvaluations.learned).toBe(2 * 3 * settings.batch + tuned + settling)
  expect(Math.abs(networkEvaluations.learned - networkEvaluations.default)).toBeLessThanOrEqual(1.5 * settings.batch)
  expectRising(run.progress, 0)
  expectDone(run.progress)
})
