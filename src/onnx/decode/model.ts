/**
 * The bytes of an ONNX file as what onnx.proto3 says they are: a model with its graph, functions and operator sets. Nothing of the numbers is
 * read yet; a tensor is its declaration and where its bytes lie.
 * https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
import { BilevelError, inputError, STAND_IN_BYTES, standInError } from '../../base/index.ts'
import { Message } from '../message.ts'
import { ATTRIBUTE, ENTRY, FUNCTION, GRAPH, MODEL, NODE, OPSET, TENSOR, TYPE, VALUE_INFO } from '../schema.ts'

/** A tensor as a file declares it. */
export interface OnnxTensor {
  readonly name: string
  /** TensorProto.DataType */
  readonly dataType: number
  readonly dims: readonly number[]
  /** Where the bytes lie, if not in the file. */
  readonly external?: OnnxExternal
  /** The message, for its numbers. */
  readonly message: Message
}

/** Bytes in a file beside the model's. */
export interface OnnxExternal {
  /** Relative to the model's folder. */
  readonly location: string
  readonly offset: number
  /** Absent: to the end of the file, or as many as the shape needs. */
  readonly length?: number
}

/** An axis: its extent, its name, or '' where nothing is said. */
export type OnnxAxis = number | string

/** An input or output: `dataType` and `axes` are absent where the file says nothing. */
export interface OnnxValue {
  readonly name: string
  readonly dataType?: number
  readonly axes?: readonly OnnxAxis[]
  /** What it is if it is no tensor. */
  readonly other?: 'sequence' | 'map' | 'optional' | 'sparse tensor'
}

/** What attributes hold, by kind. */
export interface OnnxAttributeValues {
  readonly int: number
  readonly float: number
  readonly ints: readonly number[]
  readonly floats: readonly number[]
  readonly string: string
  readonly strings: readonly string[]
  readonly tensor: OnnxTensor
  readonly graph: OnnxGraph
  /** In a function: the name of an attribute of the call. */
  readonly reference: string
  /** What no operator here takes. */
  readonly other: string
}

/** An attribute's value with its kind. */
export type OnnxAttributeValue = {
  readonly [K in keyof OnnxAttributeValues]: { readonly kind: K; readonly value: OnnxAttributeValues[K] }
}[keyof OnnxAttributeValues]

/** One operator call of a file. */
export interface OnnxNode {
  readonly name: string
  readonly operator: string
  readonly domain: string
  readonly overload: string
  /** '' where one is left out. */
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: ReadonlyMap<string, OnnxAttributeValue>
}

/** A graph of a file: the model's own, or a branch of one of its nodes. */
export interface OnnxGraph {
  readonly name: string
  readonly nodes: readonly OnnxNode[]
  readonly initializers: ReadonlyMap<string, OnnxTensor>
  readonly inputs: readonly OnnxValue[]
  readonly outputs: readonly OnnxValue[]
}

/** An operator that the file defines by others. */
export interface OnnxFunction {
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly nodes: readonly OnnxNode[]
  readonly opsets: ReadonlyMap<string, number>
  /** Values of attributes that a call leaves out. */
  readonly defaults: ReadonlyMap<string, OnnxAttributeValue>
}

export interface OnnxModel {
  readonly producer: string
  readonly irVersion: number
  /** Version of each imported operator set; the standard domain is ''. */
  readonly opsets: ReadonlyMap<string, number>
  readonly graph: OnnxGraph
  /** Whether numbers of 16 bits are in it, which are carried as float32. */
  readonly halved: boolean
  /** By `functionKey`. */
  readonly functions: ReadonlyMap<string, OnnxFunction>
}

/** How deep graphs may lie in graphs: engines have no such models, damaged files do. */
const DEEPEST = 32

/** What a node calls, as one word. */
export const functionKey = (domain: string, name: string, overload: string): string => `${domain}:${name}:${overload}`

/** The standard domain has two names. */
export const domainOf = (domain: string): string => (domain === 'ai.onnx' ? '' : domain)

/**
 * Reads a model.
 * @param source what to call it in errors
 * @throws `onnx.parse` on bytes that are no ONNX model; `file.lfsPointer`, `file.webPage`, `onnx.pickle` on files that only pass for one
 */
export function readModel(bytes: Uint8Array, source = 'the ONNX model'): OnnxModel {
  const other = otherFile(bytes, source)
  if (other) throw other
  try {
    return modelOf(new Message(bytes))
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    throw inputError(
      'onnx.parse',
      `${source} (${bytes.length} bytes) must be an ONNX model, but ${error.message}; it may be cut short or another kind of file`,
      { cause: error },
    )
  }
}

/** What the file is instead, where its beginning tells. */
function otherFile(bytes: Uint8Array, source: string): BilevelError | null {
  const standIn = standInError(bytes.subarray(0, STAND_IN_BYTES), source)
  if (standIn) return standIn
  const isZip = bytes[0] === 0x50 && bytes[1] === 0x4b && bytes[2] === 3 && bytes[3] === 4
  const isPickle = bytes[0] === 0x80 && bytes[1] >= 2 && bytes[1] <= 5
  if (!isZip && !isPickle) return null
  const form = isZip ? 'a zip archive, as torch.save writes it,' : 'a Python pickle'
  return inputError(
    'onnx.pickle',
    `${source} is ${form} and no ONNX model; a pickle runs code when it is read, so it is not: ` +
      'load it in PyTorch where you trust it and export the network by torch.onnx.export',
  )
}

const broken = (message: string) => inputError('onnx.parse', message)

function modelOf(model: Message): OnnxModel {
  const graphs = model.messages(MODEL.graph)
  if (graphs.length !== 1) throw broken(`it must hold one graph, it holds ${graphs.length}`)
  const opsets = opsetsOf(model, MODEL.opsetImport)
  if (opsets.size === 0) throw broken('it must say which operator sets it uses')
  const graph = graphOf(graphs[0], 0)
  return {
    producer: [model.string(MODEL.producerName), model.string(MODEL.producerVersion)].filter(Boolean).join(' '),
    irVersion: model.integer(MODEL.irVersion) ?? 0,
    opsets,
    graph,
    halved: isHalved(graph),
    functions: new Map(model.messages(MODEL.functions).map(functionOf)),
  }
}

/** float16 and bfloat16 of TensorProto.DataType. */
const HALVES: readonly (number | undefined)[] = [10, 16]

const isHalved = ({ initializers, inputs, nodes }: OnnxGraph): boolean =>
  [...initializers.values(), ...inputs].some(({ dataType }) => HALVES.includes(dataType)) ||
  nodes.some(({ operator, attributes }) => {
    const to = attributes.get('to')
    return operator === 'Cast' && to?.kind === 'int' && HALVES.includes(to.value)
  })

const opsetsOf = (message: Message, field: number): Map<string, number> =>
  new Map(
    message
      .messages(field)
      .map((opset) => [domainOf(opset.string(OPSET.domain)), opset.integer(OPSET.version) ?? 0] as const),
  )

function graphOf(graph: Message, depth: number): OnnxGraph {
  if (depth > DEEPEST) throw broken(`graphs lie in graphs more than ${DEEPEST} deep`)
  if (graph.has(GRAPH.sparseInitializer)) throw broken('it holds sparse initializers, which are not read')
  const initializers = graph.messages(GRAPH.initializer).map(tensorOf)
  return {
    name: graph.string(GRAPH.name),
    nodes: graph.messages(GRAPH.node).map((node) => nodeOf(node, depth)),
    initializers: new Map(initializers.map((tensor) => [tensor.name, tensor])),
    inputs: graph.messages(GRAPH.input).map(declaredValue),
    outputs: graph.messages(GRAPH.output).map(declaredValue),
  }
}

function functionOf(message: Message): [string, OnnxFunction] {
  const name = message.string(FUNCTION.name)
  const key = functionKey(domainOf(message.string(FUNCTION.domain)), name, message.string(FUNCTION.overload))
  return [
    key,
    {
      name,
      inputs: message.strings(FUNCTION.input),
      outputs: message.strings(FUNCTION.output),
      nodes: message.messages(FUNCTION.node).map((node) => nodeOf(node, 0)),
      opsets: opsetsOf(message, FUNCTION.opsetImport),
      defaults: new Map(message.messages(FUNCTION.attributeProto).map((attribute) => attributeOf(attribute, 0))),
    },
  ]
}

function nodeOf(node: Message, depth: number): OnnxNode {
  const operator = node.string(NODE.opType)
  if (!operator) throw broken('a node has no operator')
  return {
    name: node.string(NODE.name),
    operator,
    domain: domainOf(node.string(NODE.domain)),
    overload: node.string(NODE.overload),
    inputs: node.strings(NODE.input),
    outputs: node.strings(NODE.output),
    attributes: new Map(node.messages(NODE.attribute).map((attribute) => attributeOf(attribute, depth))),
  }
}

/** AttributeProto.AttributeType with the reader of each. */
const ATTRIBUTE_READERS: Readonly<Record<number, (attribute: Message, depth: number) => OnnxAttributeValue>> = {
  1: (attribute) => ({ kind: 'float', value: attribute.floats(ATTRIBUTE.f).at(-1) ?? 0 }),
  2: (attribute) => ({ kind: 'int', value: attribute.integer(ATTRIBUTE.i) ?? 0 }),
  3: (attribute) => ({ kind: 'string', value: attribute.string(ATTRIBUTE.s) }),
  4(attribute) {
    const [value] = attribute.messages(ATTRIBUTE.t)
    if (!value) throw broken('a tensor attribute holds no tensor')
    return { kind: 'tensor', value: tensorOf(value) }
  },
  5(attribute, depth) {
    const [value] = attribute.messages(ATTRIBUTE.g)
    if (!value) throw broken('a graph attribute holds no graph')
    return { kind: 'graph', value: graphOf(value, depth + 1) }
  },
  6: (attribute) => ({ kind: 'floats', value: attribute.floats(ATTRIBUTE.floats) }),
  7: (attribute) => ({ kind: 'ints', value: attribute.integers(ATTRIBUTE.ints).map(Number) }),
  8: (attribute) => ({ kind: 'strings', value: attribute.strings(ATTRIBUTE.strings) }),
}

/** Files of before the type was written hold one of these fields. */
const TYPE_BY_FIELD = [
  [ATTRIBUTE.f, 1],
  [ATTRIBUTE.i, 2],
  [ATTRIBUTE.s, 3],
  [ATTRIBUTE.t, 4],
  [ATTRIBUTE.g, 5],
  [ATTRIBUTE.floats, 6],
  [ATTRIBUTE.ints, 7],
  [ATTRIBUTE.strings, 8],
] as const

function attributeOf(attribute: Message, depth: number): [string, OnnxAttributeValue] {
  const name = attribute.string(ATTRIBUTE.name)
  const reference = attribute.string(ATTRIBUTE.reference)
  if (reference) return [name, { kind: 'reference', value: reference }]
  const declared = attribute.integer(ATTRIBUTE.type) ?? 0
  const type = declared || (TYPE_BY_FIELD.find(([field]) => attribute.has(field))?.[1] ?? 7)
  const read = ATTRIBUTE_READERS[type]
  return [name, read ? read(attribute, depth) : { kind: 'other', value: `type ${type}` }]
}

function tensorOf(message: Message): OnnxTensor {
  const name = message.string(TENSOR.name)
  const dims = message.integers(TENSOR.dims).map(Number)
  const bad = dims.find((extent) => !Number.isSafeInteger(extent) || extent < 0)
  if (bad !== undefined) throw broken(`the tensor '${name}' has an extent of ${bad}`)
  const outside = message.integer(TENSOR.dataLocation) === 1
  return {
    name,
    dataType: message.integer(TENSOR.dataType) ?? 0,
    dims,
    ...(outside && { external: externalOf(message, name) }),
    message,
  }
}

function externalOf(message: Message, name: string): OnnxExternal {
  const entries = message
    .messages(TENSOR.externalData)
    .map((entry) => [entry.string(ENTRY.key), entry.string(ENTRY.value)] as const)
  const found = new Map(entries)
  const location = found.get('location')
  if (!location) throw broken(`the tensor '${name}' lies in a file of its own and does not say in which`)
  const number = (key: string) => {
    const value = found.get(key)
    if (value === undefined) return undefined
    if (!/^\d{1,15}$/.test(value)) throw broken(`the tensor '${name}' has the ${key} '${value}' in its outside file`)
    return Number(value)
  }
  const length = number('length')
  return { location, offset: number('offset') ?? 0, ...(length !== undefined && { length }) }
}

/** TypeProto's fields of what is no tensor. */
const OTHER_TYPES = [
  [4, 'sequence'],
  [5, 'map'],
  [8, 'sparse tensor'],
  [9, 'optional'],
] as const

function declaredValue(value: Message): OnnxValue {
  const name = value.string(VALUE_INFO.name)
  const [type] = value.messages(VALUE_INFO.type)
  const other = type && OTHER_TYPES.find(([field]) => type.has(field))?.[1]
  if (other) return { name, other }
  const [tensor] = type?.messages(TYPE.tensorType) ?? []
  const dataType = tensor?.integer(TYPE.elemType)
  const axes = tensor?.messages(TYPE.shape)[0]?.messages(TYPE.dim).map(axisOf)
  return { name, ...(dataType && { dataType }), ...(axes && { axes }) }
}

/** Negative extents are what some exporters write for open ones. */
function axisOf(axis: Message): OnnxAxis {
  const name = axis.string(TYPE.dimParam)
  const extent = axis.integer(TYPE.dimValue)
  return name || extent === undefined || extent < 0 ? name : extent
}
