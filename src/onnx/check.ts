/**
 * A strict reading of the files `encode` writes: what the format demands and an engine may let pass. It reads the bytes with
 * nothing of the graph at hand: every tensor is made once and before it is used, names, domains and versions are there,
 * initializers hold as many bytes as their shapes say.
 */
import { inputError } from '../base/index.ts'
import { Message } from './message.ts'
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
  const fields = new Message(bytes)
  const opsets = new Map(fields.messages(MODEL.opsetImport).map(readOpset))
  const graphs = fields.messages(MODEL.graph)
  if (graphs.length !== 1) throw broken(`a model must hold one graph, it holds ${graphs.length}`)
  const [graph] = graphs
  if (!graph.string(GRAPH.name)) throw broken('a graph must have a name')
  const model: CheckedModel = {
    irVersion: fields.integer(MODEL.irVersion) ?? 0,
    opsets,
    nodes: graph.messages(GRAPH.node).map(readNode),
    inputs: graph.messages(GRAPH.input).map(readValue),
    outputs: graph.messages(GRAPH.output).map(readValue),
    initializers: new Map(graph.messages(GRAPH.initializer).map(readInitializer)),
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

function readOpset(opset: Message): [string, number] {
  return [opset.string(OPSET.domain), opset.integer(OPSET.version) ?? 0]
}

function readNode(node: Message): DeclaredNode {
  const operator = node.string(NODE.opType)
  if (!operator) throw broken('a node must have an operator')
  const attributes = node.messages(NODE.attribute).map((attribute) => {
    const name = attribute.string(ATTRIBUTE.name)
    if (!name || attribute.integers(ATTRIBUTE.type).length !== 1)
      throw broken(`${operator}: an attribute needs name and type`)
    return name
  })
  const [domain, inputs, outputs] = [node.string(NODE.domain), node.strings(NODE.input), node.strings(NODE.output)]
  return { operator, domain, inputs, outputs, attributes }
}

function readValue(value: Message): DeclaredValue {
  const [tensor] = value.messages(VALUE_INFO.type).flatMap((type) => type.messages(TYPE.tensorType))
  const shape = tensor?.messages(TYPE.shape).flatMap((axes) => axes.messages(TYPE.dim).map(readAxis)) ?? []
  const name = value.string(VALUE_INFO.name)
  const dataType = tensor?.integer(TYPE.elemType) ?? 0
  if (!name || !(dataType in ELEMENT_BYTES)) throw broken(`'${name}' must have a name and a supported element type`)
  return { name, dataType, shape }
}

function readAxis(axis: Message): DeclaredAxis {
  const declared = axis.strings(TYPE.dimParam).at(-1) ?? axis.integer(TYPE.dimValue)
  if (declared === undefined) throw broken('an axis must have an extent or a name')
  return declared
}

function readInitializer(tensor: Message): [string, number] {
  const name = tensor.string(TENSOR.name)
  const [raw] = tensor.blobs(TENSOR.rawData)
  const bytes = ELEMENT_BYTES[tensor.integer(TENSOR.dataType) ?? 0]
  const size = tensor.integers(TENSOR.dims).reduce((product, extent) => product * Number(extent), bytes)
  if (!name || !raw || raw.length !== size)
    throw broken(`initializer '${name}' must hold ${size} bytes, has ${raw?.length}`)
  return [name, size]
}
