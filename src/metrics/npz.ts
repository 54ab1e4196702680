/**
 * FID statistics as `.npz`, the form other tools exchange them in: `mu` [d] and `sigma` [d,d], float64 (pytorch-fid, clean-fid, guided-diffusion), or the
 * feature rows themselves, `pool_3` [n,d] (score_sde). A `.npz` is a zip archive of `.npy` files (NumPy Enhancement Proposal 1): magic, version, a Python
 * dictionary as header, then the numbers. Ours say besides in what network they were taken, `features` (text), and of how many images, `count`; other
 * readers look for what they know.
 */
import { unzipSync, zipSync } from 'fflate'
import { inputError, MOST_INFLATION, tensor } from '../base/index.ts'
import type { FeatureNetworkLabel } from './featureNetwork.ts'
import type { FrechetReference } from './frechetReference.ts'
import { referenceFromStatistics, referenceMoments } from './frechetReference.ts'
import type { Features } from './rows.ts'

/** The bytes of a `.npz` with `mu` and `sigma`, uncompressed. @param label the network, named in the file as `name sha256` */
export function encodeStatistics(
  { dimensions, mean, covariance, count }: FrechetReference,
  label?: FeatureNetworkLabel,
): Uint8Array {
  const files = {
    'mu.npy': encodeArray([dimensions], mean),
    'sigma.npy': encodeArray([dimensions, dimensions], covariance),
    ...(label && { 'features.npy': encodeText(`${label.name} ${label.hash}`) }),
    ...(label && count !== null && { 'count.npy': encodeArray([], Float64Array.of(count)) }),
  }
  return zipSync(files, { level: 0, mtime: new Date(1980, 0, 1) })
}

/** What a file of statistics holds. */
export interface ParsedStatistics {
  readonly reference: FrechetReference
  /** Feature rows [n,d], of files that hold them; null: moments alone. */
  readonly rows: Features | null
  /** The network that they were taken in; null: the file does not say. */
  readonly label: FeatureNetworkLabel | null
}

/** Statistics out of the bytes of a `.npz`; `source` names it in errors. @throws `metrics.statistics` naming what is wrong with it */
export const parseStatistics = (bytes: Uint8Array, source: string): FrechetReference =>
  parseLabelled(bytes, source).reference

/** Names of arrays that are read, and of those that tell what else a file is. */
const READ = ['mu', 'sigma', 'pool_3', 'features', 'count']

/** Statistics with what the file says of them. @throws `metrics.statistics` naming what is wrong with it */
export function parseLabelled(bytes: Uint8Array, source: string): ParsedStatistics {
  let files: Record<string, Uint8Array>
  const there: string[] = []
  try {
    files = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        there.push(name.replace(/\.npy$/, ''))
        if (!READ.some((one) => name === `${one}.npy`)) return false
        if (originalSize <= MOST_BYTES && originalSize <= size * MOST_INFLATION) return true
        throw new RangeError(`${name} says that it holds ${originalSize} bytes, in ${size}`)
      },
    })
  } catch (cause) {
    if (cause instanceof RangeError) throw statisticsError(source, `${cause.message}; at most ${MOST_BYTES} are read`)
    throw statisticsError(source, 'it is no .npz archive, or cut short', cause)
  }
  const label = labelIn(files, source)
  if (files['pool_3.npy'] && !files['mu.npy']) {
    const { shape, data } = decodeArray(files['pool_3.npy'], `${source}: pool_3`)
    if (shape.length !== 2) throw statisticsError(source, `it has pool_3 [${shape}], where feature rows are [n,d]`)
    const rows = tensor('float64', [...shape], data)
    requireFinite(data, shape[1], `${source}: pool_3`)
    return { reference: referenceMoments(rows), rows, label }
  }
  for (const name of ['mu', 'sigma']) {
    if (!files[`${name}.npy`]) throw statisticsError(source, `it has no array '${name}'${whatElse(there)}`)
  }
  const mu = decodeArray(files['mu.npy'], `${source}: mu`)
  const sigma = decodeArray(files['sigma.npy'], `${source}: sigma`)
  const d = mu.data.length
  if (mu.shape.length !== 1 || sigma.shape.length !== 2 || sigma.shape[0] !== d || sigma.shape[1] !== d) {
    throw statisticsError(source, `it has mu [${mu.shape}] and sigma [${sigma.shape}]`)
  }
  requireFinite(mu.data, 1, `${source}: mu`)
  requireFinite(sigma.data, d, `${source}: sigma`)
  requireSymmetric(sigma.data, d, source)
  const count = label && files['count.npy'] ? decodeArray(files['count.npy'], `${source}: count`).data[0] : null
  const known = count !== null && Number.isInteger(count) && count > 1 ? count : null
  return { reference: referenceFromStatistics(mu.data, sigma.data, known), rows: null, label }
}

/** What a file without statistics holds instead. */
function whatElse(there: readonly string[]): string {
  if (there.includes('arr_0')) return ', but images or samples (arr_0): give it as images'
  return there.length > 0 ? `, but ${there.slice(0, 8).join(', ')}` : ''
}

/** `name sha256`, as we write it; null: it does not say. */
function labelIn(files: Readonly<Record<string, Uint8Array>>, source: string): FeatureNetworkLabel | null {
  const bytes = files['features.npy']
  const text = bytes && decodeText(bytes, `${source}: features`)
  const [, name, hash] = /^(.+) ([0-9a-f]{64})$/.exec(text ?? '') ?? []
  return name === undefined ? null : { name, hash }
}

function requireFinite(values: Float64Array, width: number, source: string): void {
  const at = values.findIndex((value) => !Number.isFinite(value))
  if (at < 0) return
  const where = width === 1 ? `${at}` : `${Math.floor(at / width)},${at % width}`
  throw statisticsError(source, `it has ${values[at]} at [${where}]`)
}

/** Relative to the largest entry: what a sum in float32, in any order, leaves. */
const ASYMMETRY = 1e-4

function requireSymmetric(sigma: Float64Array, d: number, source: string): void {
  const largest = sigma.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (let i = 0; i < d; i++) {
    for (let j = 0; j < i; j++) {
      const [a, b] = [sigma[i * d + j], sigma[j * d + i]]
      if (Math.abs(a - b) <= ASYMMETRY * largest) continue
      throw statisticsError(
        source,
        `a covariance is symmetric, but sigma has ${a} at [${i},${j}] and ${b} at [${j},${i}]`,
      )
    }
  }
}

/** Most bytes of an array: a covariance of 8,192 features, four times the customary ones, in float64; its root takes hours. */
const MOST_BYTES = 2 ** 29 + 2 ** 16

/** The error of statistics that are not what they must be. */
export function statisticsError(source: string, came: string, cause?: unknown): Error {
  return inputError(
    'metrics.statistics',
    `reference statistics must be a .npz with mu [d] and sigma [d,d] (or rows pool_3 [n,d]), float64 or float32, finite; ${source}: ${came}. ` +
      'Write them with numpy.savez(path, mu=mu, sigma=sigma)',
    { cause },
  )
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** The numbers start at a multiple of this many bytes. */
const ALIGNMENT = 64

function encodeArray(shape: readonly number[], values: Float64Array): Uint8Array {
  const [bytes, start] = arrayBytes('<f8', shape, values.length * 8)
  const view = new DataView(bytes.buffer)
  values.forEach((value, i) => {
    view.setFloat64(start + i * 8, value, true)
  })
  return bytes
}

/** One text, as NumPy keeps it: four bytes a character. */
function encodeText(text: string): Uint8Array {
  const [bytes, start] = arrayBytes(`<U${text.length}`, [], text.length * 4)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < text.length; i++) view.setUint32(start + i * 4, text.charCodeAt(i), true)
  return bytes
}

/** An array with its header, its numbers yet to be written, and where they begin. */
function arrayBytes(descr: string, shape: readonly number[], size: number): [bytes: Uint8Array, start: number] {
  const shapeText = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const dictionary = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shapeText}, }`
  const prefix = MAGIC.length + 4
  const padded = Math.ceil((prefix + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT
  const header = `${dictionary.padEnd(padded - prefix - 1)}\n`
  const bytes = new Uint8Array(padded + size)
  bytes.set([...MAGIC, 1, 0])
  new DataView(bytes.buffer).setUint16(MAGIC.length + 2, header.length, true)
  bytes.set(new TextEncoder().encode(header), prefix)
  return [bytes, padded]
}

interface NumpyArray {
  readonly shape: readonly number[]
  /** Row-major. */
  readonly data: Float64Array
}

/** The header of an array, and where its numbers begin. */
function headerOf(bytes: Uint8Array, source: string): { readonly header: string; readonly start: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 12 || !MAGIC.every((byte, i) => bytes[i] === byte))
    throw statisticsError(source, 'it is no .npy array')
  const [lengthBytes, length] = bytes[6] === 1 ? [2, view.getUint16(8, true)] : [4, view.getUint32(8, true)]
  const start = 8 + lengthBytes + length
  return { header: new TextDecoder('latin1').decode(bytes.subarray(8 + lengthBytes, start)), start }
}

/** A text that `encodeText` wrote; null: it is none. */
function decodeText(bytes: Uint8Array, source: string): string | null {
  const { header, start } = headerOf(bytes, source)
  const length = Number(/'descr':\s*'<U(\d+)'/.exec(header)?.[1] ?? Number.NaN)
  if (bytes.length !== start + 4 * length) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return String.fromCharCode(...Array.from({ length }, (_, i) => view.getUint32(start + 4 * i, true)))
}

/** A float array of at most two axes, in either byte order and either memory order. */
function decodeArray(bytes: Uint8Array, source: string): NumpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const { header, start } = headerOf(bytes, source)
  if (/'descr':\s*'[<>]f2'/.test(header)) {
    throw statisticsError(source, 'it is float16, which keeps three digits of a covariance: too few for a distance')
  }
  const kind = /'descr':\s*'([<>])f([48])'/.exec(header)
  const shapeText = /'shape':\s*\(([\d\s,]*)\)/.exec(header)
  if (!kind || !shapeText) throw statisticsError(source, `its header is ${header.trim()}`)
  const shape = shapeText[1].split(',').flatMap((extent) => (extent.trim() ? [Number(extent)] : []))
  const size = shape.reduce((product, extent) => product * extent, 1)
  const width = Number(kind[2])
  if (bytes.length !== start + size * width) {
    throw statisticsError(
      source,
      `it must hold ${size} numbers for shape [${shape}], got ${bytes.length - start} bytes`,
    )
  }
  const little = kind[1] === '<'
  const read = (i: number) =>
    width === 8 ? view.getFloat64(start + i * 8, little) : view.getFloat32(start + i * 4, little)
  const [rows, columns] = [shape[0], shape[1] ?? 1]
  const columnMajor = /'fortran_order':\s*True/.test(header)
  const at = (i: number) => (columnMajor ? (i % columns) * rows + Math.floor(i / columns) : i)
  return { shape, data: Float64Array.from({ length: size }, (_, i) => read(at(i))) }
}
