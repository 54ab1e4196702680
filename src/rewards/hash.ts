/** Hashes that tell rewards apart. */
import { sha256Stream } from '../base/index.ts'

/** SHA-256 of texts and bytes in order, hex; each with its length, so that no two lists are the same stream. */
export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = sha256Stream()
  for (const part of parts) {
    const bytes = typeof part === 'string' ? new TextEncoder().encode(part) : part
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.hex()
}
