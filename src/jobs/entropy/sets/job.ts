/** `bilevel entropy` of a file with several named sets of prompts: one run, a strength for each set. */
import type { JobHooks } from '../../../runs/index.ts'
import type { EntropyResult } from '../../../tuners/index.ts'
import type { JobProgress } from '../../job.ts'
import type { RunMaker } from '../../makesRun.ts'
import { makeRun } from '../../makesRun.ts'
import { NO_RATE } from '../../planning/forecast.ts'
import { requireSameCode } from '../run.ts'
import type { EntropyConfig } from '../settings.ts'
import type { SetsInputs } from './open.ts'
import { openSets, planOpenedSets } from './open.ts'
import type { SetResult, SetsJson } from './report.ts'
import type { SetEvent, SetsCheckpoint } from './run.ts'
import { finishSets, recordSet, setLine, stepOfSets, tuneSets } from './run.ts'

export type SetsMaker = RunMaker<EntropyConfig, SetsInputs, SetEvent, SetsCheckpoint, readonly SetResult[], SetsJson>

/** @param words what is said of the command, and its settings: those of a job of one set */
export const setsMaker = (
  words: Pick<SetsMaker, 'name' | 'summary' | 'description' | 'settings' | 'requireUsed' | 'plan'>,
): SetsMaker => ({
  ...words,
  requireSame: requireSameCode,
  open: openSets,
  expected: (inputs) => planOpenedSets(inputs, NO_RATE),
  work: tuneSets,
  record: recordSet,
  line: setLine,
  report: finishSets,
  stepOf: stepOfSets,
})

/** As a job of a program: its results in the order of the sets. */
export interface SetsJobResult {
  readonly result: readonly EntropyResult[]
  readonly json: SetsJson
  /** For a person at a terminal. */
  readonly summary: string
}

export async function runSets(
  maker: SetsMaker,
  config: EntropyConfig,
  hooks: JobHooks<SetEvent, JobProgress>,
): Promise<SetsJobResult> {
  const { result, ...made } = await makeRun(maker, config, hooks)
  return { ...made, result: result.map((set) => set.result) }
}
