/**
 * Composites among the small operators that exporters write them as: SiLU, GELU in both forms, layer and group normalisation with their scale and
 * bias. A composite has a derivative of its own, in fewer passes over memory and without its 0 / 0, and runtimes have fast forms of it.
 */
import { sameShape } from '../../base/index.ts'
import type { Graph, Rewrite } from '../graph.ts'
import { rewrite } from '../graph.ts'
import { gelu, geluTanh, silu } from '../ops/activation.ts'
import { mul } from '../ops/elementwise.ts'
import { groupNorm } from '../ops/normGroup.ts'
import { layerNorm } from '../ops/normLayer.ts'
import { reshape } from '../ops/shape.ts'
import type { Node, SymbolicTensor } from '../symbolic.ts'

type Value = SymbolicTensor | null | undefined
type Inputs = readonly (SymbolicTensor | null)[]

/** The node that makes a tensor as its first output, if it is of that operator. */
function madeBy(value: Value, name: string, domain = ''): Node | undefined {
  if (value?.source.kind !== 'node' || value.source.index !== 0) return undefined
  const { operator } = value.source.node
  return operator.name === name && operator.domain === domain ? value.source.node : undefined
}

/** The number that a constant holds everywhere; of a small one alone, as others are not scalars in disguise. */
function numberIn(value: Value): number | undefined {
  const data = value?.constant?.data
  if (!data || data.length === 0 || data.length > 1) return undefined
  return Number(data[0])
}

/** Whether a constant holds one number everywhere. */
function isAll(value: Value, wanted: number): boolean {
  const data = value?.constant?.data
  return data !== undefined && Array.from(data as ArrayLike<number | bigint>, Number).every((one) => one === wanted)
}

const near = (value: number | undefined, wanted: number) =>
  value !== undefined && Math.abs(value - wanted) <= 1e-5 * Math.abs(wanted)

/** Both orders of two operands. */
const orders = ([a, b]: Inputs): readonly (readonly [Value, Value])[] => [
  [a, b],
  [b, a],
]

/** What a product multiplies, nested products taken apart, and what all its numbers come to. */
interface Product {
  readonly number: number
  readonly factors: readonly SymbolicTensor[]
}

/** Factors looked for at most: longer products are none of the patterns. */
const MOST_FACTORS = 5

function productOf(inputs: Inputs): Product | undefined {
  let number = 1
  const factors: SymbolicTensor[] = []
  const open = [...inputs]
  while (open.length > 0) {
    const value = open.pop()
    const known = numberIn(value)
    const nested = madeBy(value, 'Mul')
    if (known !== undefined) number *= known
    else if (nested) open.push(...nested.inputs)
    else if (value) factors.push(value)
    if (factors.length + open.length > MOST_FACTORS) return undefined
  }
  return { number, factors }
}

/** f(z) where a tensor is 1 + f(z), f an operator of one input: its input z. */
function insideOnePlus(value: SymbolicTensor, operator: string): Value {
  const sum = madeBy(value, 'Add')
  const found = sum && orders(sum.inputs).find(([one, rest]) => numberIn(one) === 1 && madeBy(rest, operator))
  return found && madeBy(found[1], operator)?.inputs[0]
}

/** Whether z = factor x. */
function isMultiple(z: Value, x: SymbolicTensor, factor: number): boolean {
  const product = madeBy(z, 'Mul')
  if (product) return orders(product.inputs).some(([a, b]) => a === x && near(numberIn(b), factor))
  const quotient = madeBy(z, 'Div')
  return quotient !== undefined && quotient.inputs[0] === x && near(numberIn(quotient.inputs[1]), 1 / factor)
}

/** Whether z = sqrt(2 / pi) (x + 0.044715 x^3). */
function isInnerTanh(z: Value, x: SymbolicTensor): boolean {
  const outer = madeBy(z, 'Mul') && productOf(madeBy(z, 'Mul')?.inputs ?? [])
  if (!outer || !near(outer.number, Math.sqrt(2 / Math.PI)) || outer.factors.length !== 1) return false
  const sum = madeBy(outer.factors[0], 'Add')
  return sum !== undefined && orders(sum.inputs).some(([a, b]) => a === x && isCubicTerm(b, x))
}

function isCubicTerm(value: Value, x: SymbolicTensor): boolean {
  const product = madeBy(value, 'Mul') && productOf(madeBy(value, 'Mul')?.inputs ?? [])
  if (!product || !near(product.number, 0.044715)) return false
  const { factors } = product
  const cube = factors.length === 1 ? madeBy(factors[0], 'Pow') : undefined
  if (cube) return cube.inputs[0] === x && numberIn(cube.inputs[1]) === 3
  return factors.length === 3 && factors.every((factor) => factor === x)
}

/** x sigmoid(x) and x sigmoid(c x), which is silu(c x) / c. */
function asSilu(inputs: Inputs): SymbolicTensor | undefined {
  for (const [x, gate] of orders(inputs)) {
    const z = madeBy(gate, 'Sigmoid')?.inputs[0]
    if (!x || !z || !sameShape(x.shape, z.shape)) continue
    if (z === x) return silu(x)
    const scaled = madeBy(z, 'Mul')
    const factor = scaled && orders(scaled.inputs).find(([a]) => a === x)?.[1]
    const number = numberIn(factor)
    if (number) return mul(silu(z), 1 / number)
  }
  return undefined
}

/** x (1 + erf(x / sqrt 2)) / 2 and x (1 + tanh u(x)) / 2, however their factors are put together. */
function asGelu(inputs: Inputs): SymbolicTensor | undefined {
  const product = productOf(inputs)
  if (product?.number !== 0.5 || product.factors.length !== 2) return undefined
  for (const [x, gate] of orders(product.factors)) {
    if (!x || !gate || !sameShape(x.shape, gate.shape)) continue
    if (isMultiple(insideOnePlus(gate, 'Erf'), x, Math.SQRT1_2)) return gelu(x)
    if (isInnerTanh(insideOnePlus(gate, 'Tanh'), x)) return geluTanh(x)
  }
  return undefined
}

/** (x - mean) / sqrt(mean((x - mean)^2) + epsilon) over the last axes. */
function asLayerNorm([centred, deviation]: Inputs): SymbolicTensor | undefined {
  const difference = madeBy(centred, 'Sub')
  const [x, mean] = difference?.inputs ?? []
  const sum = madeBy(madeBy(deviation, 'Sqrt')?.inputs[0], 'Add')
  if (!centred || !x || !sum) return undefined
  for (const [variance, added] of orders(sum.inputs)) {
    const epsilon = numberIn(added)
    const squares = madeBy(variance, 'ReduceMean')?.inputs[0]
    const axis = lastAxes(variance, centred)
    if (epsilon === undefined || axis === undefined || lastAxes(mean, x) !== axis) continue
    if (madeBy(mean, 'ReduceMean')?.inputs[0] === x && isSquare(squares, centred))
      return layerNorm(x, { axis, epsilon })
  }
  return undefined
}

function isSquare(value: Value, x: SymbolicTensor): boolean {
  const power = madeBy(value, 'Pow')
  if (power) return power.inputs[0] === x && numberIn(power.inputs[1]) === 2
  return madeBy(value, 'Mul')?.inputs.every((factor) => factor === x) ?? false
}

/** The first of the axes that a mean is over, counted from the back, if those are the last ones and they are kept. */
function lastAxes(mean: Value, { rank }: SymbolicTensor): number | undefined {
  const node = madeBy(mean, 'ReduceMean')
  if (node?.attributes.keepdims !== 1) return undefined
  const axes = [...(node.attributes.axes as readonly number[])]
    .map((axis) => (axis < 0 ? axis + rank : axis))
    .sort((a, b) => a - b)
  return axes.every((axis, i) => axis === rank - axes.length + i) ? -axes.length : undefined
}

/** Instance normalisation of [b, groups, rest], in the shape it had before: group normalisation. */
function asGroupNorm([value]: Inputs, { outputs: [y] }: Node): SymbolicTensor | undefined {
  const instance = madeBy(value, 'InstanceNormalization')
  const [grouped, scale, bias] = instance?.inputs ?? []
  const x = madeBy(grouped, 'Reshape')?.inputs[0]
  if (!instance || !grouped || !x || grouped.rank !== 3 || !sameShape(x.shape, y.shape)) return undefined
  const [batch, groups] = grouped.shape
  if (x.rank < 3 || batch !== x.shape[0] || x.shape[1] % groups !== 0 || !isAll(scale, 1) || !isAll(bias, 0))
    return undefined
  return groupNorm(x, { groups, epsilon: instance.attributes.epsilon as number })
}

/** A parameter of one number for each channel of y [b, c, ...], as a vector. */
function ofChannels(value: Value, y: SymbolicTensor): SymbolicTensor | undefined {
  const channels = y.shape[1]
  if (!value || value.rank < y.rank - 1 || value.rank > y.rank || value.size !== channels) return undefined
  return value.shape.at(1 - y.rank) === channels ? reshape(value, [channels]) : undefined
}

/** A parameter in the shape of the rows that a layer normalisation is over. */
function ofRow(value: Value, norm: Node): SymbolicTensor | undefined {
  const row = norm.inputs[1]?.shape ?? []
  return value && sameShape(value.shape, row) ? value : undefined
}

type Parameter = 'scale' | 'bias'

/** A normalisation that has none of its own yet takes the scale, or the bias, that follows it. */
function absorbed(inputs: Inputs, parameter: Parameter): SymbolicTensor | undefined {
  for (const [value, other] of orders(inputs)) {
    const group = madeBy(value, 'GroupNorm', 'composite')
    const layer = madeBy(value, 'LayerNormalization')
    if (group && value) {
      const [x, scale, bias] = group.inputs
      const found = ofChannels(other, value)
      const isFree = isAll(bias, 0) && (parameter === 'bias' || isAll(scale, 1))
      if (!x || !scale || !bias || !found || !isFree) continue
      const { groups, epsilon } = group.attributes as { readonly groups: number; readonly epsilon: number }
      return groupNorm(x, {
        groups,
        epsilon,
        ...(parameter === 'scale' ? { scale: found, bias } : { scale, bias: found }),
      })
    }
    if (layer) {
      const [x, scale, bias] = layer.inputs
      const found = ofRow(other, layer)
      if (!x || !scale || bias || !found || (parameter === 'scale' && !isAll(scale, 1))) continue
      const { epsilon } = layer.attributes as { readonly epsilon: number }
      const axis = -scale.rank
      return layerNorm(x, { axis, epsilon, ...(parameter === 'scale' ? { scale: found } : { scale, bias: found }) })
    }
  }
  return undefined
}

type Rule = (inputs: Inputs, node: Node) => SymbolicTensor | undefined

const RULES: Readonly<Record<string, Rule>> = {
  Mul: (inputs) => asSilu(inputs) ?? asGelu(inputs) ?? absorbed(inputs, 'scale'),
  Add: (inputs) => absorbed(inputs, 'bias'),
  Div: asLayerNorm,
  Reshape: asGroupNorm,
}

/** The rule of composites: what a call is the end of, in one. */
export const recognizingRule: Rewrite = (node, inputs) => {
  const { domain, name } = node.operator
  const [y] = node.outputs
  if (domain !== '' || y.dtype !== 'float32' || !Object.hasOwn(RULES, name)) return undefined
  const found = RULES[name](inputs, node)
  return found && sameShape(found.shape, y.shape) ? [found] : undefined
}

/** A tensor by the composite that it is the end of, if it is of one. */
export function recognized(value: SymbolicTensor): SymbolicTensor {
  if (value.source.kind !== 'node' || value.source.node.outputs.length !== 1) return value
  return recognizingRule(value.source.node, value.source.node.inputs)?.[0] ?? value
}

/** A graph with its composites found. */
export function recognize<I extends string, O extends string>(graph: Graph<I, O>): Graph<I, O> {
  return rewrite(graph, recognizingRule)
}
