/** `bilevel schedule`: learn noise and sampling schedules. */

import type { JobHooks } from '../../runs/index.ts'
import type { LearnCheckpoint, LearnEvent, LearnedModel } from '../../tuners/index.ts'
import type { JobProgress } from '../job.ts'
import type { RunMaker } from '../makesRun.ts'
import { makeRun, runJobOf } from '../makesRun.ts'
import { requirePromptsUsed } from '../opening/promptsUsed.ts'
import { NO_RATE } from '../planning/forecast.ts'
import { bestFid, learnLine } from './lines.ts'
import type { ScheduleInputs } from './open.ts'
import { openScheduleInputs } from './open.ts'
import { planOf, planSchedule } from './plan.ts'
import type { ScheduleJson } from './report/scheduleJson.ts'
import { finish, isDue, learn, record, requireSameRun, stepOf } from './run.ts'
import type { ScheduleConfig } from './schema.ts'
import { EARLIER, MAY_CHANGE, PLACES, REPLACED, SETTING_GROUPS, scheduleSchema } from './schema.ts'
import { resolveScheduleConfig } from './settings.ts'

const maker: RunMaker<ScheduleConfig, ScheduleInputs, LearnEvent, LearnCheckpoint, LearnedModel, ScheduleJson> = {
  name: 'schedule',
  summary: 'learn noise and sampling schedules',
  description:
    'Trains a diffusion model (or takes one), learns its schedule by first-order bilevel optimization, and compares it with the defaults ' +
    'on held-out images. Everything is saved in a run folder: model, schedule, samples, report.html.\n\n' +
    'Settings come from the preset, then --config, then the environment (BILEVEL_SAMPLING_STEPS=10), then flags. ' +
    'In brackets: the value in preset quick.',
  settings: {
    schema: scheduleSchema,
    groups: SETTING_GROUPS,
    resolve: resolveScheduleConfig,
    mayChange: MAY_CHANGE,
    places: PLACES,
    earlier: EARLIER,
    replaced: REPLACED,
    code: ['reward'],
  },
  requireSame: requireSameRun,
  requireUsed: (config) => requirePromptsUsed(config, config.model, config.reward === null ? [] : [config.reward]),
  plan: (config) => planSchedule(config),
  open: openScheduleInputs,
  expected: (inputs, config) => planOf(config, inputs, NO_RATE),
  work: learn,
  record,
  line: learnLine,
  best: bestFid,
  report: finish,
  stepOf,
  isDue,
}

export const scheduleJob = runJobOf(maker)

export interface ScheduleJobResult {
  readonly learned: LearnedModel
  readonly json: ScheduleJson
  /** For a person at a terminal. */
  readonly summary: string
}

/**
 * Learns a schedule as a run, to its end, and saves everything.
 * @throws what opening and learning throw; `runs.*`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export async function runScheduleJob(
  config: ScheduleConfig,
  hooks: JobHooks<LearnEvent, JobProgress>,
): Promise<ScheduleJobResult> {
  const { result: learned, json, summary } = await makeRun(maker, config, hooks)
  return { learned, json, summary }
}
