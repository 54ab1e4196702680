/** The journal as Optuna 5 reads it: the operations and fields of its own writer, of trials that are over. */
import { expect, test } from 'vitest'
import { optunaJournal } from './optunaJournal.ts'

test('studies and trials are lines, the last with its end; what could not be measured failed', () => {
  const text = optunaJournal([
    {
      name: 'compare-schedule/random/0',
      direction: 'minimize',
      trials: [
        { parameters: { tau: 1.5 }, value: 7.25, attributes: { share: 1 } },
        { parameters: { tau: 3 }, value: null, attributes: {} },
      ],
    },
    { name: 'compare-entropy/grid/0', direction: 'maximize', trials: [] },
  ])
  expect(text.endsWith('\n')).toBe(true)
  const [study, first, failed, other, ...rest] = text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(rest).toEqual([])
  expect(study).toEqual({ worker_id: 'bilevel', op_code: 0, study_name: 'compare-schedule/random/0', directions: [1] })
  expect(other).toMatchObject({ op_code: 0, directions: [2] })
  expect(first).toEqual({
    worker_id: 'bilevel',
    op_code: 4,
    study_id: 0,
    datetime_start: null,
    state: 1,
    value: 7.25,
    values: null,
    distributions: { tau: expect.stringContaining('FloatDistribution') },
    params: { tau: 1.5 },
    user_attrs: { share: 1 },
    system_attrs: {},
    intermediate_values: {},
  })
  expect(JSON.parse((first.distributions as { tau: string }).tau)).toMatchObject({ attributes: { low: 1.5, high: 3 } })
  expect(failed).toMatchObject({ state: 3, value: null })
})
