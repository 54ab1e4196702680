/**
 * Numbers of the exponential second-order step (`samplers/exponential.ts`) that a sampling schedule may hold for each of its N steps, beside
 * level and told time. What is absent is at the value that changes nothing: tau 0, weight 1, scale 1, the sampler's clip, output 0, no history, the
 * denoiser's own guidance.
 */
import { inputError } from '../../base/index.ts'

/** Step numbers, noisiest first, each of them if there is one. */
export interface SolverNumbers {
  /** Stochasticity tau_k >= 0 of all steps but the last, [N - 1]: 0 deterministic, 1 the reverse diffusion. */
  readonly tau?: readonly number[]
  /** Second-order weight w_k of all steps but the last, [N - 1]; that of the first does nothing. */
  readonly weight?: readonly number[]
  /** What the noise prediction is multiplied by, [N], above 0; where log-SNR is below -40 it does nothing. */
  readonly scale?: readonly number[]
  /** x0Hat is clipped to [-r, r], r > 0, [N]: in the place of the sampler's clip. */
  readonly clipBounds?: readonly number[]
  /** The image is x0Hat_1 + output (x0Hat_1 - x0Hat_2), clipped as x0Hat_1 is; for N >= 2. */
  readonly output?: number
  /** Coefficient of x0Hat_i - x0Hat_j in step i, for each earlier step j: N - 1 rows, row i of i numbers. */
  readonly history?: readonly (readonly number[])[]
  /** Scale of classifier-free guidance where the network is told the time of that step, at least 0, [N]: in the place of the denoiser's. */
  readonly guidance?: readonly number[]
}

/** Cotangents of all of them, the absent ones too. */
export interface SolverCotangent {
  readonly tau: Float64Array
  readonly weight: Float64Array
  readonly scale: Float64Array
  readonly clipBounds: Float64Array
  /** One number. */
  readonly output: Float64Array
  readonly history: readonly Float64Array[]
  readonly guidance: Float64Array
}

/** Of a schedule of so many steps, at 0. */
export function solverCotangent(steps: number): SolverCotangent {
  const between = steps - 1
  return {
    tau: new Float64Array(between),
    weight: new Float64Array(between),
    scale: new Float64Array(steps),
    clipBounds: new Float64Array(steps),
    output: new Float64Array(1),
    history: Array.from({ length: between }, (_, i) => new Float64Array(i)),
    guidance: new Float64Array(steps),
  }
}

/** Names of the numbers that are there, as files have them. */
export const namesOfSolver = (solver: SolverNumbers): string[] =>
  Object.entries(solver).flatMap(([name, value]) => (value === undefined ? [] : [name]))

/** Most of tau: at 1.5 a step of the usual size draws all of its image anew. */
export const MOST_TAU = 10

/**
 * Checks the numbers of a schedule of `steps` steps.
 * @returns a copy, without what is absent; undefined where nothing is there
 * @throws `samplingSchedule.solver` naming the number and the step
 */
export function solverNumbers(given: SolverNumbers, steps: number): SolverNumbers | undefined {
  const { tau, weight, scale, clipBounds, output, history, guidance } = given
  const checked: SolverNumbers = {
    ...(tau && { tau: listOf('tau', tau, steps - 1, `in [0, ${MOST_TAU}]`, (v) => v >= 0 && v <= MOST_TAU) }),
    ...(weight && { weight: listOf('weight', weight, steps - 1, 'finite', Number.isFinite) }),
    ...(scale && { scale: listOf('scale', scale, steps, 'above 0', (v) => v > 0 && Number.isFinite(v)) }),
    ...(clipBounds && {
      clipBounds: listOf('clipBounds', clipBounds, steps, 'above 0', (v) => v > 0 && Number.isFinite(v)),
    }),
    ...(output !== undefined && { output: outputOf(output, steps) }),
    ...(history && { history: historyOf(history, steps) }),
    ...(guidance && {
      guidance: listOf('guidance', guidance, steps, 'at least 0', (v) => v >= 0 && Number.isFinite(v)),
    }),
  }
  return namesOfSolver(checked).length > 0 ? checked : undefined
}

function listOf(
  name: string,
  values: readonly number[],
  length: number,
  range: string,
  holds: (value: number) => boolean,
): readonly number[] {
  if (values.length !== length) {
    throw refused(`${name} must have ${length} numbers for ${stepsIn(name, length)}, got ${values.length}`)
  }
  const at = values.findIndex((value) => !holds(value))
  if (at >= 0) throw refused(`${name} must be ${range}, got ${values[at]} at step ${at + 1}`)
  return [...values]
}

/** How many steps a list of that length is for, in words. */
const stepsIn = (name: string, length: number): string =>
  name === 'tau' || name === 'weight' ? `${length + 1} steps (all but the last)` : `${length} steps`

function outputOf(output: number, steps: number): number {
  if (!Number.isFinite(output)) throw refused(`output must be a number, got ${output}`)
  if (steps < 2) throw refused(`output takes the step before the last, and there is ${steps} step; leave it out`)
  return output
}

function historyOf(history: readonly (readonly number[])[], steps: number): readonly (readonly number[])[] {
  if (history.length !== steps - 1) {
    throw refused(`history must have ${steps - 1} rows for ${steps} steps (all but the last), got ${history.length}`)
  }
  for (const [i, row] of history.entries()) {
    if (row.length === i && row.every(Number.isFinite)) continue
    throw refused(`row ${i + 1} of history must have ${i} finite numbers, one an earlier step, got [${row}]`)
  }
  return history.map((row) => [...row])
}

const refused = (message: string) => inputError('samplingSchedule.solver', message)
