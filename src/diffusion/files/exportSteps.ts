/**
 * Schedules for a loop of diffusers' `scheduler.step`: the scheduler holds the N levels alone and counts timesteps of its own, the network is told
 * its times beside them. So anything learned exports: real-valued told times, counts that do not divide T, eta, recomputed noise.
 */
import { BilevelError } from '../../base/index.ts'
import type { DiffusersLoop } from '../samplers/sampler.ts'
import { samplerNamed } from '../samplers/samplers.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { exportScheduler, readersOf, trainedBetas, trainingFields } from './export.ts'
import type { ExportedScheduler, ExportOptions, SchedulerConfig } from './exportedScheduler.ts'
import { flowRefusal, isFlow } from './exportFlow.ts'
import type { ExportedOwnClass } from './exportOwnClass.ts'
import { exportOwnClass } from './exportOwnClass.ts'

/**
 * A schedule on its N levels alone, for a loop of one's own: the scheduler counts its own timesteps, the network is told its times beside them.
 *
 *     scheduler.set_timesteps(N)
 *     for t, time in zip(scheduler.timesteps, told):
 *         x = scheduler.step(unet(x, torch.tensor(time)).sample, t, x, **stepArguments).prev_sample
 */
export interface ExportedSteps {
  readonly config: SchedulerConfig
  /** What the network is told, call by call. */
  readonly told: readonly number[]
  /** Whether the class keeps x/signal in the place of x: the loop scales the start, and what the network sees. */
  readonly scaled: boolean
  readonly stepArguments: Readonly<Record<string, number | boolean>>
}

/**
 * The same on its N levels alone: for any told times, eta, and clipped noise of both kinds. `num_train_timesteps` is N, or the least multiple of
 * it that float32 betas can reach the levels by: one beta alone takes alphaBar down by 1e-5 at most.
 * @throws `export.clippedNoise`, `export.clip`, `export.lastStep`, `export.float32`, `export.flow`: what no scheduler can be told
 */
export function exportSteps({ schedule, settings, prediction }: ExportOptions): ExportedSteps {
  if (isFlow(schedule)) throw flowRefusal('a loop over N betas takes variance-preserving levels')
  const steps = schedule.levels.length
  const { inLoop, scaled, calls } = samplerNamed(settings.sampler).toDiffusers
  const { stepArguments, fields, aboveZero } = inLoop({
    settings,
    prediction,
    ...(schedule.solver && { solver: schedule.solver }),
  })
  const { grain, betas } = grained(schedule, aboveZero)
  const { eta } = stepArguments
  const passed = typeof eta === 'number' ? { ...stepArguments, eta: etaWithRoots(betas, grain, eta) } : stepArguments
  const told = [...calls(schedule.times)]
  const config = {
    ...trainingFields(steps * grain, betas, prediction),
    // Not fields of diffusers, which sets aside what begins with _: what the loop passes.
    _sampling_steps: steps,
    _told_times: told,
    _step_arguments: passed,
    ...fields,
  }
  return { config, told, scaled, stepArguments: passed }
}

/** Timesteps for each level, tried in this order. */
const GRAINS = [1, 2, 4, 8, 16]

/** Betas of the levels alone, `grain` for each, so that the scheduler's trailing times are the levels. @throws `export.float32` */
function grained(
  { levels }: SamplingSchedule,
  aboveZero: DiffusersLoop['aboveZero'],
): { grain: number; betas: number[] } {
  const steps = levels.length
  const betasFor = (grain: number) =>
    trainedBetas({ timesteps: steps * grain, levels, times: levels.map((_, i) => (steps - i) * grain - 1) })
  const grains = GRAINS.filter((grain) => aboveZero === null || grain > 1 === aboveZero)
  for (const grain of grains.slice(0, -1)) {
    try {
      return { grain, betas: betasFor(grain) }
    } catch (error) {
      if (!(error instanceof BilevelError && error.code === 'export.float32')) throw error
    }
  }
  const [grain] = grains.slice(-1)
  return { grain, betas: betasFor(grain) }
}

/** Relative steps of float32 below 1. */
const FLOAT32_STEP = 2 ** -24

/**
 * The eta, or one a few roundings below: DDIM's class takes the root of 1 - w - sigma^2 in float32, NaN where that comes out negative, as it may
 * at eta 1 from a level with next to no signal.
 */
function etaWithRoots(betas: readonly number[], grain: number, eta: number): number {
  const readers = Object.values(readersOf(betas)).map((alphaBar) => alphaBar.filter((_, t) => (t + 1) % grain === 0))
  let safe = eta
  for (let k = 1; k <= 16 && !readers.every((alphaBar) => hasRoots(alphaBar, safe)); k++) {
    safe = eta * (1 - k * FLOAT32_STEP)
  }
  return safe
}

/** What roots and squares in float32 may come out higher than rounded: PyTorch's power of one half is not its root. */
const ROUNDED_UP = 1 + 2 * FLOAT32_STEP

/** In the arithmetic of the real class, at its worst. @param alphaBar of the levels, least noise first */
function hasRoots(alphaBar: Float64Array, eta: number): boolean {
  const { fround, sqrt } = Math
  return alphaBar.every((value, t) => {
    if (t === 0) return true
    const [here, next] = [fround(value), fround(alphaBar[t - 1])]
    const share = fround(fround(1 - next) / fround(1 - here))
    const variance = fround(share * fround(1 - fround(here / next)))
    const sigma = fround(fround(eta) * fround(sqrt(variance) * ROUNDED_UP))
    return fround(1 - next) - fround(sigma * sigma * ROUNDED_UP) >= 0
  })
}

/** A schedule in all forms; where diffusers' own classes cannot take it, the reason. */
export interface ExportedForms {
  readonly plain: ExportedScheduler | null
  readonly steps: ExportedSteps | null
  /** For `bilevel_scheduler.py`. */
  readonly ownClass: ExportedOwnClass | null
  /** Why there is no plain form, or none of diffusers' own classes takes it. */
  readonly reason: string | null
}

/** All forms of a schedule. */
export function exportForms(options: ExportOptions): ExportedForms {
  const plain = attempted(() => exportScheduler(options))
  const steps = attempted(() => exportSteps(options))
  const neither = typeof steps === 'string' && typeof plain === 'string'
  const reason = neither && !isFlow(options.schedule) ? steps : plain
  return {
    plain: typeof plain === 'string' ? null : plain,
    steps: typeof steps === 'string' ? null : steps,
    ownClass: exportOwnClass(options),
    reason: typeof reason === 'string' ? reason : null,
  }
}

/** What it gives, or why diffusers cannot be told. */
function attempted<T>(run: () => T): T | string {
  try {
    return run()
  } catch (error) {
    if (error instanceof BilevelError && error.code.startsWith('export.')) return error.message
    throw error
  }
}
