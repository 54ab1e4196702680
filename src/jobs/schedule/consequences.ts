/** What of a schedule learning job follows from what was given, and from the network that is there. */
import { BilevelError } from '../../base/index.ts'
import type { FreeName, ToldTimes } from '../../diffusion/index.ts'
import { FREE_CHOICES, FREE_NAMES, SAMPLER_NAMES } from '../../diffusion/index.ts'
import type { Settings } from '../../runs/index.ts'
import type { LearnSettings } from '../../tuners/index.ts'
import { followingSettings, samplerFor } from '../../tuners/index.ts'
import type { SaidOfModel } from '../opening/derivativeProbe.ts'
import {
  derivativeMissingOf,
  featuresDerivativeMissing,
  rewardDerivativeMissingOf,
} from '../opening/derivativeProbe.ts'
import { isModelFile } from '../opening/modelFile.ts'
import { DESCRIBING } from '../opening/modelSettings.ts'
import type { ScheduleConfig } from './schema.ts'
import { DEFAULTS } from './schema.ts'

/**
 * A network that is there: no other side is trained on by what the search costs, and at equal cost two starts, screened, come to a better schedule than the best default's own.
 * Measured: docs/results/ablations.
 */
const FROZEN_DEFAULTS = { starts: 2 } as const

/** Whether it would have one start of a preset that trains, without being short of time: a file's derivative is dear, and a teacher samples each image in many steps. */
function startsOnce(preset: Settings, given: (key: string) => unknown): boolean {
  const model = given('model')
  return preset.starts === 1 && typeof model === 'string' && !isModelFile(model) && given('objective') !== 'teacher'
}

/** An ONNX file: half of the images where nothing is learned by them, without rows of many steps, which take longer than all the rest. */
const FOREIGN_DEFAULTS = {
  candidateSamples: 128,
  evaluationSamples: 500,
  ceilingSteps: null,
  otherSteps: false,
} as const

/**
 * One without derivatives: one exponent of the best start's levels, found by differences on the same images throughout (new ones each time drown
 * them), in steps that reach twice the exponent in half the iterations. Measured: docs/results/foreign-mnist-ddpm.
 */
const WITHOUT_DERIVATIVE = { samplingFamily: 'level-power', starts: 1, freshSamples: false, upperRate: 2 } as const

/** Whether the derivative of an objective ends at a file. */
const isUnderived = (given: (key: string) => unknown): boolean => areUnderivedFeatures(given) || isUnderivedFile(given)

/** Whether the features are a file whose operators have no derivative, or are not all known here. */
function areUnderivedFeatures(given: (key: string) => unknown): boolean {
  const [features, output] = ['features', 'featuresOutput'].map(given)
  return (
    isModelFile(features) && featuresDerivativeMissing(features, typeof output === 'string' ? output : null) !== null
  )
}

/** Whether the model is a file that is tuned without derivatives: as it is asked for, or as it, its features or a reward in a file has none. */
function isUnderivedFile(given: (key: string) => unknown): boolean {
  const [model, reward, estimator = 'backpropagation'] = ['model', 'reward', 'estimator'].map(given)
  if (!isModelFile(model)) return false
  if (estimator !== 'backpropagation' || areUnderivedFeatures(given)) return true
  return isUnderivedReward(reward) || derivativeMissingOf(model, saidOf(given)) !== null
}

/** What cannot be read as a reward is refused with the rest. */
function isUnderivedReward(reward: unknown): boolean {
  if (typeof reward !== 'string') return false
  try {
    return rewardDerivativeMissingOf(reward) !== null
  } catch (error) {
    if (error instanceof BilevelError) return false
    throw error
  }
}

/** What is said of the model's form, as far as it is of the kinds that it should be. */
function saidOf(given: (key: string) => unknown): SaidOfModel {
  const input = given('input')
  const size = Number(given('size') ?? Number.NaN)
  const entries = DESCRIBING.map((key) => [key, given(key)] as const).filter(([, value]) => typeof value === 'string')
  return {
    ...Object.fromEntries(entries),
    input: Array.isArray(input) ? input.map(String) : typeof input === 'string' ? input.split(',') : null,
    size: Number.isInteger(size) ? size : null,
  }
}

/**
 * Defaults that follow from what was given. A model brings its own size; an ONNX file without a derivative is tuned by the estimator
 * without one, on the one exponent of its own levels; tuning starts at the levels of the training family, or is tied to it; DDPM's noise is
 * that of the clipped image.
 */
export function consequences(preset: Settings, given: (key: string) => unknown): Settings {
  const model = given('model')
  // Not yet checked: what is no mode or family at all is refused with the rest.
  const learn = (given('learn') ?? DEFAULTS.learn) as LearnSettings['learn']
  const trainingFamily = (given('trainingFamily') ?? DEFAULTS.trainingFamily) as LearnSettings['trainingFamily']
  const hypergradient = (given('hypergradient') ?? DEFAULTS.hypergradient) as LearnSettings['hypergradient']
  const free = namesAmong(given('free')) ?? freeByDefault(preset, given)
  const prediction = given('prediction') === 'flow' ? 'flow' : null
  const asked = given('sampler') ?? samplerFor(free) ?? preset.sampler
  const sampler = SAMPLER_NAMES.find((name) => name === asked) ?? DEFAULTS.sampler
  return {
    ...(typeof model === 'string' && { size: null }),
    ...(isUnderived(given) && { estimator: 'coordinate' }),
    ...(preset.samplingFamily === undefined && {
      samplingFamily: prediction === 'flow' || isModelFile(model) ? 'levels' : trainingFamily,
    }),
    ...(startsOnce(preset, given) && FROZEN_DEFAULTS),
    ...(isModelFile(model) && FOREIGN_DEFAULTS),
    ...(isUnderivedFile(given) && WITHOUT_DERIVATIVE),
    ...followingSettings({ learn, trainingFamily, sampler, free, prediction, hypergradient }),
    ...(isBare(given) && BARE_DEFAULTS),
    ...(samplerFor(free) && { sampler }),
    ...(free && { free: [...free] }),
  }
}

/**
 * What is free where nobody says: everything that a step has but the earlier predictions, which are too many numbers for ten iterations; by a teacher levels and
 * told times, as the other numbers come nearer to it and farther from the data. Measured: docs/results/solver. Null where what was given says otherwise: another mode, family or sampler, or no derivative.
 */
function freeByDefault(preset: Settings, given: (key: string) => unknown): readonly FreeName[] | null {
  const said = ['free', 'samplingFamily', 'sampler', 'clippedNoise', 'eta'].some((key) => given(key) !== undefined)
  const estimator = given('estimator') ?? DEFAULTS.estimator
  if (said || isUnderived(given) || preset.samplingFamily === undefined || estimator !== 'backpropagation') return null
  if ((given('learn') ?? DEFAULTS.learn) !== 'sampling') return null
  const words = given('samplingSteps') ?? preset.samplingSteps ?? DEFAULTS.samplingSteps
  const fewest = Math.min(...(String(words).match(/\d+/g) ?? []).map(Number))
  const clip = given('clip') === undefined ? DEFAULTS.clip : given('clip')
  if (!(fewest >= 3)) return null
  return freeOf(given('objective') === 'teacher', String(clip) === String(DEFAULTS.clip))
}

const freeOf = (taught: boolean, clips: boolean): readonly FreeName[] =>
  FREE_NAMES.filter((name) =>
    taught ? name === 'levels' || name === 'times' : name !== 'history' && (clips || name !== 'clip'),
  )

/**
 * The settings at the network that is there: one that can be told whole numbers only has no free told times, unless they were asked for, which is
 * refused.
 */
export function forTimes(config: ScheduleConfig, told: ToldTimes): ScheduleConfig {
  const { free, objective } = config
  const isDefault = [true, false].some((clips) => freeOf(objective === 'teacher', clips).join() === free?.join())
  return told === 'integer' && isDefault && free ? { ...config, free: free.filter((name) => name !== 'times') } : config
}

/** The settings for a model of latents, which have no range to be clipped to. */
export function forLatents(config: ScheduleConfig): ScheduleConfig {
  const { free, clip } = config
  if (clip === null) return config
  return { ...config, clip: null, free: free?.filter((name) => name !== 'clip') ?? null }
}

/**
 * Without data: a mean over images needs fewer of them than a distance between sets does. The teacher samples each start in many steps, so that
 * fewer starts are most of the time that is saved.
 */
const BARE_DEFAULTS = { data: null, tuningSamples: 64, candidateSamples: 48, evaluationSamples: 96 } as const

/** Whether there are no data unless they are given: a model that is there is taught by itself. */
const isBare = (given: (key: string) => unknown): boolean =>
  given('objective') === 'teacher' &&
  (given('data') === undefined || given('data') === null) &&
  typeof given('model') === 'string' &&
  given('teacherSpace') !== 'features'

/** What is free, of a list or the words of one; what is none is refused with the rest. */
function namesAmong(given: unknown): readonly FreeName[] | null {
  const words = Array.isArray(given) ? given : typeof given === 'string' ? given.split(/[^a-z]+/) : []
  const names = FREE_CHOICES.filter((name) => words.includes(name))
  return names.length > 0 ? names : null
}
