/** What a job of several sets of prompts works on: of each set, what a job of that set alone would. */
import { inputError, machine } from '../../../base/index.ts'
import { shippedPath } from '../../../data/index.ts'
import { measureRate } from '../../../diffusion/index.ts'
import type { PromptSet } from '../../../text/index.ts'
import { readPromptSets } from '../../../text/index.ts'
import { inLatents, openEntropy } from '../../../tuners/index.ts'
import type { RunInputs } from '../../makesRun.ts'
import type { JobPlan, RateOf } from '../../planning/forecast.ts'
import { MEMORY_FACTOR } from '../../planning/memory.ts'
import type { EntropyInputs } from '../open.ts'
import { openEntropyInputs } from '../open.ts'
import { planOpened } from '../plan.ts'
import type { EntropyConfig } from '../settings.ts'

/** A set, and the job of it. */
export interface OneSet {
  readonly name: string
  readonly prompts: readonly string[]
  /** The job's settings with this set's name. */
  readonly config: EntropyConfig
  readonly inputs: EntropyInputs
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
 * Opens every set, so that what is wrong with one is found before any is tuned.
 * @throws what `openEntropyInputs` throws
 */
export async function openSets(config: EntropyConfig): Promise<SetsInputs> {
  const sets: OneSet[] = []
  const close = async () => {
    for (const { inputs } of sets) await inputs.close()
  }
  try {
    for (const { name, prompts } of (await severalSets(config)) ?? []) {
      const own = { ...config, promptSet: name }
      sets.push({ name, prompts, config: own, inputs: await openEntropyInputs(own) })
    }
  } catch (error) {
    await close()
    throw error
  }
  const [{ inputs: first }] = sets
  return {
    sets,
    sources: { ...first.sources, sets: Object.fromEntries(sets.map(({ name, inputs }) => [name, hashesOf(inputs)])) },
    ...(first.found && { found: first.found }),
    notes: joinedNotes(sets.map(({ name, inputs }) => ({ name, notes: inputs.notes }))),
    secondsPerEvaluation: first.secondsPerEvaluation,
    close,
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

/** What all sets together will cost at most. @throws as `planOpenedSets`, `openSets` and the tuning */
export async function planSets(config: EntropyConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const inputs = await openSets(config)
  try {
    for (const set of inputs.sets) openEntropy(inLatents({ ...set.inputs.subject }))
    return await planOpenedSets(inputs, rateOf)
  } finally {
    await inputs.close()
  }
}

/** The plan of what is open: sets are tuned one after the other, and all are open at once. @throws `plan.memory` */
export async function planOpenedSets({ sets }: Pick<SetsInputs, 'sets'>, rateOf: RateOf): Promise<JobPlan> {
  const plans: JobPlan[] = []
  for (const { inputs, config } of sets) plans.push(await planOpened(inputs, config, rateOf))
  const sum = (of: (plan: JobPlan) => number) => plans.reduce((total, plan) => total + of(plan), 0)
  const memoryMiB = plans.some((plan) => plan.memoryMiB === null) ? null : sum((plan) => plan.memoryMiB ?? 0)
  requireRoom(memoryMiB, sets)
  return {
    networkEvaluations: sum((plan) => plan.networkEvaluations),
    checking: sum((plan) => plan.checking ?? 0),
    seconds: sum((plan) => plan.seconds),
    memoryMiB,
    ...(plans.some(({ measured }) => measured) && { measured: true }),
    lines: [`sets of prompts, each with a lambda of its own: ${sets.map(setWords).join(', ')}`],
  }
}

const setWords = ({ name, prompts }: OneSet): string => `${name} (${prompts.length})`

function requireRoom(memoryMiB: number | null, sets: readonly OneSet[]): void {
  const there = machine().memoryBytes() / 2 ** 20
  if (memoryMiB === null || memoryMiB <= MEMORY_FACTOR * there) return
  const words = (mib: number) => `${Math.round(mib).toLocaleString('en')} MiB`
  throw inputError(
    'plan.memory',
    `the models of all ${sets.length} sets of prompts must fit into memory: about ${words(memoryMiB)} are needed, this machine has ${words(there)}; tune one set a run, --prompt-set '${sets[0].name}'`,
  )
}
