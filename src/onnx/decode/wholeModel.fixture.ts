/** Test support: models written down field by field, as other programs write them: functions, branches, tensors of every type, data outside. */
import { ProtoWriter } from '../protobuf.ts'
import { ATTRIBUTE, ENTRY, FUNCTION, GRAPH, MODEL, NODE, OPSET, TENSOR, TYPE, VALUE_INFO } from '../schema.ts'

type Write = (writer: ProtoWriter) => void

/** A tensor: raw bytes, numbers of a field of their type, or a place outside. */
export interface WrittenTensor {
  readonly name: string
  readonly type: number
  readonly dims: readonly number[]
  readonly raw?: Uint8Array
  /** For `int32_data`. */
  readonly int32?: readonly number[]
  readonly external?: Readonly<Record<string, string>>
}

export type WrittenAttribute =
  | { readonly int: number }
  | { readonly float: number }
  | { readonly graph: WrittenGraph }
  | { readonly tensor: WrittenTensor }
  | { readonly reference: string; readonly type: number }

export interface WrittenNode {
  readonly operator: string
  readonly name?: string
  readonly domain?: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: Readonly<Record<string, WrittenAttribute>>
}

/** Inputs are [name, element type, axes]. */
export interface WrittenGraph {
  readonly nodes: readonly WrittenNode[]
  readonly initializers?: readonly WrittenTensor[]
  readonly inputs?: readonly (readonly [string, number, readonly (number | string)[]])[]
  readonly outputs: readonly string[]
}

export interface WrittenFunction {
  readonly name: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes?: readonly string[]
  readonly nodes: readonly WrittenNode[]
}

export interface WrittenModel extends WrittenGraph {
  readonly opset?: number
  readonly functions?: readonly WrittenFunction[]
}

export function tensorMessage({ name, type, dims, raw, int32, external }: WrittenTensor): Write {
  return (writer) => {
    writer.packedInts(TENSOR.dims, dims).int(TENSOR.dataType, type).string(TENSOR.name, name)
    if (raw) writer.blob(TENSOR.rawData, raw)
    if (int32) writer.packedInts(TENSOR.int32Data, int32)
    if (!external) return
    for (const [key, value] of Object.entries(external)) {
      writer.message(TENSOR.externalData, (entry) => entry.string(ENTRY.key, key).string(ENTRY.value, value))
    }
    writer.int(TENSOR.dataLocation, 1)
  }
}

function attributeMessage(name: string, attribute: WrittenAttribute): Write {
  return (writer) => {
    writer.string(ATTRIBUTE.name, name)
    if ('int' in attribute) writer.int(ATTRIBUTE.i, attribute.int).int(ATTRIBUTE.type, 2)
    else if ('float' in attribute) writer.float(ATTRIBUTE.f, attribute.float).int(ATTRIBUTE.type, 1)
    else if ('graph' in attribute) writer.message(ATTRIBUTE.g, graphMessage(attribute.graph)).int(ATTRIBUTE.type, 5)
    else if ('tensor' in attribute) writer.message(ATTRIBUTE.t, tensorMessage(attribute.tensor)).int(ATTRIBUTE.type, 4)
    else writer.string(ATTRIBUTE.reference, attribute.reference).int(ATTRIBUTE.type, attribute.type)
  }
}

function nodeMessage({ operator, name = '', domain = '', inputs, outputs, attributes = {} }: WrittenNode): Write {
  return (writer) => {
    for (const input of inputs) writer.string(NODE.input, input)
    for (const output of outputs) writer.string(NODE.output, output)
    writer.string(NODE.name, name).string(NODE.opType, operator)
    for (const [key, value] of Object.entries(attributes)) writer.message(NODE.attribute, attributeMessage(key, value))
    writer.string(NODE.domain, domain)
  }
}

const graphMessage =
  ({ nodes, initializers = [], inputs = [], outputs }: WrittenGraph): Write =>
  (writer) => {
    for (const node of nodes) writer.message(GRAPH.node, nodeMessage(node))
    writer.string(GRAPH.name, 'graph')
    for (const tensor of initializers) writer.message(GRAPH.initializer, tensorMessage(tensor))
    for (const [name, type, axes] of inputs) {
      writer.message(GRAPH.input, (value) =>
        value.string(VALUE_INFO.name, name).message(VALUE_INFO.type, (declared) =>
          declared.message(TYPE.tensorType, (tensor) => {
            tensor.int(TYPE.elemType, type).message(TYPE.shape, (shape) => {
              for (const axis of axes) {
                shape.message(TYPE.dim, (dim) =>
                  typeof axis === 'number' ? dim.int(TYPE.dimValue, axis) : dim.string(TYPE.dimParam, axis),
                )
              }
            })
          }),
        ),
      )
    }
    for (const name of outputs) writer.message(GRAPH.output, (value) => value.string(VALUE_INFO.name, name))
  }

const opset =
  (domain: string, version: number): Write =>
  (writer) =>
    writer.string(OPSET.domain, domain).int(OPSET.version, version)

/** The bytes of a model; functions of a domain are imported at version 1. */
export function modelBytes({ opset: version = 17, functions = [], ...graph }: WrittenModel): Uint8Array {
  const writer = new ProtoWriter().int(MODEL.irVersion, 10).message(MODEL.graph, graphMessage(graph))
  writer.message(MODEL.opsetImport, opset('', version))
  for (const domain of new Set(functions.map((body) => body.domain)))
    writer.message(MODEL.opsetImport, opset(domain, 1))
  for (const { name, domain, inputs, outputs, attributes = [], nodes } of functions) {
    writer.message(MODEL.functions, (body) => {
      body.string(FUNCTION.name, name)
      for (const input of inputs) body.string(FUNCTION.input, input)
      for (const output of outputs) body.string(FUNCTION.output, output)
      for (const attribute of attributes) body.string(FUNCTION.attribute, attribute)
      for (const node of nodes) body.message(FUNCTION.node, nodeMessage(node))
      body.message(FUNCTION.opsetImport, opset('', version)).string(FUNCTION.domain, domain)
    })
  }
  return writer.finish()
}
