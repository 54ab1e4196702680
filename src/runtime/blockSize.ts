/**
 * Which blocked layout the engine uses on this machine. It does not tell, so a tiny convolution is asked: with the right block
 * size its result is that of the plain one.
 */

import { randomStream, tensor } from '../base/index.ts'
import type { SymbolicTensor, TensorType } from '../graph/index.ts'
import { conv, trace } from '../graph/index.ts'
import { encode } from '../onnx/index.ts'
import type { Engine } from './engine.ts'
import type { BlockSize } from './lower/index.ts'
import { lowerForCpu } from './lower/index.ts'

const CANDIDATES = [16, 8]
const CHANNELS = 16
const TOLERANCE = 1e-3

const known = new Map<Engine, Promise<BlockSize>>()

/** The block size, found once per process and engine. */
export function findBlockSize(engine: Engine): Promise<BlockSize> {
  const found = known.get(engine) ?? probe(engine)
  known.set(engine, found)
  return found
}

async function probe(engine: Engine): Promise<BlockSize> {
  const plain = await convolve(engine, undefined)
  for (const block of CANDIDATES) {
    const blocked = await convolve(engine, block).catch(() => undefined)
    if (blocked?.every((value, i) => Math.abs(value - plain[i]) < TOLERANCE)) return block
  }
  return undefined
}

async function convolve(engine: Engine, block: BlockSize): Promise<Float32Array> {
  const float = (...shape: number[]): TensorType => ({ dtype: 'float32', shape })
  const types = { x: float(1, CHANNELS, 4, 5), w: float(CHANNELS, CHANNELS, 3, 3) }
  const graph = trace(types, ({ x, w }: Record<'x' | 'w', SymbolicTensor>) => ({ y: conv(x, w, { padding: 1 }) }))
  const session = await engine.load(encode(lowerForCpu(graph, block)), { device: 'cpu', threads: 1, optimize: false })
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
