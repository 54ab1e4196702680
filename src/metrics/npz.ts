/**
 * FID statistics as `.npz`, the form other tools exchange them in: `mu` [d] and `sigma` [d,d], float64. A `.npz` is a zip archive of `.npy`
 * files (NumPy Enhancement Proposal 1): magic, version, a Python dictionary as header, then the numbers.
 */
import { unzipSync, zipSync } from 'fflate'
import { inputError } from '../base/index.ts'
import type { FrechetReference } from './frechetReference.ts'
import { referenceFromStatistics } from './frechetReference.ts'

/** The bytes of a `.npz` with `mu` and `sigma`, uncompressed. */
export function encodeStatistics({ dimensions, mean, covariance }: FrechetReference): Uint8Array {
  const files = {
    'mu.npy': encodeArray([dimensions], mean),
    'sigma.npy': encodeArray([dimensions, dimensions], covariance),
  }
  return zipSync(files, { level: 0, mtime: new Date(1980, 0, 1) })
}

/** Statistics out of the bytes of a `.npz`; `source` names it in errors. */
export function parseStatistics(bytes: Uint8Array, source: string): FrechetReference {
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(bytes, {
      filter: ({ name, size, originalSize }) => {
        if (name !== 'mu.npy' && name !== 'sigma.npy') return false
        if (originalSize <= MOST_BYTES && originalSize <= size * MOST_INFLATION) return true
        throw new RangeError(`${name} says that it holds ${originalSize} bytes, in ${size}`)
      },
    })
  } catch (cause) {
    if (cause instanceof RangeError) throw statisticsError(source, `${cause.message}; at most ${MOST_BYTES} are read`)
    throw statisticsError(source, 'it is no .npz archive, or cut short', cause)
  }
  for (const name of ['mu', 'sigma']) {
    if (!files[`${name}.npy`]) throw statisticsError(source, `it has no array '${name}'`)
  }
  const mu = decodeArray(files['mu.npy'], `${source}: mu`)
  const sigma = decodeArray(files['sigma.npy'], `${source}: sigma`)
  const d = mu.data.length
  if (mu.shape.length !== 1 || sigma.shape.length !== 2 || sigma.shape[0] !== d || sigma.shape[1] !== d) {
    throw statisticsError(source, `it has mu [${mu.shape}] and sigma [${sigma.shape}]`)
  }
  return referenceFromStatistics(mu.data, sigma.data)
}

/** Most bytes of an array: a covariance of 8,192 features, four times the customary ones, in float64; its root takes hours. */
const MOST_BYTES = 2 ** 29 + 2 ** 16
/** Deflate makes at most this many bytes out of one. */
const MOST_INFLATION = 1032

/** The error of statistics that are not what they must be. */
export function statisticsError(source: string, came: string, cause?: unknown): Error {
  return inputError(
    'metrics.statistics',
    `reference statistics must be a .npz with mu [d] and sigma [d,d], float64 or float32; ${source}: ${came}. ` +
      'Write them with numpy.savez(path, mu=mu, sigma=sigma)',
    { cause },
  )
}

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59]
/** The numbers start at a multiple of this many bytes. */
const ALIGNMENT = 64

function encodeArray(shape: readonly number[], values: Float64Array): Uint8Array {
  const shapeText = shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(', ')})`
  const dictionary = `{'descr': '<f8', 'fortran_order': False, 'shape': ${shapeText}, }`
  const prefix = MAGIC.length + 4
  const padded = Math.ceil((prefix + dictionary.length + 1) / ALIGNMENT) * ALIGNMENT
  const header = `${dictionary.padEnd(padded - prefix - 1)}\n`
  const bytes = new Uint8Array(padded + values.length * 8)
  const view = new DataView(bytes.buffer)
  bytes.set([...MAGIC, 1, 0])
  view.setUint16(MAGIC.length + 2, header.length, true)
  bytes.set(new TextEncoder().encode(header), prefix)
  values.forEach((value, i) => {
    view.setFloat64(padded + i * 8, value, true)
  })
  return bytes
}

interface NumpyArray {
  readonly shape: readonly number[]
  /** Row-major. */
  readonly data: Float64Array
}

/** A float array of one or two axes, in either byte order and either memory order. */
function decodeArray(bytes: Uint8Array, source: string): NumpyArray {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length < 12 || !MAGIC.every((byte, i) => bytes[i] === byte))
    throw statisticsError(source, 'it is no .npy array')
  const [lengthBytes, length] = bytes[6] === 1 ? [2, view.getUint16(8, true)] : [4, view.getUint32(8, true)]
  const start = 8 + lengthBytes + length
  const header = new TextDecoder('latin1').decode(bytes.subarray(8 + lengthBytes, start))
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
