/**
 * Test support: models of one node, with any attributes, of any operator set, and a call of an operator with concrete inputs. The same table of
 * cases serves the comparison with engines and the check of derivatives.
 */
import type { Tensor } from '../../base/index.ts'
import { sizeOf } from '../../base/index.ts'
import type { CaseInput } from '../../graph/caseType.fixture.ts'
import { drawFeeds } from '../../graph/caseType.fixture.ts'
import type { Reference } from '../../graph/index.ts'
import { tensorOf } from '../../graph/index.ts'
import { ProtoWriter } from '../protobuf.ts'
import { ATTRIBUTE, DATA_TYPES, GRAPH, MODEL, NODE, OPSET, TENSOR, TYPE, VALUE_INFO } from '../schema.ts'

/** An attribute by its kind. */
export type NodeAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly string: string }
  | { readonly ints: readonly number[] }
  | { readonly floats: readonly number[] }
  | { readonly tensor: Tensor }

/** An input of the node: fed at each run, or, where it is `known`, an initializer. */
export interface NodeInput extends CaseInput {
  readonly known?: boolean
}

/** One call of an operator of files. */
export interface NodeCase {
  readonly operator: string
  /** Default the standard one. */
  readonly domain?: string
  /** Version of the standard operator set. */
  readonly opset: number
  readonly title: string
  /** Null where one is left out. */
  readonly inputs: readonly (NodeInput | null)[]
  readonly attributes?: Readonly<Record<string, NodeAttribute>>
  /** How many outputs are named, false for one that is not; default one. */
  readonly outputs?: readonly boolean[]
  /** Whether it has a derivative in its float inputs; default true. */
  readonly smooth?: boolean
  /** Why no engine can be asked. */
  readonly noEngine?: string
}

export const inputName = (i: number): string => `in${i}`
export const outputName = (i: number): string => `out${i}`

const present = ({ inputs }: NodeCase) => inputs.flatMap((input, i) => (input ? [[inputName(i), input] as const] : []))

/** Numbers of all inputs, the known ones too. */
export function drawInputs(nodeCase: NodeCase): Record<string, Reference> {
  const inputs = Object.fromEntries(present(nodeCase))
  return drawFeeds({ operator: '', title: '', inputs, call: () => [] })
}

/** Names of the inputs that a run feeds. */
export const fedInputs = (nodeCase: NodeCase): string[] =>
  present(nodeCase).flatMap(([name, { known }]) => (known ? [] : [name]))

/** Names of the outputs that there are. */
export const namedOutputs = ({ outputs = [true] }: NodeCase): string[] =>
  outputs.flatMap((named, i) => (named ? [outputName(i)] : []))

function writeTensor(writer: ProtoWriter, { dtype, shape, data }: Tensor, name: string): void {
  writer.packedInts(TENSOR.dims, shape).int(TENSOR.dataType, DATA_TYPES[dtype]).string(TENSOR.name, name)
  writer.blob(TENSOR.rawData, new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
}

/** AttributeProto.AttributeType */
const KINDS = { float: 1, int: 2, string: 3, tensor: 4, floats: 6, ints: 7 } as const

function writeAttribute(writer: ProtoWriter, name: string, attribute: NodeAttribute): void {
  writer.string(ATTRIBUTE.name, name)
  const kind = Object.keys(attribute)[0] as keyof typeof KINDS
  writer.int(ATTRIBUTE.type, KINDS[kind])
  if ('int' in attribute) writer.int(ATTRIBUTE.i, attribute.int)
  else if ('float' in attribute) writer.float(ATTRIBUTE.f, attribute.float)
  else if ('string' in attribute) writer.string(ATTRIBUTE.s, attribute.string)
  else if ('ints' in attribute) for (const value of attribute.ints) writer.int(ATTRIBUTE.ints, value)
  else if ('floats' in attribute) for (const value of attribute.floats) writer.float(ATTRIBUTE.floats, value)
  else writer.message(ATTRIBUTE.t, (nested) => writeTensor(nested, attribute.tensor, ''))
}

/** The bytes of a model of that node alone. Outputs have no declared type: engines find it. */
export function nodeModel(nodeCase: NodeCase): Uint8Array {
  const { operator, domain = '', opset, inputs, attributes = {}, outputs = [true] } = nodeCase
  const numbers = drawInputs(nodeCase)
  const graph = new ProtoWriter()
  graph.message(GRAPH.node, (node) => {
    inputs.forEach((input, i) => {
      node.string(NODE.input, input ? inputName(i) : '')
    })
    outputs.forEach((named, i) => {
      node.string(NODE.output, named ? outputName(i) : '')
    })
    node.string(NODE.name, 'the node').string(NODE.opType, operator)
    for (const [name, attribute] of Object.entries(attributes)) {
      node.message(NODE.attribute, (writer) => writeAttribute(writer, name, attribute))
    }
    if (domain) node.string(NODE.domain, domain)
  })
  graph.string(GRAPH.name, 'graph')
  for (const [name, { known, shape, dtype = 'float32' }] of present(nodeCase)) {
    if (known) {
      const value = tensorOf(dtype, shape, numbers[name].data)
      graph.message(GRAPH.initializer, (writer) => writeTensor(writer, value, name))
    } else {
      graph.message(GRAPH.input, (writer) => {
        writer.string(VALUE_INFO.name, name).message(VALUE_INFO.type, (type) => {
          type.message(TYPE.tensorType, (tensorType) => {
            tensorType.int(TYPE.elemType, DATA_TYPES[dtype]).message(TYPE.shape, (axes) => {
              for (const extent of shape) axes.message(TYPE.dim, (axis) => axis.int(TYPE.dimValue, extent))
            })
          })
        })
      })
    }
  }
  for (const name of namedOutputs(nodeCase)) {
    graph.message(GRAPH.output, (writer) => writer.string(VALUE_INFO.name, name))
  }
  const model = new ProtoWriter().int(MODEL.irVersion, opset >= 23 ? 11 : 8).blob(MODEL.graph, graph.finish())
  model.message(MODEL.opsetImport, (writer) => writer.string(OPSET.domain, '').int(OPSET.version, opset))
  if (domain) model.message(MODEL.opsetImport, (writer) => writer.string(OPSET.domain, domain).int(OPSET.version, 1))
  return model.finish()
}

/** An input of that shape, standard normal unless drawn otherwise. */
export const floats = (shape: readonly number[], draw?: CaseInput['draw']): NodeInput => ({
  shape,
  ...(draw && { draw }),
})

/** Integers that the file holds. */
export const known = (...values: readonly number[]): NodeInput => ({
  shape: [values.length],
  dtype: 'int64',
  draw: () => values,
  known: true,
})

/** An integer without axes that the file holds. */
export const knownScalar = (value: number): NodeInput => ({
  shape: [],
  dtype: 'int64',
  draw: () => [value],
  known: true,
})

/** Floats that the file holds. */
export const knownFloats = (...values: readonly number[]): NodeInput => ({
  shape: [values.length],
  draw: () => values,
  known: true,
})

/** Integers that a run feeds. */
export const fedIntegers = (shape: readonly number[], ...values: readonly number[]): NodeInput => {
  if (values.length !== sizeOf(shape)) throw new Error(`${values.length} numbers for [${shape}]`)
  return { shape, dtype: 'int64', draw: () => values }
}
