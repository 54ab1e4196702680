/** A parser under fuzzing, and what is demanded of it: an answer that holds, or an error that is the caller's to mend. */
import { BilevelError } from '../../src/base/index.ts'

export interface FuzzTarget {
  readonly name: string
  /** Whole inputs, from which others are made by damage. */
  readonly seeds: readonly Uint8Array[]
  /** Whether the damage is done to the values of JSON as well as to bytes. */
  readonly json: boolean
  /** Reads an input. What it returns counts as accepted; it throws by itself where an accepted input means nonsense. */
  read(bytes: Uint8Array): unknown
}

/** What an input came to. */
export type Outcome =
  | { readonly kind: 'accepted' }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'fault'; readonly why: string }

/** Milliseconds of the processor after which an input counts as one that hangs. */
const TOO_LONG = 10_000

/** Gives an input to a parser. Whatever it throws must be an error of ours that blames the input, in one line. */
export async function tryInput({ read }: FuzzTarget, bytes: Uint8Array): Promise<Outcome> {
  const before = process.cpuUsage()
  try {
    await read(bytes)
  } catch (error) {
    if (!(error instanceof BilevelError)) return { kind: 'fault', why: String(error).slice(0, 300) }
    if (error.kind === 'internal') return { kind: 'fault', why: error.message.slice(0, 300) }
    if (/\n/.test(error.message)) return { kind: 'fault', why: `more than one line: ${error.message.slice(0, 300)}` }
    return { kind: 'refused', code: error.code }
  }
  const { user, system } = process.cpuUsage(before)
  if ((user + system) / 1000 > TOO_LONG) return { kind: 'fault', why: `took ${(user + system) / 1e6} s` }
  return { kind: 'accepted' }
}

/** Says that an accepted input means nonsense. */
export function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`accepted, but ${what}`)
}
