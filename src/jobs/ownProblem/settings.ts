/** Settings of a run of a problem of the user's own: those of the penalty method, and what a run needs. All but functions go to `config.yaml`. */
import { inputError } from '../../base/index.ts'
import type { BilevelProblem, GradientEstimator, PenaltySettings } from '../../bilevel/index.ts'
import { blockNames, gammaAt, horizonAt, PENALTY_DEFAULTS } from '../../bilevel/index.ts'
import type { Json } from '../../runs/index.ts'
import { jsonHash } from '../../runs/index.ts'

export interface ProblemSettings extends PenaltySettings {
  /** Steps of the upper variables. */
  readonly iterations: number
  /** Seconds between checkpoints; 0: one after every step. */
  readonly checkpointSeconds: number
}

/** Those of the penalty method, and f is measured at every step: a run is watched. */
export const PROBLEM_DEFAULTS: ProblemSettings = {
  ...PENALTY_DEFAULTS,
  reportValue: true,
  iterations: 100,
  checkpointSeconds: 30,
}

/** What a resumed run may change. */
export const PROBLEM_MAY_CHANGE = ['checkpointSeconds'] as const

/** Settings as a file holds them. */
export type ProblemConfig = { readonly [key: string]: Json } & { readonly checkpointSeconds: number }

/** @throws `problem.settings` on what only a run has; the penalty method checks its own */
export function checkProblemSettings({ iterations, checkpointSeconds }: ProblemSettings): void {
  if (!(Number.isInteger(iterations) && iterations >= 0)) {
    throw inputError('problem.settings', `iterations must be a whole number from 0, got ${iterations}`)
  }
  if (!(checkpointSeconds >= 0 && Number.isFinite(checkpointSeconds))) {
    throw inputError('problem.settings', `checkpointSeconds must be a number from 0, got ${checkpointSeconds}`)
  }
}

/** All that decides the run's numbers and is no code: a resumed run must have the same. */
export function problemConfig(
  name: string,
  settings: ProblemSettings,
  own: { readonly [key: string]: Json },
): ProblemConfig {
  const { estimator, weightsEstimator, gamma, linear: _, adam, ...plain } = settings
  return {
    name,
    ...plain,
    gamma: gamma === 'auto' ? gamma : byIteration(settings, gamma, (k) => gammaAt(gamma, k)),
    linear: {
      ...settings.linear,
      horizon: byIteration(settings, settings.linear.horizon, (k) => horizonAt(settings.linear, k)),
    },
    adam: { ...adam },
    estimator: estimatorJson(estimator),
    weightsEstimator: estimatorJson(weightsEstimator),
    problem: own,
  }
}

const estimatorJson = ({ name, delta }: GradientEstimator): Json => ({ name, delta: delta ?? null })

/** A number that changes from iteration to iteration is a function, of which the file holds both ends and a hash of all values. */
function byIteration({ iterations }: ProblemSettings, given: unknown, at: (iteration: number) => number): Json {
  if (typeof given === 'number') return given
  const all = Array.from({ length: iterations }, (_, i) => at(i + 1))
  return { first: all[0] ?? null, last: all[all.length - 1] ?? null, sha256: jsonHash(all) }
}

/** What of the problem a resumed run must find again: its kind, and its upper variables with their boxes. */
export function problemSource<B extends string, S, Batch>({ blocks, lower }: BilevelProblem<B, S, Batch>): Json {
  const described = blockNames(blocks).map((block) => {
    const { names, ...values } = blocks[block]
    // As words: JSON has no infinity, which the edge of a box may be.
    const numbers = (['initial', 'low', 'high', 'scale'] as const).map((key) => [key, [...values[key]].map(String)])
    return [block, { parameters: names.length, sha256: jsonHash({ names, ...Object.fromEntries(numbers) }) }]
  })
  return { lower: lower.kind, blocks: Object.fromEntries(described) }
}
