/** Where hypergradients are held against retraining: a network of `quick` part of the way through training, with the tied problem around it. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deserialize, serialize } from 'node:v8'
import type { BilevelProblem, PenaltySettings, PenaltyState } from '../../src/bilevel/index.ts'
import { penaltyInit } from '../../src/bilevel/index.ts'
import { digits } from '../../src/data/index.ts'
import { loadModel, shippedModelFolder } from '../../src/diffusion/files/index.ts'
import type { Minibatch, TrainedState, TrainingState } from '../../src/diffusion/index.ts'
import { compileDenoiser, noiseFamily } from '../../src/diffusion/index.ts'
import { digitFeatures } from '../../src/metrics/files/index.ts'
import { unet } from '../../src/nn/index.ts'
import { learnSettings } from '../../src/tuners/index.ts'
import { openJob } from '../../src/tuners/schedule/job.ts'
import { openObjective } from '../../src/tuners/schedule/objectives/open.ts'
import { penaltySettings } from '../../src/tuners/schedule/penalty.ts'
import type { TiedBlock } from '../../src/tuners/schedule/problem.ts'
import { tiedProblem } from '../../src/tuners/schedule/problem.ts'
import { givenParameters } from '../../src/tuners/schedule/settings/index.ts'
import { trainTo } from '../../src/tuners/schedule/training.ts'

export type Problem = BilevelProblem<TiedBlock, TrainingState, Minibatch>
export type State = PenaltyState<TiedBlock, TrainingState>

/** Training schedules to stand at. `inner` is clear of every bound of the family, so that all four parameters can be moved both ways. */
export const POINTS = {
  default: {},
  inner: { start: 0.03, end: 0.97, tau: 1, epsilon: 0.02 },
} as const
export type PointName = keyof typeof POINTS

/** By how much a parameter is moved each way: half of its step scale, or less where a bound is near. */
export const SHIFTS: Readonly<Record<string, number>> = { start: 0.02, end: 0.02, tau: 0.1, epsilon: 0.006 }

/** What training begins with: weights of its own, or those of the shipped network (6,000 steps, a falling rate), which then goes on at the constant rate of a run. */
export const BEGINNINGS = ['shipped', 'fresh'] as const
export type Beginning = (typeof BEGINNINGS)[number]

/** Images an evaluation of the distance takes: of a branch, and of one estimate of a hypergradient (the default of `--tuning-samples`). */
export interface Images {
  readonly branch: number
  readonly estimate: number
}

export interface Place {
  readonly state: State
  readonly settings: PenaltySettings
  /** f on the images of branches, and on those of estimates: of other noise. */
  readonly branches: Problem
  readonly estimates: Problem
  /** A training step, in network evaluations. */
  readonly stepCost: number
  close(): Promise<void>
}

/** Noise of branches: none that an estimate or a search draws from. */
const BRANCH_NOISE = 2 ** 35

/**
 * @param cache folder of trained networks, kept for other commands
 * @param steps training steps before q is moved
 */
export async function openPlace(
  {
    point,
    seed,
    beginning,
    steps,
    images,
  }: { point: PointName; seed: number; beginning: Beginning; steps: number; images: Images },
  cache: string,
): Promise<Place> {
  const begun = await beginningOf(beginning)
  const { network } = begun
  const [data, features] = await Promise.all([digits({ size: 16 }), digitFeatures({ size: 16 })])
  const settings = learnSettings({
    learn: 'tied',
    training: POINTS[point],
    trainSteps: steps,
    tuningSamples: images.estimate,
    seed,
  })
  const job = await openJob({ subject: { kind: 'train', ...begun }, data, features, judge: null, settings })
  const { trainer, rate, family: sampling } = job
  if (!trainer) throw new Error('a network that is trained here has a trainer')
  const path = join(cache, `${point}-${beginning}-${steps}-seed${seed}.v8`)
  if (!existsSync(path)) {
    mkdirSync(cache, { recursive: true })
    writeFileSync(path, serialize(await trainTo(job, null, steps, async () => {})))
  }
  const shared = deserialize(readFileSync(path)) as TrainedState
  const denoiser = await compileDenoiser({ network, state: shared.training, batch: settings.chunk, binding: 'fed' })
  const training = noiseFamily({ family: 'cosine', initial: givenParameters(settings) })
  const parts = { trainer, denoiser, training, sampling, learningRate: rate, initial: shared.training }
  const problemOf = (samples: number, noise: number): Problem =>
    tiedProblem({ ...parts, objective: openObjective(job, denoiser, { samples, seed: noise + seed }) })
  const estimates = problemOf(images.estimate, 2 ** 32)
  const trained = {
    y: shared.training,
    average: shared.ema,
    offset: new Float64Array(shared.ema.length),
    steps: shared.training.step,
  }
  const penalty = penaltySettings(settings)
  const { lower } = estimates
  if (lower.kind !== 'trained') throw new Error('the tied problem trains its network')
  return {
    state: { ...penaltyInit(estimates, penalty), trained, draws: shared.training.step },
    settings: penalty,
    branches: problemOf(images.branch, BRANCH_NOISE),
    estimates,
    stepCost: lower.cost.step,
    async close() {
      await Promise.all([denoiser.dispose(), features.dispose(), trainer.dispose()])
    },
  }
}

async function beginningOf(beginning: Beginning) {
  if (beginning === 'fresh') return { network: unet({ size: 16, channels: [16, 32, 64] }) }
  const folder = shippedModelFolder('digits-16')
  if (folder === null) throw new Error('digits-16 is a shipped model')
  const { network, state } = await loadModel(folder)
  return { network, state }
}
