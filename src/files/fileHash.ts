/** SHA-256 of a file, without holding it in memory. */
import { createReadStream } from 'node:fs'
import { sha256Stream } from '../base/index.ts'

/** Hex. @throws the system's error */
export async function fileHash(path: string): Promise<string> {
  const hash = sha256Stream()
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.hex()
}
