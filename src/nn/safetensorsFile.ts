/** Safetensors on disk: read with the path in every error, written beside the target and renamed, so that it is never half there. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import type { NamedTensors } from '../base/index.ts'
import { failure, inputError } from '../base/index.ts'
import type { SafetensorsFile } from './safetensors.ts'
import { decodeSafetensors, encodeSafetensors } from './safetensors.ts'

/** Reads a file. @throws `safetensors.open` if it cannot be read, else as `decodeSafetensors` */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  let bytes: Uint8Array
  try {
    bytes = await readFile(path)
  } catch (error) {
    const reason = (error as Error).message
    throw inputError('safetensors.open', `${path} must be a readable safetensors file: ${reason}`, { cause: error })
  }
  return decodeSafetensors(bytes, path)
}

/** Writes a file whole or not at all. @throws `safetensors.write` if the disk refuses (full, read-only) */
export async function writeSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  const bytes = encodeSafetensors(tensors, metadata)
  const partial = `${path}.${process.pid}.partial`
  try {
    await writeFile(partial, bytes)
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    const reason = (error as Error).message
    throw failure('safetensors.write', `${path} could not be written (${bytes.length} bytes): ${reason}`, {
      cause: error,
    })
  }
}
