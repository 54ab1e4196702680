/**
 * What a machine gives that JavaScript alone cannot tell, or does ten times slower. The defaults run everywhere; an edge (Node) puts its own in
 * their place. None of it changes a number.
 */
import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex } from '@noble/hashes/utils.js'

/** A hash that is still taking. */
export interface Sha256 {
  /** Takes a text or bytes after what came before. */
  update(part: string | Uint8Array): Sha256
  /** Ends it: 64 hexadecimal letters. */
  hex(): string
}

export interface Machine {
  /** Bytes that this process may have. Default: not known, so no limit. */
  memoryBytes(): number
  /** Starts a SHA-256. Default: in JavaScript, about 140 MiB/s; Node's own takes 1,700. */
  sha256(): Sha256
}

const encoder = new TextEncoder()

function sha256InJavaScript(): Sha256 {
  const hash = sha256.create()
  return {
    update(part) {
      hash.update(typeof part === 'string' ? encoder.encode(part) : part)
      return this
    },
    hex: () => bytesToHex(hash.digest()),
  }
}

/** What runs everywhere. */
export const PLAIN_MACHINE: Machine = { memoryBytes: () => Number.POSITIVE_INFINITY, sha256: sha256InJavaScript }

let used = PLAIN_MACHINE

/** The machine that this is. */
export const machine = (): Machine => used

/** Says what the machine has: called once, by the edge that knows it. */
export function useMachine(own: Machine): void {
  used = own
}
