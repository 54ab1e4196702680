/**
 * Rewards that are traced functions: written once in symbolic operators, they get their derivative from the graph. One program for the
 * values, one for values and derivative, of a fixed batch; both compute in float32.
 */
import type { Shape, Tensor } from '../base/index.ts'
import { BilevelError, inputError, sameShape, sizeOf, tensor } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import type { Graph, SymbolicTensor, TensorType } from '../graph/index.ts'
import { constant, filledTensor, trace, vjp } from '../graph/index.ts'
import { encodeModel } from '../onnx/index.ts'
import type { Device, Program } from '../runtime/index.ts'
import { compile } from '../runtime/index.ts'
import { hashOf } from './hash.ts'
import type { RawGradient, Reward } from './reward.ts'
import { defineReward } from './reward.ts'

/** A reward as a traced function. */
export interface TracedRewardOptions {
  readonly name: string
  /** [channels, height, width] */
  readonly imageShape: Shape
  /**
   * Values [b] of float32 images [b, ...imageShape], which are in `imageRange`; row i may depend on image i (and its class) alone.
   * @param classes int64 [b], where `classes` is given
   */
  readonly f: (images: SymbolicTensor, classes?: SymbolicTensor) => SymbolicTensor
  /** SHA-256 of what `f` is made of, hex, where its graph is large. Default: that of the graph. */
  readonly hash?: string
  /** Default [-1, 1]. */
  readonly imageRange?: readonly [number, number]
  /** Default null: not declared. */
  readonly valueRange?: readonly [number, number] | null
  /** How many classes `f` knows; given, it takes the class of each image. Default: it takes none. */
  readonly classes?: number
  /** Images per program run; any number may be rated. Default 100. */
  readonly batch?: number
  readonly device?: Device
}

const DEFAULT_BATCH = 100
/** The batch of the graph that is hashed and tried for a derivative: more than one, so that a row cannot pass for a scalar. */
const PROBE_BATCH = 2

/**
 * A reward from a traced function. Its hash is that of its graph: structure and constants. Programs are compiled at first use.
 * @throws `reward.shape` if `f` does not give float32 [b]; `reward.range`; what tracing throws
 * @example tracedReward({ name: 'ink', imageShape: [1, 16, 16], f: (images) => reduceMean(images, [1, 2, 3]) })
 */
export function tracedReward(options: TracedRewardOptions): Reward {
  const { name, imageShape, imageRange, valueRange = null, batch = DEFAULT_BATCH } = options
  const labelled = options.classes !== undefined
  const place = options.device ? { device: options.device } : {}
  const { hash = hashOf(encodeModel(valuesGraph(options, PROBE_BATCH))) } = options
  const cut = whyNoDerivative(options)
  let forward: Promise<Program<string, 'values'>> | undefined
  let both: Promise<Program<string, 'values' | 'gradient'>> | undefined
  return defineReward({
    name,
    hash,
    imageShape,
    valueRange,
    ...(options.classes !== undefined && { classes: options.classes }),
    ...(imageRange && { imageRange }),
    async values(images, classes) {
      forward ??= compile(valuesGraph(options, batch), place)
      return (await inBatches(await forward, images, labelled ? classes : undefined, batch)).values
    },
    ...(cut === null && {
      async gradient(images: Images, classes: Int32Array | undefined) {
        both ??= compile(gradientGraph(options, batch), place)
        return inBatches(await both, images, labelled ? classes : undefined, batch)
      },
    }),
    ...(cut !== null && { noDerivative: cut }),
    async dispose() {
      await Promise.all([forward, both].map(async (program) => (await program)?.dispose()))
    },
  })
}

function inputTypes({ imageShape, classes }: TracedRewardOptions, batch: number): Record<string, TensorType> {
  return {
    images: { dtype: 'float32', shape: [batch, ...imageShape] },
    ...(classes !== undefined && { classes: { dtype: 'int64', shape: [batch] } as const }),
  }
}

function valuesGraph(options: TracedRewardOptions, batch: number): Graph<string, 'values'> {
  return trace(inputTypes(options, batch), ({ images, classes }) => ({
    values: tracedValues(options, images, classes),
  }))
}

function gradientGraph(options: TracedRewardOptions, batch: number): Graph<string, 'values' | 'gradient'> {
  return trace(inputTypes(options, batch), ({ images, classes }) => {
    const values = tracedValues(options, images, classes)
    const [gradient] = vjp([values], [constant(filledTensor('float32', values.shape, 1))], [images])
    return { values, gradient }
  })
}

/** A result of another shape, such as [b,b] from [b] + [b,1], would mix the images of a batch up. */
function tracedValues({ name, f }: TracedRewardOptions, images: SymbolicTensor, classes?: SymbolicTensor) {
  const values = f(images, classes)
  const batch = images.shape[0]
  if (values.dtype === 'float32' && sameShape(values.shape, [batch])) return values
  throw inputError(
    'reward.shape',
    `a traced reward must map images [${images.shape}] to float32[${batch}], one value per image; '${name}' gives ` +
      `${values.dtype}[${values.shape}]: reduce over all axes but the first`,
  )
}

/** Null where the function has a derivative. */
function whyNoDerivative(options: TracedRewardOptions): string | null {
  try {
    gradientGraph(options, PROBE_BATCH)
    return null
  } catch (error) {
    if (error instanceof BilevelError && error.code === 'graph.derivative') return error.message
    throw error
  }
}

/** Runs images through a program of fixed batch: cut, the last chunk padded with zeros. */
async function inBatches(
  program: Program<string, 'values' | 'gradient'> | Program<string, 'values'>,
  images: Images,
  classes: Int32Array | undefined,
  batch: number,
): Promise<RawGradient> {
  const [count, ...imageShape] = images.shape
  const size = sizeOf(imageShape)
  const values = new Float64Array(count)
  const gradient = new Float32Array('gradient' in program.outputs ? count * size : 0)
  for (let first = 0; first < count; first += batch) {
    const rows = Math.min(batch, count - first)
    const pixels = new Float32Array(batch * size)
    pixels.set(images.data.subarray(first * size, (first + rows) * size))
    const feeds: Record<string, Tensor> = { images: tensor('float32', [batch, ...imageShape], pixels) }
    if (classes) {
      const labels = new BigInt64Array(batch)
      for (let i = 0; i < rows; i++) labels[i] = BigInt(classes[first + i])
      feeds.classes = tensor('int64', [batch], labels)
    }
    const outputs: Record<string, Tensor> = await program.run(feeds)
    values.set((outputs.values.data as Float32Array).subarray(0, rows), first)
    if (outputs.gradient) gradient.set((outputs.gradient.data as Float32Array).subarray(0, rows * size), first * size)
  }
  return { values, gradient }
}
