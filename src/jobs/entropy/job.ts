/** `bilevel entropy`: how strongly a guided model should hold on to the pretrained one. */

import { inputError } from '../../base/index.ts'
import type { JobHooks } from '../../runs/index.ts'
import type { EntropyCheckpoint, EntropyEvent, EntropyResult } from '../../tuners/index.ts'
import { REWARD_MODULE } from '../init/rewardModule.ts'
import type { Job, JobProgress } from '../job.ts'
import type { RunMaker } from '../makesRun.ts'
import { makeRun, runJobOf } from '../makesRun.ts'
import { requirePromptsUsed } from '../opening/promptsUsed.ts'
import { NO_RATE } from '../planning/forecast.ts'
import { requireClipUsed } from './clipUsed.ts'
import { bestLambda, entropyLine } from './lines.ts'
import type { EntropyInputs } from './open.ts'
import { openEntropyInputs } from './open.ts'
import { planEntropy, planOpened } from './plan.ts'
import type { EntropyJson } from './report/entropyJson.ts'
import { finish, record, requireSameCode, stepOf, tune } from './run.ts'
import type { SetsJobResult } from './sets/job.ts'
import { runSets, setsMaker } from './sets/job.ts'
import { planSets, severalSets } from './sets/open.ts'
import type { SetEvent } from './sets/run.ts'
import type { EntropyConfig } from './settings.ts'
import {
  ENTROPY_EARLIER,
  ENTROPY_GROUPS,
  ENTROPY_MAY_CHANGE,
  ENTROPY_PLACES,
  entropySchema,
  resolveEntropyConfig,
  rewardWords,
} from './settings.ts'

const maker: RunMaker<EntropyConfig, EntropyInputs, EntropyEvent, EntropyCheckpoint, EntropyResult, EntropyJson> = {
  name: 'entropy',
  summary: 'tune how strongly a guided model holds on to the pretrained one',
  description:
    'Finds the entropy strength lambda (1/lambda is the guidance scale) of a pretrained diffusion model that is guided by a reward: the one that a ' +
    'second reward, the judge, likes best, with an interval. Inference only. Everything is saved in a run folder: guidance.json (for bilevel ' +
    'sample --guidance), samples, the whole trade-off in report.html.\n\n' +
    'Settings come from the preset, then --config, then the environment (BILEVEL_LAMBDA_RANGE=[.1,10]), then flags. ' +
    'In brackets: the value in preset quick.',
  example: `A reward in JavaScript (bilevel init reward writes this one), then --reward ./reward.mjs:\n\n${REWARD_MODULE.replaceAll(/^(?=.)/gm, '  ')}`,
  settings: {
    schema: entropySchema,
    groups: ENTROPY_GROUPS,
    resolve: resolveEntropyConfig,
    mayChange: ENTROPY_MAY_CHANGE,
    places: ENTROPY_PLACES,
    earlier: ENTROPY_EARLIER,
    code: ['reward', 'judge', 'witness'],
  },
  async requireUsed(config) {
    requireClipUsed(config)
    await requirePromptsUsed(config, config.model, rewardWords(config))
  },
  plan: async (config) => ((await severalSets(config)) ? planSets(config) : planEntropy(config)),
  requireSame: requireSameCode,
  open: openEntropyInputs,
  expected: (inputs, config) => planOpened(inputs, config, NO_RATE),
  work: tune,
  record,
  line: entropyLine,
  best: bestLambda,
  report: finish,
  stepOf,
}

const oneSet = runJobOf(maker)
const sets = setsMaker(maker)
const eachSet = runJobOf(sets)

/** Of a file with several named sets of prompts, each is tuned; of all else, there is one strength. */
export const entropyJob: Job<EntropyConfig> = {
  ...oneSet,
  run: async (request, telling) => ((await severalSets(request.config)) ? eachSet : oneSet).run(request, telling),
}

export interface EntropyJobResult {
  readonly result: EntropyResult
  readonly json: EntropyJson
  /** For a person at a terminal. */
  readonly summary: string
}

/**
 * Tunes an entropy strength as a run, to its end, and saves everything. Named sets of prompts are taken together; `runEntropySets` tunes each.
 * @throws what opening and tuning throw; `runs.*`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export const runEntropyJob = (
  config: EntropyConfig,
  hooks: JobHooks<EntropyEvent, JobProgress>,
): Promise<EntropyJobResult> => makeRun(maker, config, hooks)

/**
 * Tunes an entropy strength for each named set of the file of prompts, in one run; results are in the file's order.
 * @throws `config.entropy` unless there are two sets or more; as `runEntropyJob`
 */
export async function runEntropySets(
  config: EntropyConfig,
  hooks: JobHooks<SetEvent, JobProgress>,
): Promise<SetsJobResult> {
  if (!(await severalSets(config))) {
    throw inputError(
      'config.entropy',
      `several strengths need a file of prompts with two named sets or more, and no set that is named; got prompts ${config.prompts ?? 'none'}, promptSet ${config.promptSet ?? 'none'}; use runEntropyJob`,
    )
  }
  return runSets(sets, config, hooks)
}
