/**
 * `guidance.json`: a tuned entropy strength with all that it was tuned for: the reward, the judge, the guided sampler and its
 * sampling schedule. Keys: version, entropyStrength {value, low, high, resolved}, scale (1/value), target, reward, rewardHash,
 * judge, through, minimumAlphaBar, sampler, eta, variance, noisyLastStep, clip, clippedNoise, samplingSchedule (a step list or
 * a schedule's name {name, steps}, or {T, levels, times, of a flow process} as in `sampling_schedule.json`), learnedFor (the model's hash), class (of all
 * images, `unconditional`, or null: the classes in turn), guidanceScale (of classifier-free guidance; absent: none), rewardSettings (what the reward is opened with, by setting), and code: SHA-256 of
 * the JavaScript modules that the reward names, by path (absent: it names none).
 */
import { z } from 'zod'
import { inputError, MOST, parseJson } from '../../base/index.ts'
import type { Guidance } from '../guidance/guidance.ts'
import { GUIDANCE_THROUGH } from '../guidance/guidance.ts'
import { SAMPLER_NAMES } from '../samplers/samplers.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { pathOf } from '../schedules/level.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'

const VERSION = 1

/** lambda with the ends of its interval; `resolved`: whether the interval is narrow enough to be relied on. */
export interface SavedEntropyStrength {
  readonly value: number
  readonly low: number
  readonly high: number
  readonly resolved: boolean
}

/** What lambda is optimal for: the guided chain as it is run, the tilt itself, or the published penalty. */
export type EntropyTarget = 'guided' | 'tilt' | 'penalty'

/** A schedule by name (a step list, `learned`), or level by level. */
export type SavedSteps = { readonly name: string; readonly steps: number } | SamplingSchedule

/** All that the file holds. */
export interface SavedGuidance {
  readonly entropyStrength: SavedEntropyStrength
  readonly target: EntropyTarget
  /** The chased reward, as it was named. */
  readonly reward: string
  readonly rewardHash: string
  /** The reward that noticed over-optimisation. */
  readonly judge: string
  readonly through: NonNullable<Guidance['through']>
  readonly minimumAlphaBar: number
  readonly settings: SamplerSettings
  readonly samplingSchedule: SavedSteps
  /** Hash of the model whose chain it is. */
  readonly learnedFor: string
  /** What each image is asked to be: one class, `unconditional`, or null: the classes in turn. */
  readonly class: number | 'unconditional' | null
  /** Of classifier-free guidance towards that class. Absent: none. */
  readonly guidanceScale?: number
  /** Settings that the reward is opened with (data, networks, pixel range), by their names on the command line. */
  readonly rewardSettings: Readonly<Record<string, string | number | null | readonly number[]>>
  /** SHA-256 (hex) of the modules that the reward names, by path. */
  readonly code?: Readonly<Record<string, string>>
}

const positive = z.number().positive()

const fileSchema = z.strictObject({
  version: z.literal(VERSION),
  entropyStrength: z.strictObject({ value: positive, low: positive, high: positive, resolved: z.boolean() }),
  scale: positive,
  target: z.enum(['guided', 'tilt', 'penalty']),
  reward: z.string().min(1),
  rewardHash: z.string(),
  judge: z.string(),
  through: z.enum(GUIDANCE_THROUGH),
  minimumAlphaBar: z.number().min(0).lt(1),
  sampler: z.enum(SAMPLER_NAMES),
  eta: z.number(),
  variance: z.enum(['small', 'large']),
  noisyLastStep: z.boolean(),
  clip: z.tuple([z.number(), z.number()]).nullable(),
  clippedNoise: z.enum(['keep', 'recompute']),
  samplingSchedule: z.union([
    z.strictObject({ name: z.string().min(1), steps: z.int().min(1).max(MOST.timesteps) }),
    z.strictObject({
      T: z.int().min(1).max(MOST.timesteps),
      levels: z.array(z.number()).min(1),
      times: z.array(z.number()).min(1),
      process: z.literal('flow').exactOptional(),
    }),
  ]),
  learnedFor: z.string(),
  class: z.union([z.int().min(0), z.literal('unconditional')]).nullable(),
  guidanceScale: z.number().min(0).exactOptional(),
  rewardSettings: z.record(z.string(), z.union([z.string(), z.number(), z.array(z.number()), z.null()])),
  code: z.record(z.string(), z.string()).optional(),
})

/** The file's text. @throws `guidanceFile.strength` unless 0 < low <= value <= high */
export function writeGuidance(saved: SavedGuidance): string {
  const { entropyStrength, settings, samplingSchedule: steps } = saved
  checkStrength(entropyStrength, 'the guidance')
  const { sampler, eta, variance, noisyLastStep, clip, clippedNoise } = settings
  const file: z.input<typeof fileSchema> = {
    version: VERSION,
    entropyStrength: { ...entropyStrength },
    scale: 1 / entropyStrength.value,
    target: saved.target,
    reward: saved.reward,
    rewardHash: saved.rewardHash,
    judge: saved.judge,
    through: saved.through,
    minimumAlphaBar: saved.minimumAlphaBar,
    sampler,
    eta,
    variance,
    noisyLastStep,
    clip: clip && [...clip],
    clippedNoise,
    samplingSchedule: 'name' in steps ? { ...steps } : levelsOf(steps),
    learnedFor: saved.learnedFor,
    class: saved.class,
    ...(saved.guidanceScale !== undefined && { guidanceScale: saved.guidanceScale }),
    rewardSettings: mutable(saved.rewardSettings),
    ...(saved.code && Object.keys(saved.code).length > 0 && { code: { ...saved.code } }),
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/**
 * Reads the file's text; every key must be there and no other.
 * @param name where the text came from, for errors
 * @throws `guidanceFile.json`, `guidanceFile.version`, `guidanceFile.invalid`, `guidanceFile.strength`, `guidanceFile.scale` where
 * scale is not 1/value, and what `samplingSchedule` and `samplerSettings` throw
 */
export function readGuidance(text: string, name: string): SavedGuidance {
  const json = jsonOf(text, name)
  const version = (json as { version?: unknown } | null)?.version
  if (typeof version === 'number' && version !== VERSION) {
    const rule = `${name} must be guidance of version ${VERSION}`
    throw inputError('guidanceFile.version', `${rule}, got version ${version}; read it with the release that wrote it`)
  }
  const parsed = fileSchema.safeParse(json)
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]
    const where = path.length > 0 ? ` at ${path.join('.')}` : ''
    throw inputError('guidanceFile.invalid', `${name} is not a guidance file${where}: ${message}`)
  }
  const { entropyStrength, scale, target, reward, rewardHash, judge, through, minimumAlphaBar, learnedFor } =
    parsed.data
  const { sampler, eta, variance, noisyLastStep, clip, clippedNoise, samplingSchedule: steps } = parsed.data
  const { class: wanted, guidanceScale, rewardSettings, code } = parsed.data
  checkStrength(entropyStrength, name)
  if (!(Math.abs(scale * entropyStrength.value - 1) < 1e-6)) {
    const came = `scale ${scale} beside the value ${entropyStrength.value}`
    throw inputError('guidanceFile.scale', `${name}: scale must be 1/entropyStrength.value, got ${came}; change both`)
  }
  return {
    entropyStrength,
    target,
    reward,
    rewardHash,
    judge,
    through,
    minimumAlphaBar,
    settings: samplerSettings({ sampler, eta, variance, noisyLastStep, clip, clippedNoise }),
    samplingSchedule:
      'name' in steps
        ? steps
        : samplingSchedule({ timesteps: steps.T, logSnr: steps.levels, times: steps.times, path: steps.process }),
    learnedFor,
    class: wanted,
    ...(guidanceScale !== undefined && { guidanceScale }),
    rewardSettings,
    ...(code && { code }),
  }
}

const mutable = (settings: SavedGuidance['rewardSettings']) =>
  Object.fromEntries(
    Object.entries(settings).map(([name, value]) => [name, typeof value === 'object' && value ? [...value] : value]),
  )

function levelsOf({ timesteps, levels, times }: SamplingSchedule) {
  const path = pathOf(levels)
  return { T: timesteps, levels: levels.map(({ logSnr }) => logSnr), times: [...times], ...(path && { process: path }) }
}

function checkStrength({ value, low, high }: SavedEntropyStrength, name: string): void {
  if (low > 0 && low <= value && value <= high && high < Number.POSITIVE_INFINITY) return
  throw inputError(
    'guidanceFile.strength',
    `${name}: an entropy strength needs 0 < low <= value <= high, got ${low}, ${value}, ${high}`,
  )
}

function jsonOf(text: string, name: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw inputError('guidanceFile.json', `${name} must hold JSON: ${(error as Error).message}`, { cause: error })
  }
}
