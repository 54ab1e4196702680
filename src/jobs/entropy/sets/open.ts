/** What a job of several sets of prompts works on: of each set, what a job of that set alone would. */
import { BilevelError } from '../../../base/index.ts'
import { shippedPath } from '../../../data/index.ts'
import { measureRate } from '../../../diffusion/index.ts'
import type { Json } from '../../../runs/index.ts'
import type { PromptSet } from '../../../text/index.ts'
import { readPromptSets } from '../../../text/index.ts'
import { inLatents, openEntropy } from '../../../tuners/index.ts'
import type { RunInputs } from '../../makesRun.ts'
import type { RewardNetworks } from '../../opening/rewardNetworks.ts'
import type { SharedData } from '../../opening/sharedData.ts'
import { sharedData } from '../../opening/sharedData.ts'
import { SharedPrompts } from '../../opening/sharedPrompts.ts'
import type { JobPlan, RateOf } from '../../planning/forecast.ts'
import type { EntropyInputs, EntropyModel } from '../open.ts'
import { openEntropyModel, openEntropyNetworks, openRewards } from '../open.ts'
import type { PlannedInputs } from '../plan.ts'
import { planOpened } from '../plan.ts'
import type { EntropyConfig } from '../settings.ts'

/** A set, and the job of it. */
export interface OneSet {
  readonly name: string
  readonly prompts: readonly string[]
  /** The job's settings with this set's name. */
  readonly config: EntropyConfig
  /** What its plan is made of. */
  readonly planned: PlannedInputs
  /** Hashes of what depends on the prompts. */
  readonly hashes: Readonly<Record<string, Json>>
  readonly notes: readonly string[]
  /** Opens its rewards, which were tried before; its `close` frees them alone. */
  open(): Promise<EntropyInputs>
}

export interface SetsInputs extends RunInputs {
  /** Two or more, in the file's order. */
  readonly sets: readonly OneSet[]
}

type NamedSet = PromptSet & { readonly name: string }

/** The sets that a job tunes one by one; null: there is one, or none. What cannot be read is refused where it is opened. */
export async function severalSets({
  prompts,
  promptSet,
}: Pick<EntropyConfig, 'prompts' | 'promptSet'>): Promise<readonly NamedSet[] | null> {
  if (prompts === null || promptSet !== null) return null
  const sets = await readPromptSets(shippedPath(prompts)).catch(() => [])
  const named = sets.flatMap(({ name, prompts: own }) => (name === null ? [] : [{ name, prompts: own }]))
  return named.length > 1 ? named : null
}

/**
 * Opens the model with the prompts of all sets, and the rewards of each set in turn: what is wrong with one is found before any is tuned, and no two sets
 * hold memory at once.
 * @throws what `openEntropyInputs` and the tuning throw
 */
export async function openSets(config: EntropyConfig): Promise<SetsInputs> {
  const named = (await severalSets(config)) ?? []
  const shared = sharedData({ ...config, size: null })
  const prompts = new SharedPrompts(named)
  const closers = [() => prompts.close()]
  const close = async () => {
    for (const closeOne of closers) await closeOne()
  }
  try {
    const models = await openModels(config, named, { shared, prompts, closers })
    prompts.forget()
    const networks = await openEntropyNetworks({ ...config, promptSet: named[0].name }, models[0], shared)
    closers.unshift(networks.close)
    const checked: CheckedSet[] = []
    for (const [i, set] of named.entries()) {
      checked.push(await ofSet(i, set, () => checkedSet({ ...config, promptSet: set.name }, set, models[i], networks)))
    }
    const [{ sources, found, planned }] = checked
    return {
      sets: checked,
      sources: { ...sources, sets: Object.fromEntries(checked.map(({ name, hashes }) => [name, hashes])) },
      ...(found && { found }),
      notes: joinedNotes(checked),
      secondsPerEvaluation: planned.secondsPerEvaluation,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

interface Shared {
  readonly shared: SharedData
  readonly prompts: SharedPrompts
  readonly closers: (() => Promise<void>)[]
}

/** The model of each set; one for all where it takes no prompts. */
async function openModels(
  config: EntropyConfig,
  sets: readonly NamedSet[],
  { shared, prompts, closers }: Shared,
): Promise<EntropyModel[]> {
  const models: EntropyModel[] = []
  for (const [i, set] of sets.entries()) {
    const [first] = models
    if (first && !first.opened.pipeline?.encoder) {
      models.push(first)
      continue
    }
    const own = { ...config, promptSet: set.name }
    const model = await ofSet(i, set, () => openEntropyModel(own, shared, prompts))
    closers.unshift(model.close)
    models.push(model)
  }
  return models
}

interface CheckedSet extends OneSet, Pick<EntropyInputs, 'sources' | 'found'> {}

/** Opens its rewards, tries them, and frees them again. */
async function checkedSet(
  config: EntropyConfig,
  { name, prompts }: NamedSet,
  model: EntropyModel,
  networks: RewardNetworks,
): Promise<CheckedSet> {
  const own = networks.withPrompts(prompts)
  try {
    const inputs = await openRewards(config, model, own)
    openEntropy(inLatents({ ...inputs.subject }))
    const { tried, notes, sources, found, checking, secondsPerEvaluation } = inputs
    const { schedule, sampler, settings } = inputs.subject
    return {
      ...{ name, prompts, config, notes, sources },
      ...(found && { found }),
      planned: { model: model.opened, subject: { schedule, sampler, settings }, checking, secondsPerEvaluation },
      hashes: hashesOf(inputs),
      open: () => openAgain(config, model, networks.withPrompts(prompts), { tried, notes }),
    }
  } finally {
    await own.close()
  }
}

async function openAgain(
  config: EntropyConfig,
  model: EntropyModel,
  networks: RewardNetworks,
  { tried, notes }: { readonly tried: readonly string[]; readonly notes: readonly string[] },
): Promise<EntropyInputs> {
  try {
    return { ...(await openRewards(config, model, networks, tried)), notes }
  } catch (error) {
    await networks.close()
    throw error
  }
}

/** What is wrong with the first is wrong with the job; what only a later one has is said of that. */
const ofSet = <T>(i: number, set: NamedSet, work: () => Promise<T>): Promise<T> =>
  i === 0 ? work() : saidOf(set, work)

/** An error of the work is said of the set. */
export async function saidOf<T>({ name }: Pick<NamedSet, 'name'>, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof BilevelError) || error.kind === 'interrupted') throw error
    const { kind, code, message } = error
    throw new BilevelError(kind, code, `set '${name}': ${message}`, { cause: error })
  }
}

/** Of what depends on the prompts. */
const hashesOf = ({ model, subject: { reward, judge }, witness }: EntropyInputs) => ({
  model: model.hash,
  reward: reward.hash,
  judge: judge.hash,
  ...(witness && { witness: witness.hash }),
})

/** Notes of all sets once, those of some with their names. */
export function joinedNotes(sets: readonly { readonly name: string; readonly notes: readonly string[] }[]): string[] {
  const all = [...new Set(sets.flatMap(({ notes }) => notes))]
  return all.map((note) => {
    const whose = sets.filter(({ notes }) => notes.includes(note))
    return whose.length === sets.length ? note : `${whose.map(({ name }) => name).join(', ')}: ${note}`
  })
}

/** What all sets together will cost at most. @throws as `planOpenedSets` and `openSets` */
export async function planSets(config: EntropyConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const inputs = await openSets(config)
  try {
    return await planOpenedSets(inputs, rateOf)
  } finally {
    await inputs.close()
  }
}

/** The plan of what was opened: sets are tuned one after the other, so the one that needs most says what memory is needed. @throws `plan.memory` */
export async function planOpenedSets({ sets }: Pick<SetsInputs, 'sets'>, rateOf: RateOf): Promise<JobPlan> {
  const plans: JobPlan[] = []
  for (const { planned, config } of sets) plans.push(await planOpened(planned, config, rateOf))
  const sum = (of: (plan: JobPlan) => number) => plans.reduce((total, plan) => total + of(plan), 0)
  const memory = plans.map(({ memoryMiB }) => memoryMiB)
  return {
    networkEvaluations: sum((plan) => plan.networkEvaluations),
    checking: sum((plan) => plan.checking ?? 0),
    seconds: sum((plan) => plan.seconds),
    memoryMiB: memory.includes(null) ? null : Math.max(...memory.map((mib) => mib ?? 0)),
    ...(plans.some(({ measured }) => measured) && { measured: true }),
    lines: [`sets of prompts, each with a lambda of its own: ${sets.map(setWords).join(', ')}`],
  }
}

const setWords = ({ name, prompts }: OneSet): string => `${name} (${prompts.length})`
