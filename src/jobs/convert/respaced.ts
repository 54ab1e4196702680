/**
 * Steps put to another number of them: straight lines in log sigma over the steps, ends kept, as "Align Your Steps" (Sabour et al. 2024, arXiv 2404.14507) puts its
 * published lists to other numbers; of a flow in sigma itself, whose first one has no logarithm of its ratio. Times go along.
 */
import { inputError } from '../../base/index.ts'
import { flowLevelOf } from '../../diffusion/index.ts'
import type { GivenSteps } from './given.ts'

/** @throws `convert.steps` where there is one step, or numbers of each step */
export function respaced(given: GivenSteps, steps: number): GivenSteps {
  const { logSnr, times, path, solver } = given
  const from = (logSnr ?? times)!.length
  if (from === steps) return given
  if (from === 1 || solver) {
    const why = solver
      ? `${Object.keys(solver).join(', ')} of each step are learned for ${from}`
      : 'one step has no neighbour'
    throw inputError(
      'convert.steps',
      `${given.what} cannot be put from ${from} steps to ${steps}: ${why}; leave steps out`,
    )
  }
  const sigmas = logSnr?.map((value) => 1 / (1 + Math.exp(value / 2)))
  return {
    ...given,
    logSnr:
      path === 'flow' && sigmas
        ? between(sigmas, steps).map((s) => flowLevelOf(s).logSnr)
        : logSnr && between(logSnr, steps),
    times: times && timesBetween(times, steps),
    notes: [
      ...given.notes,
      `${from} steps are put to ${steps}, evenly between their ${path === 'flow' ? '' : 'log '}sigmas`,
    ],
  }
}

/** Values at `steps` places evenly over the index; a single one is the first. */
function between(values: readonly number[], steps: number): number[] {
  return Array.from({ length: steps }, (_, i) => {
    const at = steps === 1 ? 0 : (i * (values.length - 1)) / (steps - 1)
    const low = Math.min(Math.floor(at), values.length - 2)
    const share = at - low
    return share === 0 ? values[low] : values[low] * (1 - share) + values[low + 1] * share
  })
}

/** Whole numbers stay whole. */
function timesBetween(times: readonly number[], steps: number): number[] {
  const put = between(times, steps)
  return times.every(Number.isInteger) ? put.map(Math.round) : put
}
