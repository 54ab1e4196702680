/** SHA-256 (FIPS 180-4), the project's one hash: of texts, as UTF-8, and bytes. */
import { machine } from './machine.ts'

/** A hash that is still taking. */
export interface Sha256 {
  /** Takes a text or bytes after what came before. */
  update(part: string | Uint8Array): Sha256
  /** Ends it: 64 hexadecimal letters. */
  hex(): string
}

/** A new hash, by the fastest that the machine has. */
export const sha256Stream = (): Sha256 => machine().sha256()

/** The hash of all parts, one after the other, hex. */
export function sha256(...parts: readonly (string | Uint8Array)[]): string {
  const hash = sha256Stream()
  for (const part of parts) hash.update(part)
  return hash.hex()
}
