/** Hashes that tell rewards apart. */
import { createHash } from 'node:crypto'

/** SHA-256 of texts and bytes in order, hex; each with its length, so that no two lists are the same stream. */
export function hashOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256')
  for (const part of parts) {
    const bytes = typeof part === 'string' ? new TextEncoder().encode(part) : part
    hash.update(`${bytes.length}:`).update(bytes)
  }
  return hash.digest('hex')
}
