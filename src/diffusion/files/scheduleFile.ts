/**
 * `sampling_schedule.json`: a sampling schedule with the settings it was learned for. Keys: T, sampler, levels
 * (log(signal^2/noise^2), noisiest first), times, clip, clippedNoise, eta, variance, noisyLastStep, learnedFor; and of a schedule for the
 * exponential sampler those of tau, weight, scale, clipBounds, output, history and guidance that it has; of a flow, `process`: "flow" (its T whole times are 0,
 * the image, to T - 1, noise alone: a network told up to 1000 has T 1001).
 */
import { z } from 'zod'
import { BilevelError, inputError, MOST, parseJson } from '../../base/index.ts'
import type { SamplerName } from '../samplers/samplers.ts'
import { SAMPLER_NAMES, samplerNamed } from '../samplers/samplers.ts'
import type { Sampling } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { pathOf } from '../schedules/level.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import type { SolverNumbers } from '../schedules/solverNumbers.ts'
import { namesOfSolver } from '../schedules/solverNumbers.ts'

/** The feature network whose Fréchet distance a schedule was learned for. */
export interface LearnedFor {
  readonly features: string
  readonly hash: string
}

/** All that the file holds. */
export interface SavedSchedule extends Sampling {
  readonly learnedFor: LearnedFor | null
}

const fileSchema = z.strictObject({
  T: z.int().min(1).max(MOST.timesteps),
  sampler: z.enum(SAMPLER_NAMES),
  levels: z.array(z.number()).min(1),
  times: z.array(z.number()).min(1),
  clip: z.tuple([z.number(), z.number()]).nullable(),
  clippedNoise: z.enum(['keep', 'recompute']),
  eta: z.number(),
  variance: z.enum(['small', 'large']),
  noisyLastStep: z.boolean(),
  learnedFor: z.strictObject({ features: z.string(), hash: z.string() }).nullable(),
  process: z.literal('flow', { error: 'must be "flow", or left out where signal^2 + noise^2 = 1' }).exactOptional(),
  tau: z.array(z.number()).exactOptional(),
  weight: z.array(z.number()).exactOptional(),
  scale: z.array(z.number()).exactOptional(),
  clipBounds: z.array(z.number()).exactOptional(),
  output: z.number().exactOptional(),
  history: z.array(z.array(z.number())).exactOptional(),
  guidance: z.array(z.number()).exactOptional(),
})

/** The file's text. */
export function writeSamplingSchedule({ schedule, settings, learnedFor }: SavedSchedule): string {
  const { timesteps, levels, times, solver } = schedule
  const path = pathOf(levels)
  const file: z.input<typeof fileSchema> = {
    T: timesteps,
    sampler: settings.sampler,
    levels: levels.map(({ logSnr }) => logSnr),
    times: [...times],
    clip: settings.clip && [...settings.clip],
    clippedNoise: settings.clippedNoise,
    eta: settings.eta,
    variance: settings.variance,
    noisyLastStep: settings.noisyLastStep,
    learnedFor: learnedFor && { ...learnedFor },
    ...(path && { process: path }),
    ...(solver && (structuredClone(solver) as Pick<z.input<typeof fileSchema>, keyof SolverNumbers>)),
  }
  return `${JSON.stringify(file, null, 2)}\n`
}

/**
 * Reads the file's text; every key must be there and no other.
 * @param name where the text came from, for errors
 * @throws `scheduleFile.json`, `scheduleFile.invalid`, and what `samplingSchedule` and `samplerSettings` throw, all naming the file
 */
export function readSamplingSchedule(text: string, name: string): SavedSchedule {
  const parsed = fileSchema.safeParse(jsonOf(text, name))
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]
    const where = path.length > 0 ? ` at ${path.join('.')}` : ''
    throw inputError('scheduleFile.invalid', `${name} is not a sampling schedule${where}: ${message}`)
  }
  const {
    T,
    levels,
    times,
    learnedFor,
    process: path,
    tau,
    weight,
    scale,
    clipBounds,
    output,
    history,
    guidance,
    ...settings
  } = parsed.data
  const solver: SolverNumbers = {
    ...(tau && { tau }),
    ...(weight && { weight }),
    ...(scale && { scale }),
    ...(clipBounds && { clipBounds }),
    ...(output !== undefined && { output }),
    ...(history && { history }),
    ...(guidance && { guidance }),
  }
  requireTaken(solver, settings.sampler, name)
  try {
    return {
      schedule: samplingSchedule({ timesteps: T, logSnr: levels, times, path, solver }),
      settings: samplerSettings(settings),
      learnedFor,
    }
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    throw new BilevelError(error.kind, error.code, `${name}: ${error.message}`, { cause: error })
  }
}

/** @throws `scheduleFile.invalid` where the sampler takes no such numbers */
function requireTaken(solver: SolverNumbers, sampler: SamplerName, name: string): void {
  const numbers = namesOfSolver(solver)
  if (numbers.length === 0 || samplerNamed(sampler).solverNumbers) return
  throw inputError(
    'scheduleFile.invalid',
    `${name} is not a sampling schedule at ${numbers[0]}: only sampler exponential takes ${numbers.join(', ')}, got ${sampler}; name that sampler, or leave them out`,
  )
}

function jsonOf(text: string, name: string): unknown {
  try {
    return parseJson(text)
  } catch (error) {
    throw inputError('scheduleFile.json', `${name} must hold JSON: ${(error as Error).message}`, { cause: error })
  }
}
