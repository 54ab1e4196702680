/** SHA-256 (FIPS 180-4), the project's one hash: of texts, as UTF-8, and bytes. */
import type { Sha256 } from './machine.ts'
import { machine } from './machine.ts'

/** A new hash, by the fastest that the machine has. */
export const sha256Stream = (): Sha256 => machine().sha256()

/** The hash of all parts, one after the other, hex. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = sha256Stream()
  for (const part of parts) hash.update(part)
  return hash.hex()
}
