/** The config of `bilevel_scheduler.py` read back: what `exportOwnClass` wrote, as the exponential steps that the class takes. */
import { z } from 'zod'
import { inputError, MOST } from '../../base/index.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { OWN_CLASS } from './exportOwnClass.ts'
import type { SavedSchedule } from './scheduleFile.ts'
import { named, parsed } from './schedulerJson.ts'

const numbers = z.array(z.number()).nullable().default(null)

const ownClassSchema = z.looseObject({
  num_train_timesteps: z.int().min(1).max(MOST.timesteps),
  levels: z.array(z.number()).min(1),
  times: z.array(z.number()).min(1),
  process: z.enum(['variance_preserving', 'flow']).default('variance_preserving'),
  clip: z.tuple([z.number(), z.number()]).nullable().default(null),
  clip_bounds: numbers,
  clipped_noise: z.enum(['keep', 'recompute']).default('recompute'),
  tau: numbers,
  weight: numbers,
  scale: numbers,
  output: z.number().nullable().default(null),
  history: z.array(z.array(z.number())).nullable().default(null),
  noise: numbers,
})

export const isOwnClass = (json: object): boolean => '_class_name' in json && json._class_name === OWN_CLASS.name

/** @throws `scheduler.invalid`, `scheduler.unsupported` on steps that no sampler here takes, `samplingSchedule.*` */
export function readOwnClass(json: object, name: string): SavedSchedule {
  const config = parsed(ownClassSchema, json, name)
  const { levels: logSnr, times, clip, tau, weight, scale, clip_bounds: clipBounds, output, history } = config
  const flow = config.process === 'flow'
  const kept = config.clipped_noise === 'keep' && (clip !== null || clipBounds !== null)
  const plain = [tau, scale, clipBounds, output, history].every((one) => one === null) && allZero(weight)
  if (config.noise !== null || (kept && !plain)) {
    const field = config.noise === null ? 'clipped_noise: keep' : 'noise'
    throw inputError(
      'scheduler.unsupported',
      `${name}: steps with ${field} are those of DDIM or DDPM, which their sampling_schedule.json says; give that file`,
    )
  }
  return named(name, () => ({
    schedule: samplingSchedule({
      timesteps: config.num_train_timesteps + (flow ? 1 : 0),
      logSnr,
      times,
      path: flow ? 'flow' : undefined,
      ...(!kept && {
        solver: {
          ...(tau && { tau }),
          ...(weight && { weight }),
          ...(scale && { scale }),
          ...(clipBounds && { clipBounds }),
          ...(output !== null && { output }),
          ...(history && { history }),
        },
      }),
    }),
    settings: samplerSettings(
      kept ? { sampler: 'ddim', clip, clippedNoise: 'keep' } : { sampler: 'exponential', clip },
    ),
    learnedFor: null,
  }))
}

/** No second order: DDIM's steps. */
const allZero = (weight: readonly number[] | null): boolean => weight?.every((value) => value === 0) ?? false
