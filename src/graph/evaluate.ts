/** Reference evaluation: slow, in float64, operator by operator. The truth that derivatives and devices are tested against. */
import type { Tensor } from '../base/index.ts'
import { inputError, internalError, sameShape, sizeOf } from '../base/index.ts'
import type { Graph } from './graph.ts'
import { mapRecord, nodesOf } from './graph.ts'
import type { Reference, SymbolicTensor } from './symbolic.ts'

/** A tensor with its numbers in float64. */
export function toReference(value: Tensor): Reference {
  const { dtype, shape, data } = value
  return {
    dtype,
    shape,
    data: data instanceof BigInt64Array ? Float64Array.from(data, Number) : new Float64Array(data),
  }
}

/** Evaluates tensors for given values of the graph inputs they need. @throws `graph.feed` on a missing or misshapen input */
export function evaluateTensors(
  outputs: readonly SymbolicTensor[],
  feeds: Readonly<Record<string, Reference | Tensor>> = {},
): Reference[] {
  const known = new Map<SymbolicTensor, Reference>()
  const resultOf = (value: SymbolicTensor): Reference => {
    const found = known.get(value)
    if (found) return found
    const result = leafValue(value, feeds)
    known.set(value, result)
    return result
  }
  for (const node of nodesOf(outputs)) {
    const inputs = node.inputs.map((value) => value && resultOf(value))
    const results = node.operator.evaluate(inputs, node.attributes, node.outputs)
    node.outputs.forEach((output, i) => {
      if (results[i].length !== sizeOf(output.shape)) {
        throw internalError(`${node.operator.name} evaluated to ${results[i].length} elements for [${output.shape}]`)
      }
      known.set(output, { dtype: output.dtype, shape: output.shape, data: results[i] })
    })
  }
  return outputs.map(resultOf)
}

function leafValue(value: SymbolicTensor, feeds: Readonly<Record<string, Reference | Tensor>>): Reference {
  if (value.source.kind === 'constant') return toReference(value.source.value)
  if (value.source.kind === 'node') throw internalError('a node was evaluated before its inputs')
  const feed = feeds[value.source.name]
  if (!feed || !sameShape(feed.shape, value.shape)) {
    const came = feed ? `[${feed.shape}]` : 'nothing'
    throw inputError('graph.feed', `input '${value.source.name}' needs shape [${value.shape}], got ${came}`)
  }
  return feed.data instanceof Float64Array ? (feed as Reference) : toReference(feed as Tensor)
}

/** Evaluates a whole graph. */
export function evaluate<I extends string, O extends string>(
  graph: Graph<I, O>,
  feeds: Readonly<Record<I, Reference | Tensor>>,
): Record<O, Reference> {
  const names = Object.keys(graph.outputs) as O[]
  const values = evaluateTensors(
    names.map((name) => graph.outputs[name]),
    feeds,
  )
  const byName = new Map(names.map((name, i) => [name, values[i]]))
  return mapRecord(graph.outputs, (_, name) => byName.get(name)!)
}
