/** A schedule that was learned at one number of steps as a start at another: everything is read between its steps. */
import type { SamplingSchedule, SolverNumbers } from '../../diffusion/index.ts'
import { samplingSchedule } from '../../diffusion/index.ts'
import type { Job } from './job.ts'
import type { StartPoint } from './search/startPool.ts'
import { choosesStart } from './settings/index.ts'
import { denoises } from './subject.ts'
import type { LearnedSchedules } from './tuning.ts'

/** The start, where the job may start anywhere and both have more than one step; else none. */
export function neighbourOf(
  job: Job,
  { schedules }: { readonly schedules: Pick<LearnedSchedules, 'sampling'> },
): StartPoint[] {
  const { samplingSteps: steps } = job.settings
  const { sampling } = schedules
  if (!choosesStart(job.settings) || steps < 2 || sampling.levels.length < 2) return []
  const name = `learned at ${sampling.levels.length} steps`
  return [{ name, sampling: resampled(sampling, steps, denoises(job.subject).times === 'integer', job.schedule.path) }]
}

/** Straight between the steps: levels, told times, and the numbers of the exponential step but the history, which belongs to its own steps. */
export function resampled(
  { timesteps, levels, times, solver }: SamplingSchedule,
  steps: number,
  integer: boolean,
  path?: 'flow' | undefined,
): SamplingSchedule {
  const told = between(times, steps)
  const numbers = solver && resampledSolver(solver, steps)
  return samplingSchedule({
    timesteps,
    logSnr: between(
      levels.map(({ logSnr }) => logSnr),
      steps,
    ),
    times: integer ? told.map(Math.round) : told,
    path,
    ...(numbers && { solver: numbers }),
  })
}

function resampledSolver(
  { tau, weight, scale, clipBounds, output, guidance }: SolverNumbers,
  steps: number,
): SolverNumbers {
  return {
    ...(tau && { tau: between(tau, steps - 1) }),
    ...(weight && { weight: between(weight, steps - 1) }),
    ...(scale && { scale: between(scale, steps) }),
    ...(clipBounds && { clipBounds: between(clipBounds, steps) }),
    ...(output !== undefined && { output }),
    ...(guidance && { guidance: between(guidance, steps) }),
  }
}

/** So many values, from the first to the last of a list. */
function between(values: readonly number[], count: number): number[] {
  return Array.from({ length: count }, (_, i) => {
    const at = count === 1 ? 0 : (i * (values.length - 1)) / (count - 1)
    const below = Math.min(Math.floor(at), values.length - 1)
    const above = Math.min(below + 1, values.length - 1)
    return values[below] + (at - below) * (values[above] - values[below])
  })
}
