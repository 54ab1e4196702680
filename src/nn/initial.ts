/**
 * How parameters start: PyTorch's defaults, so that a network trained here starts as its PyTorch twin would. Convolution and
 * linear weights and biases are uniform in ±1/sqrt(fan-in) (kaiming-uniform with a = sqrt(5)), norms are 1 and 0, embeddings
 * N(0, 1). Each parameter has its own random stream, so adding one does not change the others before it.
 */
import type { RandomStream, Shape } from '../base/index.ts'
import { inputError, randomStream, requireRoom, sizeOf } from '../base/index.ts'
import { flatSize } from './flat.ts'
import type { ParameterSpec } from './network.ts'

/** A parameter that starts uniform in ±1/sqrt(fanIn). `fanIn`: inputs that one output of the layer sees. */
export function uniformParameter(name: string, shape: Shape, fanIn: number): ParameterSpec {
  const bound = 1 / Math.sqrt(fanIn)
  const initial = (random: RandomStream) =>
    Float32Array.from({ length: sizeOf(shape) }, () => bound * (2 * random.uniform() - 1))
  return { name, shape, initial }
}

/** A parameter that starts N(0, 1). */
export function normalParameter(name: string, shape: Shape): ParameterSpec {
  return { name, shape, initial: (random) => random.normal(new Float32Array(sizeOf(shape))) }
}

/** A parameter or statistic that starts at one value. */
export function constantParameter(name: string, shape: Shape, value: number): ParameterSpec {
  return { name, shape, initial: () => new Float32Array(sizeOf(shape)).fill(value) }
}

/**
 * The initial flat vector of parameters (or statistics): parameter i is drawn from the stream (seed, 'init', item i).
 * @throws `random.seed` unless `seed` is an integer from 0 to 2^53 - 1
 */
export function initialVector(specs: readonly ParameterSpec[], seed: number): Float32Array {
  const size = flatSize(specs)
  requireRoom({ code: 'nn.parameters', what: `${specs.length} parameters`, values: size })
  const flat = new Float32Array(size)
  let offset = 0
  specs.forEach(({ name, shape, initial }, item) => {
    const values = initial(randomStream({ seed, purpose: 'init', item }))
    if (values.length !== sizeOf(shape)) {
      throw inputError(
        'nn.parameters',
        `the initial value of '${name}' needs ${sizeOf(shape)} numbers for shape [${shape}], got ${values.length}`,
      )
    }
    flat.set(values, offset)
    offset += values.length
  })
  return flat
}
