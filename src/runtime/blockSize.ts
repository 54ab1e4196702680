/**
 * Which blocked layout the engine uses on this machine. It does not tell, so a tiny convolution is asked: with the right block
 * size its result is that of the plain one.
 */

import { randomStream, tensor } from '../base/index.ts'
import type { SymbolicTensor, TensorType } from '../graph/index.ts'
import { conv, trace } from '../graph/index.ts'
import { encode } from '../onnx/index.ts'
import type { BlockSize } from './lower/index.ts'
import { lowerForCpu } from './lower/index.ts'
import { loadSession } from './session.ts'

const CANDIDATES = [16, 8]
const CHANNELS = 16
const TOLERANCE = 1e-3

let known: Promise<BlockSize> | undefined

/** The block size, found once per process. */
export function findBlockSize(): Promise<BlockSize> {
  known ??= probe()
  return known
}

async function probe(): Promise<BlockSize> {
  const plain = await convolve(undefined)
  for (const block of CANDIDATES) {
    const blocked = await convolve(block).catch(() => undefined)
    if (blocked?.every((value, i) => Math.abs(value - plain[i]) < TOLERANCE)) return block
  }
  return undefined
}

async function convolve(block: BlockSize): Promise<Float32Array> {
  const float = (...shape: number[]): TensorType => ({ dtype: 'float32', shape })
  const types = { x: float(1, CHANNELS, 4, 5), w: float(CHANNELS, CHANNELS, 3, 3) }
  const graph = trace(types, ({ x, w }: Record<'x' | 'w', SymbolicTensor>) => ({ y: conv(x, w, { padding: 1 }) }))
  const session = await loadSession(encode(lowerForCpu(graph, block)), { device: 'cpu', threads: 1, optimize: false })
  const draw = (purpose: string, { shape }: TensorType) => {
    const size = shape.reduce((product, extent) => product * extent, 1)
    return tensor('float32', shape, randomStream({ seed: 0, purpose }).normal(new Float32Array(size)))
  }
  try {
    const { y } = await session.run({ x: draw('probe.x', types.x), w: draw('probe.w', types.w) })
    return y.data as Float32Array
  } finally {
    await session.release()
  }
}
