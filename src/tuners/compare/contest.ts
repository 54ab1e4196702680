/**
 * A comparison: every method with every seed, each with the same budget, and what each ends with measured on images that it never saw. What is measured for
 * the report is charged to nobody. A pure sequence of states: cut off at any moment it goes on to the same numbers, where the budget is not time.
 */
import { inputError, throwIfInterrupted } from '../../base/index.ts'
import type { MeanAndStandardError } from '../../metrics/index.ts'
import { meanAndStandardError } from '../../metrics/index.ts'
import type { Budget, Spent } from './budget.ts'
import { affords, budgetText } from './budget.ts'
import type { ComparedTrial, Contestant, Incumbent, Standing } from './contestant.ts'
import { NOT_STARTED } from './contestant.ts'

/** What something is worth on images that nobody steered by: figures by name, the first of them the one that counts. */
export type Figures = Readonly<Record<string, MeanAndStandardError>>

/** The best so far after so many evaluations, measured alike for all methods. */
export interface PathPoint {
  readonly evaluations: number
  /** As the first figure is told. */
  readonly value: number
}

/** One method with one seed. */
export interface Entry<S> {
  readonly method: string
  readonly seed: number
  readonly standing: Standing<S>
  /** Whether it has spent its budget. */
  readonly isOver: boolean
  /** Null until it is over. */
  readonly figures: Figures | null
  readonly path: readonly PathPoint[] | null
}

export interface CompareCheckpoint<S> {
  readonly entries: readonly Entry<S>[]
}

/** What is compared. */
export interface ComparedProblem<S> {
  readonly contestants: readonly Contestant<S>[]
  /** Of what a method ended with. */
  figures(solution: S): Promise<Figures>
  /** The same measure from fewer images, for the path there. */
  glance(solution: S): Promise<number>
}

export type CompareEvent =
  | { readonly kind: 'trial'; readonly method: string; readonly seed: number; readonly trial: ComparedTrial }
  | {
      readonly kind: 'method'
      readonly method: string
      readonly seed: number
      readonly spent: Spent
      readonly figures: Figures
    }

export interface CompareHooks<S> {
  readonly from?: CompareCheckpoint<S>
  readonly signal?: AbortSignal
  onEvent?(event: CompareEvent): void | Promise<void>
  onCheckpoint?(checkpoint: CompareCheckpoint<S>): Promise<void>
  /** How much of the whole is done, in budgets, and what goes on. */
  onProgress?(done: number, total: number, detail: string): void
  /** Seconds. Default: this machine's clock. */
  readonly clock?: () => number
}

/** Points of a path, at most. */
const PATH_POINTS = 7

/** @throws `compare.method` on a name that none has, listing those there are */
export function contestantsNamed<S>(all: readonly Contestant<S>[], names: readonly string[]): Contestant<S>[] {
  const known = all.map(({ name }) => name)
  const unknown = names.find((name) => !known.includes(name))
  if (unknown !== undefined) {
    throw inputError('compare.method', `methods are some of ${known.join(', ')}, got '${unknown}'`)
  }
  return names.map((wanted) => all.find(({ name }) => name === wanted)).filter((one) => one !== undefined)
}

/** @throws `compare.budget` where it is too small for one trial of a method, with the least that would do */
export function checkBudget(
  budget: Budget,
  contestants: readonly Contestant<never>[] | readonly Contestant<unknown>[],
): void {
  if (budget.kind !== 'evaluations') return
  const least = contestants.reduce((most, one) => (one.minimum > most.minimum ? one : most))
  if (budget.most >= least.minimum) return
  throw inputError(
    'compare.budget',
    `${budgetText(budget)} are too few for method ${least.name}, which takes ${least.minimum.toLocaleString('en')} before it has anything to end with; ` +
      `give --budget ${least.minimum} or more, or other methods (--methods)`,
  )
}

/**
 * Runs all of it.
 * @throws `compare.budget`; what the methods throw; `interrupted` through `signal`
 */
export async function contest<S>(
  problem: ComparedProblem<S>,
  contestants: readonly Contestant<S>[],
  { budget, seeds }: { readonly budget: Budget; readonly seeds: readonly number[] },
  hooks: CompareHooks<S> = {},
): Promise<readonly Entry<S>[]> {
  checkBudget(budget, contestants)
  const { from, signal, onEvent, onCheckpoint, onProgress, clock = () => performance.now() / 1000 } = hooks
  const entries = new Map((from?.entries ?? []).map((entry) => [keyOf(entry), entry]))
  const save = async (entry: Entry<S>) => {
    entries.set(keyOf(entry), entry)
    await onCheckpoint?.({ entries: [...entries.values()] })
  }
  const total = seeds.length * contestants.length
  let count = 0
  for (const seed of seeds) {
    for (const contestant of contestants) {
      const { name: method } = contestant
      throwIfInterrupted(signal)
      const key = keyOf({ method, seed })
      const begun: Entry<S> = { method, seed, standing: NOT_STARTED, isOver: false, figures: null, path: null }
      let entry = entries.get(key) ?? begun
      const note = (share: number) => onProgress?.(count + Math.min(1, share), total, `${method}, seed ${seed}`)
      if (!entry.isOver) {
        let began = clock()
        const turn = {
          seed,
          budget,
          ...(signal && { signal }),
          get at() {
            return entry.standing
          },
          affords: (cost: number) => {
            const { evaluations, seconds } = entry.standing
            return affords(budget, { evaluations, seconds: seconds + clock() - began }, cost)
          },
          async done({
            cost,
            state,
            trials = [],
            incumbent,
          }: Parameters<Parameters<Contestant<S>['run']>[0]['done']>[0]) {
            const { standing } = entry
            const now = clock()
            const spent = { evaluations: standing.evaluations + cost, seconds: standing.seconds + now - began }
            began = now
            entry = {
              ...entry,
              standing: {
                ...spent,
                state,
                trials: [...standing.trials, ...trials],
                incumbents: incumbent ? [...standing.incumbents, { ...spent, ...incumbent }] : standing.incumbents,
              },
            }
            for (const trial of trials) await onEvent?.({ kind: 'trial', method, seed, trial })
            await save(entry)
            note(budget.kind === 'evaluations' ? spent.evaluations / budget.most : spent.seconds / budget.most)
          },
        }
        await contestant.run(turn)
        entry = { ...entry, isOver: true }
        await save(entry)
      }
      if (!entry.figures) {
        const { incumbents, evaluations, seconds } = entry.standing
        const last = incumbents.at(-1)
        if (!last) throw nothingFound(method, budget)
        const figures = await problem.figures(last.solution)
        const path: PathPoint[] = []
        for (const point of thinned(incumbents)) {
          throwIfInterrupted(signal)
          path.push({ evaluations: point.evaluations, value: await problem.glance(point.solution) })
        }
        // What is only to go on with is not needed any more.
        entry = { ...entry, figures, path, standing: { ...entry.standing, state: null } }
        await onEvent?.({ kind: 'method', method, seed, spent: { evaluations, seconds }, figures })
        await save(entry)
      }
      count++
      note(0)
    }
  }
  return seeds.flatMap((seed) =>
    contestants.map(({ name: method }) => entries.get(keyOf({ method, seed }))).filter((one) => one !== undefined),
  )
}

const keyOf = ({ method, seed }: Pick<Entry<never>, 'method' | 'seed'>): string => `${method} ${seed}`

const nothingFound = (method: string, budget: Budget): Error =>
  inputError('compare.budget', `method ${method} came to nothing within ${budgetText(budget)}; give more`)

/** As many of them as are drawn, evenly in the logarithm of the evaluations, with the first and the last. */
function thinned<S>(incumbents: readonly Incumbent<S>[]): readonly Incumbent<S>[] {
  if (incumbents.length <= PATH_POINTS) return incumbents
  const [first, last] = [incumbents[0], incumbents[incumbents.length - 1]]
  const low = Math.log(Math.max(1, first.evaluations))
  const width = Math.log(Math.max(1, last.evaluations)) - low
  const kept = new Set<Incumbent<S>>()
  for (let i = 0; i < PATH_POINTS; i++) {
    const until = Math.exp(low + (width * i) / (PATH_POINTS - 1)) * (1 + 1e-9)
    const found = incumbents.findLast(({ evaluations }) => evaluations <= until)
    if (found) kept.add(found)
  }
  return [...kept.add(last)]
}

/** One method over all seeds. */
export interface Standings {
  readonly method: string
  /** Mean over seeds, with the error over seeds and that over the images, which are the same for all, together; of one seed its own. */
  readonly figures: Figures
  readonly evaluations: number
  readonly seconds: number
  readonly seeds: number
}

/** The methods in their order, averaged over seeds. */
export function standings<S>(entries: readonly Entry<S>[]): Standings[] {
  const methods = [...new Set(entries.map(({ method }) => method))]
  return methods.map((method) => {
    const own = entries.filter((entry) => entry.method === method)
    const known = own.map(({ figures }) => figures).filter((figures) => figures !== null)
    const mean = (value: (entry: Entry<S>) => number) => own.reduce((sum, entry) => sum + value(entry), 0) / own.length
    return {
      method,
      figures:
        known.length === 1
          ? known[0]
          : Object.fromEntries(
              Object.keys(known[0] ?? {}).map((name) => [name, overSeeds(known.map((one) => one[name]))]),
            ),
      evaluations: mean(({ standing }) => standing.evaluations),
      seconds: mean(({ standing }) => standing.seconds),
      seeds: own.length,
    }
  })
}

/** Seeds that end at the same point are measured on the same images, so that their spread alone would be 0. */
function overSeeds(figures: readonly MeanAndStandardError[]): MeanAndStandardError {
  const { mean, standardError, count } = meanAndStandardError(figures.map((figure) => figure.mean))
  const images = figures.reduce((sum, figure) => sum + (figure.standardError ?? 0), 0) / figures.length
  return { mean, standardError: standardError === null ? null : Math.hypot(standardError, images), count }
}
