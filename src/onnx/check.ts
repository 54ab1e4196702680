/**
 * A strict reading of the files `encode` writes: what the format demands and an engine may let pass. It reads the bytes with
 * nothing of the graph at hand: every tensor is made once and before it is used, names, domains and versions are there,
 * initializers hold as many bytes as their shapes say.
 */
import { inputError } from '../base/index.ts'
import type { ProtoField } from './protobuf.ts'
import { readFields, text } from './protobuf.ts'
import { ATTRIBUTE, DATA_TYPES, GRAPH, MODEL, NODE, OPSET, TENSOR, TYPE, VALUE_INFO } from './schema.ts'

/** An axis: its extent, or its name where the file leaves it open. */
export type DeclaredAxis = number | string

/** An input or output of a file. */
export interface DeclaredValue {
  readonly name: string
  readonly dataType: number
  readonly shape: readonly DeclaredAxis[]
}

/** One node of a file. */
export interface DeclaredNode {
  readonly operator: string
  readonly domain: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: readonly string[]
}

/** What a checked file holds. */
export interface CheckedModel {
  readonly irVersion: number
  readonly opsets: ReadonlyMap<string, number>
  readonly nodes: readonly DeclaredNode[]
  readonly inputs: readonly DeclaredValue[]
  readonly outputs: readonly DeclaredValue[]
  /** Sizes in bytes by name. */
  readonly initializers: ReadonlyMap<string, number>
}

/** Bytes per element by data type. */
const ELEMENT_BYTES: Readonly<Record<number, number>> = {
  [DATA_TYPES.float32]: 4,
  [DATA_TYPES.float64]: 8,
  [DATA_TYPES.int64]: 8,
  [DATA_TYPES.int32]: 4,
  [DATA_TYPES.bool]: 1,
}

const broken = (message: string) => inputError('onnx.check', message)

/** Reads and checks a model. @throws `onnx.parse` on broken bytes, `onnx.check` on the first rule that does not hold */
export function checkModel(bytes: Uint8Array): CheckedModel {
  const fields = [...readFields(bytes)]
  const opsets = new Map(blobs(fields, MODEL.opsetImport).map(readOpset))
  const graphs = blobs(fields, MODEL.graph)
  if (graphs.length !== 1) throw broken(`a model must hold one graph, it holds ${graphs.length}`)
  const graph = [...readFields(graphs[0])]
  if (!strings(graph, GRAPH.name)[0]) throw broken('a graph must have a name')
  const model: CheckedModel = {
    irVersion: integers(fields, MODEL.irVersion)[0] ?? 0,
    opsets,
    nodes: blobs(graph, GRAPH.node).map(readNode),
    inputs: blobs(graph, GRAPH.input).map(readValue),
    outputs: blobs(graph, GRAPH.output).map(readValue),
    initializers: new Map(blobs(graph, GRAPH.initializer).map(readInitializer)),
  }
  checkNames(model)
  return model
}

/** Single assignment, topological order, declared domains, outputs that some node makes. */
function checkNames({ nodes, inputs, outputs, initializers, opsets }: CheckedModel): void {
  const known = new Set<string>()
  const define = (name: string) => {
    if (name === '' || known.has(name)) throw broken(`every tensor must be made once under a name, '${name}' is not`)
    known.add(name)
  }
  for (const { name } of inputs) define(name)
  for (const name of initializers.keys()) define(name)
  const made = new Set<string>()
  for (const node of nodes) {
    if (!opsets.has(node.domain)) throw broken(`${node.operator} needs domain '${node.domain}', which is not imported`)
    for (const name of node.inputs) {
      if (name !== '' && !known.has(name)) throw broken(`${node.operator} uses '${name}' before it is made`)
    }
    if (new Set(node.attributes).size < node.attributes.length) throw broken(`${node.operator} has an attribute twice`)
    for (const name of node.outputs) {
      define(name)
      made.add(name)
    }
  }
  for (const { name } of outputs) if (!made.has(name)) throw broken(`output '${name}' must be made by a node`)
}

function readOpset(bytes: Uint8Array): [string, number] {
  const fields = [...readFields(bytes)]
  return [strings(fields, OPSET.domain)[0] ?? '', integers(fields, OPSET.version)[0] ?? 0]
}

function readNode(bytes: Uint8Array): DeclaredNode {
  const fields = [...readFields(bytes)]
  const [operator] = strings(fields, NODE.opType)
  if (!operator) throw broken('a node must have an operator')
  const attributes = blobs(fields, NODE.attribute).map((attribute) => {
    const parts = [...readFields(attribute)]
    const [name] = strings(parts, ATTRIBUTE.name)
    if (!name || integers(parts, ATTRIBUTE.type).length !== 1)
      throw broken(`${operator}: an attribute needs name and type`)
    return name
  })
  const domain = strings(fields, NODE.domain)[0] ?? ''
  return { operator, domain, inputs: strings(fields, NODE.input), outputs: strings(fields, NODE.output), attributes }
}

function readValue(bytes: Uint8Array): DeclaredValue {
  const fields = [...readFields(bytes)]
  const type = blobs(fields, VALUE_INFO.type).flatMap((message) => [...readFields(message)])
  const tensor = blobs(type, TYPE.tensorType).flatMap((message) => [...readFields(message)])
  const shape = blobs(tensor, TYPE.shape).flatMap((message) => blobs([...readFields(message)], TYPE.dim).map(readAxis))
  const [name] = strings(fields, VALUE_INFO.name)
  const [dataType] = integers(tensor, TYPE.elemType)
  if (!name || !(dataType in ELEMENT_BYTES)) throw broken(`'${name}' must have a name and a supported element type`)
  return { name, dataType, shape }
}

function readAxis(bytes: Uint8Array): DeclaredAxis {
  const fields = [...readFields(bytes)]
  const axis = strings(fields, TYPE.dimParam)[0] ?? integers(fields, TYPE.dimValue)[0]
  if (axis === undefined) throw broken('an axis must have an extent or a name')
  return axis
}

function readInitializer(bytes: Uint8Array): [string, number] {
  const fields = [...readFields(bytes)]
  const dims = blobs(fields, TENSOR.dims).flatMap(unpack)
  const [name] = strings(fields, TENSOR.name)
  const [dataType] = integers(fields, TENSOR.dataType)
  const [raw] = blobs(fields, TENSOR.rawData)
  const size = dims.reduce((product, extent) => product * extent, ELEMENT_BYTES[dataType])
  if (!name || !raw || raw.length !== size)
    throw broken(`initializer '${name}' must hold ${size} bytes, has ${raw?.length}`)
  return [name, size]
}

/** Packed non-negative varints. */
function unpack(packed: Uint8Array): number[] {
  const values: number[] = []
  let value = 0
  let scale = 1
  for (const byte of packed) {
    value += (byte & 0x7f) * scale
    scale *= 0x80
    if (byte < 0x80) {
      values.push(value)
      value = 0
      scale = 1
    }
  }
  return values
}

function blobs(fields: readonly ProtoField[], field: number): Uint8Array[] {
  return fields.flatMap((entry) => (entry.field === field && entry.kind === 'bytes' ? [entry.value] : []))
}

const strings = (fields: readonly ProtoField[], field: number): string[] => blobs(fields, field).map(text)

function integers(fields: readonly ProtoField[], field: number): number[] {
  return fields.flatMap((entry) => (entry.field === field && entry.kind === 'varint' ? [Number(entry.value)] : []))
}
