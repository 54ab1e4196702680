/** `bilevel runs`: what runs there are. */
import { stat } from 'node:fs/promises'
import { z } from 'zod'
import { textTable } from '../../report/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { durationText, resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'
import { bestText } from '../bestText.ts'
import type { Job } from '../job.ts'
import type { ListedRun } from './list.ts'
import { listRuns, RUN_STATES } from './list.ts'

const FOLDER = 'runs'

export const runsSchema = z.strictObject({
  state: setting(z.enum(RUN_STATES).nullable(), {
    group: 'Listing',
    description: 'only runs in this state; none: all of them',
    default: null,
  }),
})
export type RunsConfig = z.output<typeof runsSchema>

const resolve = (layers: readonly SettingsLayer[]): RunsConfig =>
  resolveSettings(runsSchema, [{ source: 'the defaults', values: defaultsOf(runsSchema.shape) }, ...layers])

/** @param jobs the kinds of runs there are */
export const runsJob = (jobs: readonly Pick<Job, 'name' | 'best'>[]): Job<RunsConfig> => ({
  name: 'runs',
  summary: 'list runs: what kind, how far, how good',
  description:
    'Lists the run folders in a folder, newest first: the command that made each, its state, the value that runs of its kind are compared by ' +
    '(the FID of a schedule, the lambda of an entropy strength, or of each set of prompts), and the time that it took, or has left.\n\n' +
    'States: running; stopped (its process was killed) and interrupted (Ctrl-C), which --resume goes on with; failed; done; damaged.',
  argument: { name: '[folder]', description: `folder that holds run folders, or one of them [${FOLDER}]` },
  jsonHelp: 'print the runs as one JSON object on one line',
  settings: { schema: runsSchema, groups: ['Listing'], resolve },
  leaves: 'answer',
  async run({ config: { state }, argument }) {
    const folder = argument === '' ? FOLDER : argument
    // Whoever has made no run yet has done nothing wrong.
    const none = argument === '' && !(await stat(FOLDER).catch(() => null))
    const all = none ? [] : await listRuns(folder, jobs)
    const runs = all.filter((run) => state === null || run.state === state)
    return { json: { folder, runs }, text: tableOf(folder, runs, state) }
  },
})

function tableOf(folder: string, runs: readonly ListedRun[], state: RunsConfig['state']): string {
  if (runs.length === 0) return `no ${state === null ? 'runs' : `runs that are ${state}`} in ${folder}`
  const lines = runs.map(({ run, kind, state: now, best, ...rest }) => [
    run,
    kind ?? '–',
    now,
    bestText(best),
    timeText(rest),
  ])
  return textTable([['run', 'kind', 'state', 'best', 'time'], ...lines], 4)
    .map((line) => line.replaceAll('\u00a0', ' ').trimEnd())
    .join('\n')
}

function timeText({ done, secondsLeft, secondsTaken }: Pick<ListedRun, 'done' | 'secondsLeft' | 'secondsTaken'>) {
  const share = done === null ? '' : `${Math.floor(100 * done)} %, `
  if (secondsLeft !== null) return `${share}${durationText(secondsLeft)} left`
  return secondsTaken === null ? '–' : `${share}${durationText(secondsTaken)}`
}
