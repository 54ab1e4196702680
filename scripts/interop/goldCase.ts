/** The settings of every scheduler class that the reader is held against in the tests, run again by the classes: their states are what is kept of them. */
import { resolve } from 'node:path'
import type { Case } from './case.ts'

export function goldCase(): Case {
  return {
    name: 'scheduler classes',
    about:
      'told times and every state of all settings of test/gold/schedulers.json and schedulerRuns.json, which the tests hold our reading to (1e-5)',
    bound: 1e-5,
    quick: true,
    async run(at) {
      const said = at.python('rerun_gold.py', [resolve('test/gold')]) as {
        readonly largest: number
        readonly runs: number
        readonly classes: readonly string[]
      }
      return {
        largest: said.largest,
        facts: { class: `${said.classes.length} classes`, runs: said.runs, classes: said.classes },
      }
    },
  }
}
