/** What comparisons have in common as runs: what is kept of their events, and what they leave. */
import type { JobRun, Json, Run, TimedEvent } from '../../runs/index.ts'
import { optunaJournal, versions } from '../../runs/index.ts'
import type { CompareCheckpoint, ComparedProblem, CompareEvent, Entry } from '../../tuners/index.ts'
import { budgetOf, contest, contestantsNamed } from '../../tuners/index.ts'
import type { Best, RunSettings } from '../job.ts'
import type { RunInputs, RunMaker, RunReport, WorkHooks } from '../makesRun.ts'
import { saveReport } from '../reporting/reportOutputs.ts'
import { OWN_SEARCH } from './ownSearch.ts'
import type { CompareContext, CompareJson, FigureWords } from './report/compareJson.ts'
import { compareJson } from './report/compareJson.ts'
import { compareText, renderCompareReport } from './report/compareReport.ts'
import type { CompareConfig } from './settings.ts'
import { folderOf, methodsOf } from './settings.ts'

/** What is open of a comparison. */
export interface CompareInputs<S> extends RunInputs {
  readonly problem: ComparedProblem<S>
  readonly figures: readonly FigureWords[]
  readonly protocol: readonly string[]
  readonly tradeOff: readonly [string, string] | null
}

type CompareRun<S> = JobRun<CompareCheckpoint<S>>

/** The methods that a comparison runs. @throws `compare.method` */
export const chosenOf = <S>({ problem }: CompareInputs<S>, config: CompareConfig) =>
  contestantsNamed(
    problem.contestants,
    methodsOf(
      config,
      problem.contestants.map(({ name }) => name).filter((name) => name !== 'own'),
    ),
  )

/** Runs it. */
function compareAll<S>(
  at: CompareRun<S>,
  inputs: CompareInputs<S>,
  config: CompareConfig,
  hooks: WorkHooks<CompareEvent, CompareCheckpoint<S>>,
): Promise<readonly Entry<S>[]> {
  const budget = budgetOf(config.budget)
  const chosen = chosenOf(inputs, config)
  if (!at.has('start')) at.emit('start', { budget: config.budget, methods: chosen.map(({ name }) => name) })
  const unit = budget.kind === 'evaluations' ? budget.most : Math.round(1000 * budget.most)
  return contest(
    inputs.problem,
    chosen,
    { budget, seeds: config.seeds },
    {
      ...(hooks.from && { from: hooks.from }),
      ...(hooks.signal && { signal: hooks.signal }),
      onEvent: hooks.onEvent,
      onCheckpoint: hooks.onCheckpoint,
      onProgress: (done, total, detail) =>
        hooks.onProgress?.({ phase: 'compare', done: Math.round(done * unit), total: total * unit, detail }),
    },
  )
}

function recordCompared<S>(at: CompareRun<S>, event: CompareEvent): void {
  const { method, seed } = event
  if (event.kind === 'trial') {
    const { parameters, share, value, standardError, evaluations, seen } = event.trial
    at.emit('trial', { method, seed, parameters, share, value, standardError, evaluations, ...(seen && { seen }) })
  } else {
    const figures = Object.fromEntries(Object.entries(event.figures).map(([name, figure]) => [name, { ...figure }]))
    at.emit('method', { method, seed, evaluations: event.spent.evaluations, figures })
  }
}

function comparedLine(event: CompareEvent): string | null {
  if (event.kind === 'trial') return null
  const { method, seed, spent, figures } = event
  const told = Object.entries(figures).map(([name, { mean }]) => `${name} ${mean.toPrecision(4)}`)
  return `${method}, seed ${seed}: ${told.join(', ')}, ${spent.evaluations.toLocaleString('en')} evaluations`
}

/** How many methods are through. */
function bestCompared(events: readonly TimedEvent[]): Best | null {
  const done = events.findLast(({ type }) => type === 'done')
  return typeof done?.value === 'number' ? { what: String(done.best), value: done.value } : null
}

/** Grows with every trial, and with what is measured of a method that is through. */
const stepOfCompared = ({ entries }: CompareCheckpoint<unknown>): number =>
  entries.reduce(
    (sum, { standing, isOver, figures }) =>
      sum + standing.trials.length + standing.incumbents.length + Number(isOver) + Number(figures !== null),
    0,
  )

/** A method that is through, or measured, is saved at once. */
const isDueCompared = (before: CompareCheckpoint<unknown> | undefined, now: CompareCheckpoint<unknown>): boolean =>
  milestones(before) !== milestones(now)

const milestones = (at: CompareCheckpoint<unknown> | undefined): number =>
  (at?.entries ?? []).reduce((sum, { isOver, figures }) => sum + Number(isOver) + Number(figures !== null), 0)

/** What every comparison does alike as a run. */
export const comparedParts = <S, C extends CompareConfig & RunSettings, I extends CompareInputs<S>>(
  command: string,
): Pick<
  RunMaker<C, I, CompareEvent, CompareCheckpoint<S>, readonly Entry<S>[], CompareJson>,
  'name' | 'example' | 'folder' | 'work' | 'record' | 'line' | 'best' | 'report' | 'stepOf' | 'isDue'
> => ({
  name: command,
  example: OWN_SEARCH,
  folder: { words: `${command.replaceAll(' ', '-')}-<seeds>`, named: (config) => folderOf(command, config) },
  work: compareAll,
  record: recordCompared,
  line: comparedLine,
  best: bestCompared,
  report: (at, entries, inputs, config, { folder }) => finishCompared(at, entries, inputs, { command, config, folder }),
  stepOf: stepOfCompared,
  isDue: isDueCompared,
})

/** Leaves report, result and journal. */
async function finishCompared<S>(
  at: CompareRun<S>,
  entries: readonly Entry<S>[],
  inputs: CompareInputs<S>,
  { command, config, folder }: { readonly command: string; readonly config: CompareConfig; readonly folder: string },
): Promise<RunReport<CompareJson>> {
  const context: CompareContext = {
    run: folder,
    command,
    config: config as CompareContext['config'],
    contestants: chosenOf(inputs, config),
    figures: inputs.figures,
    protocol: inputs.protocol,
    notes: inputs.notes,
    versions: await versions(),
    sources: inputs.sources,
    tradeOff: inputs.tradeOff,
  }
  const json = compareJson(entries, context)
  await saveJournal(at.run, entries, context)
  await saveReport(at.run, await renderCompareReport(json, entries, context))
  await at.run.write('result.json', `${JSON.stringify(json, null, 2)}\n`)
  const [best] = json.methods
  const [first] = inputs.figures
  at.run.summarise({ images: [], settings: context.config as never, metrics: ['done/value'] })
  at.emit('done', { best: best.name, value: best.figures[first.name].mean })
  return { json, summary: compareText(json, context) }
}

async function saveJournal(
  run: Pick<Run, 'write'>,
  entries: readonly Entry<unknown>[],
  { command, figures: [first] }: CompareContext,
): Promise<void> {
  const sign = first.better === 'lower' ? 1 : -1
  const text = optunaJournal(
    entries.map(({ method, seed, standing }) => ({
      name: `${command.replaceAll(' ', '-')}/${method}/${seed}`,
      direction: first.better === 'lower' ? 'minimize' : 'maximize',
      trials: standing.trials.map(({ parameters, value, share, standardError, evaluations, seen }) => ({
        parameters,
        value: value === null ? null : sign * value,
        attributes: { share, standardError, evaluations, ...seen } as Readonly<Record<string, Json>>,
      })),
    })),
  )
  await run.write('optuna-journal.log', text)
}
