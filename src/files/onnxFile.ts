/** An ONNX file from disk, with the files beside it that hold its weights. */
import { open, readFile, realpath, stat } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import type { BilevelError } from '../base/index.ts'
import { inputError, requireRoom, STAND_IN_BYTES, standInError } from '../base/index.ts'
import type { ExternalFiles, OnnxModel } from '../onnx/index.ts'
import { externalLocations, readModel } from '../onnx/index.ts'

/** What is there. */
export interface OnnxFile {
  readonly model: OnnxModel
  /** By the paths that the model names, relative to its folder. */
  readonly files: ExternalFiles
}

/**
 * Reads a model. Outside data is looked for in its folder and nowhere else.
 * @throws `onnx.open` where it is no file that can be read; `onnx.outside` on a path that leads out of its folder; `file.lfsPointer`, `file.webPage`,
 * `onnx.pickle`, `onnx.parse` on what is no ONNX model
 */
export async function readOnnxFile(path: string): Promise<OnnxFile> {
  const bytes = await bytesOf(path, 'an ONNX model')
  const model = readModel(bytes, `'${path}'`)
  const files: Record<string, Uint8Array> = {}
  for (const location of externalLocations(bytes)) {
    files[location] = await bytesOf(await outsidePlace(path, location), `the weights of '${path}'`)
  }
  return { model, files }
}

/** The same without what lies beside it. @throws as `readOnnxFile` */
export const readOnnxModel = async (path: string): Promise<OnnxModel> =>
  readModel(await bytesOf(path, 'an ONNX model'), `'${path}'`)

async function bytesOf(path: string, what: string): Promise<Uint8Array> {
  const refuse = (why: string, cause?: unknown) =>
    inputError('onnx.open', `${what} must be a readable file, '${path}' ${why}`, { cause })
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw refuse(cause.code === 'ENOENT' ? 'is not there' : `is none: ${cause.message}`, cause)
  })
  if (!found.isFile())
    throw refuse(found.isDirectory() ? 'is a folder; name the .onnx file in it' : 'is no ordinary file')
  requireRoom({ code: 'onnx.open', what: `the bytes of '${path}'`, values: found.size, bytesPerValue: 1 })
  const standIn = await standInAt(path)
  if (standIn) throw standIn
  return readFile(path).catch((cause: Error) => {
    throw refuse(`cannot be read: ${cause.message}`, cause)
  })
}

async function standInAt(path: string): Promise<BilevelError | null> {
  const file = await open(path).catch(() => null)
  if (!file) return null
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(STAND_IN_BYTES), 0, STAND_IN_BYTES, 0)
    return standInError(buffer.subarray(0, bytesRead), `'${path}'`)
  } finally {
    await file.close()
  }
}

/**
 * Where outside data of a model lies. A link is followed where it stays in the folder, or where the model's own link leads (caches of downloads hold links to
 * one folder of files).
 * @param path     of the model
 * @param location as the model names it
 * @throws `onnx.outside`
 */
export async function outsidePlace(path: string, location: string): Promise<string> {
  const folder = dirname(path)
  const refuse = () =>
    inputError(
      'onnx.outside',
      `the weights of '${path}' must lie in its folder, but the file names '${location}'; export it anew, or put both into one folder`,
    )
  if (location === '' || location.includes('\0') || isAbsolute(location) || isOutside(folder, join(folder, location)))
    throw refuse()
  const place = join(folder, location)
  const real = await realpath(place).catch(() => null)
  // What is not there is said by who reads it.
  if (real === null) return place
  const roots = [await realpath(folder), dirname(await realpath(path))]
  if (roots.every((root) => isOutside(root, real))) throw refuse()
  return place
}

function isOutside(folder: string, place: string): boolean {
  const way = relative(folder, place)
  return way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)
}
