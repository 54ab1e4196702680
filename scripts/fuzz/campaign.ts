/** Inputs by number: the same seed, target and number give the same input, so that one that was found can be made again. */
import { randomStream } from '../../src/base/index.ts'
import { mutateBytes, mutateJson } from './mutate.ts'
import type { FuzzTarget, Outcome } from './target.ts'
import { tryInput } from './target.ts'

/** An input that a parser must not answer as it did. */
export interface FuzzFault {
  readonly target: string
  readonly number: number
  readonly why: string
  readonly input: Uint8Array
}

export interface TargetCount {
  readonly target: string
  readonly inputs: number
  readonly accepted: number
  readonly refused: number
  readonly faults: number
}

/** Input `number` of a target. */
export function inputOf({ name, seeds, json }: FuzzTarget, seed: number, number: number): Uint8Array {
  const random = randomStream({ seed, purpose: `fuzz.${name}`, item: number })
  const whole = seeds[random.integer(seeds.length)]
  if (!json || random.integer(4) === 0) return mutateBytes(whole, seeds, random)
  try {
    return new TextEncoder().encode(mutateJson(JSON.parse(new TextDecoder().decode(whole)), random))
  } catch {
    // A seed that is YAML.
    return mutateBytes(whole, seeds, random)
  }
}

/** Gives a target its inputs from `first` on; every seed whole must be accepted. */
export async function fuzzTarget(
  target: FuzzTarget,
  { seed, first, count }: { readonly seed: number; readonly first: number; readonly count: number },
): Promise<{ readonly counts: TargetCount; readonly faults: readonly FuzzFault[] }> {
  const faults: FuzzFault[] = []
  let [accepted, refused] = [0, 0]
  const note = (outcome: Outcome, number: number, input: Uint8Array) => {
    if (outcome.kind === 'accepted') accepted++
    else if (outcome.kind === 'refused') refused++
    else faults.push({ target: target.name, number, why: outcome.why, input })
  }
  for (const whole of target.seeds) {
    const outcome = await tryInput(target, whole)
    if (outcome.kind === 'refused')
      note({ kind: 'fault', why: `the undamaged input is refused: ${outcome.code}` }, -1, whole)
    else if (outcome.kind === 'fault') note(outcome, -1, whole)
  }
  for (let number = first; number < first + count; number++) {
    const input = inputOf(target, seed, number)
    note(await tryInput(target, input), number, input)
  }
  return { counts: { target: target.name, inputs: count, accepted, refused, faults: faults.length }, faults }
}

/** Where found inputs of a target are kept, below a corpus folder. */
export const corpusName = (target: string): string => target.replace(/[^a-z0-9]+/gi, '-').replace(/-$/, '')
