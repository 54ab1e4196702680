/** The bytes of a model file, and of the files beside it that hold its weights. */
import { readFile, realpath, stat } from 'node:fs/promises'
import { dirname, join, sep } from 'node:path'
import { BilevelError, inputError } from '../../base/index.ts'
import { externalLocations, isConfined } from '../../onnx/index.ts'
import { MOST_MODEL_BYTES, tooLarge } from '../decodeForeign.ts'
import type { ModelFiles } from '../engine.ts'

/**
 * Reads a model with its outside data, which must lie in the model's folder, links followed: beside the link or beside what it leads to, as caches keep
 * them.
 * @throws `onnx.external` on data elsewhere; `onnx.open` on what cannot be read
 */
export async function readModelFiles(path: string): Promise<ModelFiles> {
  const room = { left: MOST_MODEL_BYTES }
  const bytes = await readAt(path, room)
  const folders = await Promise.all([realpath(dirname(path)), realpath(path).then(dirname)])
  const files = await Promise.all(
    externalLocations(bytes).map(async (location) => {
      const outside = inputError(
        'onnx.external',
        `the data that '${path}' keeps in files of their own must lie in its folder, got '${location}'; put it there and export it anew`,
      )
      if (!isConfined(location)) throw outside
      const found = join(dirname(path), location)
      const real = await realpath(found).catch(() => null)
      if (real !== null && !folders.some((folder) => real.startsWith(folder + sep))) throw outside
      return [location, await readAt(found, room)] as const
    }),
  )
  return { bytes, files: Object.fromEntries(files) }
}

async function readAt(path: string, room: { left: number }): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    room.left -= size
    if (room.left < 0) throw tooLarge(path, MOST_MODEL_BYTES - room.left)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof BilevelError) throw cause
    throw inputError('onnx.open', `'${path}' must be a file that can be read: ${(cause as Error).message}`, { cause })
  }
}
