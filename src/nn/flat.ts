/** Named tensors as one flat float32 vector and back: the form in which weights, moments, EMA and statistics are kept. */
import type { NamedTensors, Shape } from '../base/index.ts'
import { inputError, sameShape, sizeOf, tensor } from '../base/index.ts'
import type { Named, SymbolicTensor } from '../graph/index.ts'
import { concat, reshape, split } from '../graph/index.ts'

/** Anything with a name and a shape. */
export interface NamedShape {
  readonly name: string
  readonly shape: Shape
}

/** Total number of elements. */
export function flatSize(specs: readonly NamedShape[]): number {
  return specs.reduce((sum, { shape }) => sum + sizeOf(shape), 0)
}

/** Views of a flat vector under the names, in order (no copy). */
export function unflatten(specs: readonly NamedShape[], flat: Float32Array): NamedTensors {
  let offset = 0
  return Object.fromEntries(
    specs.map(({ name, shape }) => {
      const view = flat.subarray(offset, offset + sizeOf(shape))
      offset += view.length
      return [name, tensor('float32', shape, view)]
    }),
  )
}

/** Copies named float tensors into one flat vector, in the order of `specs`; float64 is rounded. @throws `nn.parameters` if one is
 * missing, misshapen or of another type
 */
export function flatten(specs: readonly NamedShape[], values: NamedTensors): Float32Array {
  const flat = new Float32Array(flatSize(specs))
  let offset = 0
  for (const { name, shape } of specs) {
    const value = values[name]
    const float = value?.dtype === 'float32' || value?.dtype === 'float64'
    if (!float || !sameShape(value.shape, shape)) {
      const came = value ? `${value.dtype} [${value.shape}]` : 'nothing'
      throw inputError('nn.parameters', `parameter '${name}' must be float of shape [${shape}], got ${came}`)
    }
    flat.set(value.data as Float32Array | Float64Array, offset)
    offset += sizeOf(shape)
  }
  return flat
}

/** The same inside a traced function: slices of a flat vector [n] under the names. @throws `graph.shape` if the sizes differ */
export function unflattenSymbolic(specs: readonly NamedShape[], flat: SymbolicTensor): Named {
  if (specs.length === 0) return {}
  const sizes = specs.map(({ shape }) => sizeOf(shape))
  const parts = split(flat, sizes, 0)
  return Object.fromEntries(specs.map(({ name, shape }, i) => [name, reshape(parts[i], shape)]))
}

/** Named symbolic tensors joined to one flat vector [n], in the order of `specs` (not empty). */
export function flattenSymbolic(specs: readonly NamedShape[], values: Named): SymbolicTensor {
  const parts = specs.map(({ name, shape }) => reshape(values[name], [sizeOf(shape)]))
  return parts.length === 1 ? parts[0] : concat(parts, 0)
}
