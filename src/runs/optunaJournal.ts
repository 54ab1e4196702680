/**
 * Trials as a journal of Optuna (4 and 5), for its own tools: `optuna-dashboard optuna-journal.log`, or in Python
 * `optuna.load_study(study_name=NAME, storage=JournalStorage(JournalFileBackend(FILE)))`. Studies that are over, without times: equal runs give equal bytes.
 */
import type { Json } from './json.ts'

export interface JournalStudy {
  readonly name: string
  /** Of the value. */
  readonly direction: 'minimize' | 'maximize'
  readonly trials: readonly JournalTrial[]
}

export interface JournalTrial {
  /** Each within its range. */
  readonly parameters: Readonly<Record<string, number>>
  /** Null: it could not be measured. A value that is no number would stay best for good. */
  readonly value: number | null
  /** For a person. */
  readonly attributes: Readonly<Record<string, Json>>
}

/** Codes of the journal's operations and of a trial's states. */
const OPERATION = { createStudy: 0, createTrial: 4 } as const
const STATE = { complete: 1, fail: 3 } as const
const DIRECTION = { minimize: 1, maximize: 2 } as const

/** The file's text; its last line has its end, without which Optuna does not read it. */
export function optunaJournal(studies: readonly JournalStudy[]): string {
  const lines = studies.flatMap(({ name, direction, trials }, study) => {
    const ranges = rangesOf(trials)
    return [
      { op_code: OPERATION.createStudy, study_name: name, directions: [DIRECTION[direction]] },
      ...trials.map(({ parameters, value, attributes }) => ({
        op_code: OPERATION.createTrial,
        study_id: study,
        datetime_start: null,
        state: value === null ? STATE.fail : STATE.complete,
        value,
        values: null,
        distributions: Object.fromEntries(Object.keys(parameters).map((key) => [key, ranges.get(key)])),
        params: parameters,
        user_attrs: attributes,
        system_attrs: {},
        intermediate_values: {},
      })),
    ]
  })
  return lines.map((line) => `${JSON.stringify({ worker_id: 'bilevel', ...line })}\n`).join('')
}

/** A distribution of each parameter, from the least to the largest value there is: what Optuna must know of every trial. */
function rangesOf(trials: readonly JournalTrial[]): Map<string, string> {
  const names = new Set(trials.flatMap(({ parameters }) => Object.keys(parameters)))
  return new Map(
    [...names].map((name) => {
      const values = trials.flatMap(({ parameters }) => (name in parameters ? parameters[name] : []))
      const attributes = { low: Math.min(...values), high: Math.max(...values), log: false, step: null }
      return [name, JSON.stringify({ name: 'FloatDistribution', attributes })]
    }),
  )
}
