/**
 * Graph to ONNX bytes. Input and output names are kept, constants become initializers, everything else gets a name by its
 * place in topological order, so that the same graph gives the same bytes.
 * https://github.com/onnx/onnx/blob/main/docs/IR.md
 */
import type { Shape, Tensor } from '../base/index.ts'
import { internalError } from '../base/index.ts'
import type { Attribute, AttributeKind, Graph, Node, SymbolicTensor, TensorType } from '../graph/index.ts'
import { apply, expandComposites, nodesOf, simplify } from '../graph/index.ts'
import { identityOperator } from './identity.ts'
import { ProtoWriter } from './protobuf.ts'
import {
  ATTRIBUTE,
  ATTRIBUTE_TYPES,
  DATA_TYPES,
  GRAPH,
  MODEL,
  NODE,
  OPSET,
  TENSOR,
  TYPE,
  VALUE_INFO,
} from './schema.ts'

/** Versions written. 17 is the newest operator set that Debian's checker and every ONNX Runtime since 1.12 accept. */
const OPSET_VERSION = 17
const IR_VERSION = 8

export interface EncodeOptions {
  /** Graph name in the file. Default `graph`. */
  readonly name?: string
  /** Names for axes of inputs and outputs that the file shall leave open: `axisNames.sample = ['batch']` opens axis 0. */
  readonly axisNames?: Readonly<Record<string, readonly (string | undefined)[]>>
  /** The order in which calls are listed, each after all it needs. Default: as they are reached from the outputs. */
  readonly order?: (nodes: readonly Node[]) => readonly Node[]
  /** Name of a further output, before all others: an empty sequence of float32 tensors. Default: none. */
  readonly emptySequence?: string
}

/** Constants up to this many elements are written once however often they are made. */
const SHARED_CONSTANT_SIZE = 64

/**
 * A graph as a file for others: composites expanded, constants folded, equal calls merged, standard operators only.
 * @example await writeFile('model.onnx', encodeModel(bind(graph, weights), { name: 'unet' }))
 */
export function encodeModel(graph: Graph, options: EncodeOptions = {}): Uint8Array {
  return encode(simplify(expandComposites(graph)), options)
}

/**
 * ONNX bytes of a graph whose composites have been expanded (`expandComposites`).
 * Throws an internal error on a composite or an input that is not among `graph.inputs`.
 */
export function encode(graph: Graph, options: EncodeOptions = {}): Uint8Array {
  const { nodes: reached, outputs } = ownOutputs(graph)
  const nodes = options.order?.(reached) ?? reached
  const names = new Names(graph, outputs)
  const body = new ProtoWriter()
  const { emptySequence } = options
  if (emptySequence !== undefined) {
    body.message(GRAPH.node, (writer) => writer.string(NODE.output, emptySequence).string(NODE.opType, 'SequenceEmpty'))
  }
  for (const node of nodes) body.message(GRAPH.node, (writer) => writeNode(writer, node, names))
  body.string(GRAPH.name, options.name ?? 'graph')
  for (const value of outputs.values()) names.of(value)
  for (const [name, value] of names.constants)
    body.message(GRAPH.initializer, (writer) => writeTensor(writer, value, name))
  for (const [name, value] of Object.entries(graph.inputs)) {
    body.message(GRAPH.input, (writer) => writeValueInfo(writer, name, value, options.axisNames?.[name]))
  }
  if (emptySequence !== undefined) body.message(GRAPH.output, (writer) => writeSequenceInfo(writer, emptySequence))
  for (const [name, value] of outputs) {
    body.message(GRAPH.output, (writer) => writeValueInfo(writer, name, value, options.axisNames?.[name]))
  }
  const model = new ProtoWriter().int(MODEL.irVersion, IR_VERSION).string(MODEL.producerName, 'bilevel-diffusion')
  model.blob(MODEL.graph, body.finish())
  const domains = [...new Set(['', ...nodes.map((node) => node.operator.domain)])]
  for (const domain of domains.toSorted()) {
    const version = domain === '' ? OPSET_VERSION : 1
    model.message(MODEL.opsetImport, (writer) => writer.string(OPSET.domain, domain).int(OPSET.version, version))
  }
  return model.finish()
}

/** In ONNX every graph output needs a node output of its own: passes inputs, constants and repeats through Identity. */
function ownOutputs(graph: Graph): { nodes: Node[]; outputs: Map<string, SymbolicTensor> } {
  const used = new Set<SymbolicTensor>()
  const outputs = new Map<string, SymbolicTensor>()
  for (const [name, value] of Object.entries(graph.outputs)) {
    const own = value.source.kind === 'node' && !used.has(value)
    const output = own ? value : apply(identityOperator, [value], {})[0]
    used.add(output)
    outputs.set(name, output)
  }
  return { nodes: nodesOf([...outputs.values()]), outputs }
}

/** Gives every tensor its name. Numbered names avoid those of the graph's inputs and outputs. */
class Names {
  readonly constants = new Map<string, Tensor>()
  private readonly names = new Map<SymbolicTensor, string>()
  private readonly taken: Set<string>
  private readonly shared = new Map<string, string>()
  private count = 0

  constructor(graph: Graph, outputs: ReadonlyMap<string, SymbolicTensor>) {
    this.taken = new Set([...Object.keys(graph.inputs), ...outputs.keys()])
    for (const [name, value] of Object.entries(graph.inputs)) this.names.set(value, name)
    for (const [name, value] of outputs) this.names.set(value, name)
  }

  of(value: SymbolicTensor): string {
    let name = this.names.get(value)
    if (name === undefined) {
      if (value.source.kind === 'input')
        throw internalError(`'${value.source.name}' is not an input of the encoded graph`)
      name = value.constant ? this.ofConstant(value.constant) : this.fresh('v')
      this.names.set(value, name)
    }
    return name
  }

  private ofConstant(value: Tensor): string {
    const key =
      value.data.length <= SHARED_CONSTANT_SIZE ? `${value.dtype} ${value.shape} ${bytesOf(value).join()}` : undefined
    const known = key === undefined ? undefined : this.shared.get(key)
    if (known !== undefined) return known
    const name = this.fresh('c')
    this.constants.set(name, value)
    if (key !== undefined) this.shared.set(key, name)
    return name
  }

  private fresh(prefix: string): string {
    let name: string
    do name = `${prefix}${this.count++}`
    while (this.taken.has(name))
    return name
  }
}

function writeNode(writer: ProtoWriter, node: Node, names: Names): void {
  const { operator, inputs, outputs, attributes } = node
  if (operator.expand) throw internalError(`composite ${operator.name} must be expanded before encoding`)
  const last = inputs.findLastIndex((value) => value !== null)
  for (const value of inputs.slice(0, last + 1)) writer.string(NODE.input, value === null ? '' : names.of(value))
  for (const value of outputs) writer.string(NODE.output, names.of(value))
  writer.string(NODE.opType, operator.name)
  for (const [name, { kind }] of Object.entries(operator.attributes)) {
    const value = attributes[name]
    if (value !== undefined) writer.message(NODE.attribute, (nested) => writeAttribute(nested, name, kind, value))
  }
  if (operator.domain !== '') writer.string(NODE.domain, operator.domain)
}

function writeAttribute(writer: ProtoWriter, name: string, kind: AttributeKind, value: Attribute): void {
  writer.string(ATTRIBUTE.name, name)
  if (kind === 'int' && typeof value === 'number') writer.int(ATTRIBUTE.i, value)
  else if (kind === 'float' && typeof value === 'number') writer.float(ATTRIBUTE.f, value)
  else if (kind === 'string' && typeof value === 'string') writer.string(ATTRIBUTE.s, value)
  else if (kind === 'ints' && isNumbers(value)) writer.packedInts(ATTRIBUTE.ints, value)
  else if (kind === 'floats' && isNumbers(value)) writer.packedFloats(ATTRIBUTE.floats, value)
  else if (kind === 'tensor' && typeof value === 'object' && !isNumbers(value)) {
    writer.message(ATTRIBUTE.t, (nested) => writeTensor(nested, value, name))
  } else throw internalError(`attribute '${name}' is declared ${kind} but holds ${typeof value}`)
  writer.int(ATTRIBUTE.type, ATTRIBUTE_TYPES[kind])
}

const isNumbers = (value: Attribute): value is readonly number[] => Array.isArray(value)

function writeTensor(writer: ProtoWriter, value: Tensor, name: string): void {
  writer.packedInts(TENSOR.dims, value.shape).int(TENSOR.dataType, DATA_TYPES[value.dtype])
  writer.string(TENSOR.name, name).blob(TENSOR.rawData, bytesOf(value))
}

function writeValueInfo(
  writer: ProtoWriter,
  name: string,
  type: TensorType,
  axisNames: readonly (string | undefined)[] = [],
): void {
  writer.string(VALUE_INFO.name, name).message(VALUE_INFO.type, (nested) => {
    nested.message(TYPE.tensorType, (tensor) => {
      tensor.int(TYPE.elemType, DATA_TYPES[type.dtype])
      tensor.message(TYPE.shape, (shape) => writeAxes(shape, type.shape, axisNames))
    })
  })
}

function writeSequenceInfo(writer: ProtoWriter, name: string): void {
  writer.string(VALUE_INFO.name, name).message(VALUE_INFO.type, (nested) => {
    nested.message(TYPE.sequenceType, (sequence) => {
      sequence.message(TYPE.elemType, (element) => {
        element.message(TYPE.tensorType, (tensor) => tensor.int(TYPE.elemType, DATA_TYPES.float32))
      })
    })
  })
}

function writeAxes(writer: ProtoWriter, shape: Shape, axisNames: readonly (string | undefined)[]): void {
  shape.forEach((extent, axis) => {
    const name = axisNames[axis]
    writer.message(TYPE.dim, (dim) => (name ? dim.string(TYPE.dimParam, name) : dim.int(TYPE.dimValue, extent)))
  })
}

function bytesOf({ data }: Tensor): Uint8Array {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
}
