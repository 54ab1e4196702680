/** All arrays of a `.npz` as tensors, for networks that take them as they are. */
import type { Tensor } from '../../base/index.ts'
import { tensor } from '../../base/index.ts'
import { Zip } from '../trees/zipFile.ts'
import { requireArrayRoom } from './arrayImages.ts'
import { npyHeader, requireNpyLength, rowMajorBytes } from './npy.ts'
import type { NumberType } from './numberType.ts'
import { numbersIn } from './numberType.ts'

/**
 * Arrays by name: floats of 32 and 16 bits as float32, of 64 as float64; whole numbers as int64; truth values as bool.
 * @throws `data.archive`, `data.npy`, `data.tooLarge`
 */
export async function readNpz(path: string): Promise<Record<string, Tensor>> {
  const zip = await Zip.open(path)
  const tensors: Record<string, Tensor> = {}
  try {
    for await (const entry of zip.entries()) {
      if (!entry.fileName.endsWith('.npy')) continue
      const key = entry.fileName.slice(0, -'.npy'.length)
      const name = `${path}: ${key}`
      requireArrayRoom(entry.uncompressedSize, name)
      const bytes = await zip.bytesOf(entry)
      const header = npyHeader(bytes, name)
      requireNpyLength(header, bytes.length, name)
      const ordered = rowMajorBytes(header, bytes.subarray(header.start))
      tensors[key] = tensorIn(ordered, header.shape, header.type)
    }
  } finally {
    zip.close()
  }
  return tensors
}

function tensorIn(bytes: Uint8Array, shape: readonly number[], type: NumberType): Tensor {
  const numbers = numbersIn(bytes, type)
  if (type.whole) return tensor('int64', shape, BigInt64Array.from(numbers, BigInt))
  if (type.name === 'bool') return tensor('bool', shape, Uint8Array.from(numbers))
  return type.name === 'float64'
    ? tensor('float64', shape, Float64Array.from(numbers))
    : tensor('float32', shape, Float32Array.from(numbers))
}
