/** Safetensors on disk: read with the path in every error, written whole or not at all. */
import { readFile } from 'node:fs/promises'
import type { NamedTensors } from '../base/index.ts'
import { inputError } from '../base/index.ts'
import type { SafetensorsFile } from '../nn/index.ts'
import { decodeSafetensors, encodeSafetensors } from '../nn/index.ts'
import { writeAtomically } from './disk.ts'

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

/** Writes a file whole or not at all, making its folder if needed. @throws `disk.write` if the disk refuses (full, read-only) */
export async function writeSafetensors(
  path: string,
  tensors: NamedTensors,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  await writeAtomically(path, encodeSafetensors(tensors, metadata))
}
