/**
 * An ONNX model as a graph of the project's own operators, for given shapes of its inputs: function bodies inlined, branches whose condition is known
 * taken, arithmetic on shapes folded, what nothing needs left out.
 */
import type { NamedTensors, Shape, Tensor } from '../../base/index.ts'
import { BilevelError, inputError } from '../../base/index.ts'
import type { Graph, Node } from '../../graph/index.ts'
import { constant, frozenWeights, input, SymbolicTensor } from '../../graph/index.ts'
import { AttributeReader } from './attributes.ts'
import { carriedAs, typeName } from './elementTypes.ts'
import { groupedNames } from './groupedNames.ts'
import { importNode, isKnown, operatorName } from './importNode.ts'
import type {
  OnnxAttributeValue,
  OnnxFunction,
  OnnxGraph,
  OnnxModel,
  OnnxNode,
  OnnxTensor,
  OnnxValue,
} from './model.ts'
import { functionKey } from './model.ts'
import { labelOf, neededNodes } from './order.ts'
import type { ExternalFiles } from './tensorData.ts'
import { tensorData } from './tensorData.ts'

export interface DecodeOptions {
  /** Shapes of inputs by name; those whose file says every extent may be left out. */
  readonly shapes?: Readonly<Record<string, Shape>>
  /** Inputs that are known beforehand, and are no inputs of the graph. */
  readonly values?: NamedTensors
  /** Initializers that are to be inputs of the graph, for derivatives in them. Their values come back as `weights`. */
  readonly weights?: readonly string[]
  /** Files beside the model's by the paths that it names. */
  readonly files?: ExternalFiles
  /** The outputs that are wanted; default all. */
  readonly outputs?: readonly string[]
}

/** A decoded model. */
export interface DecodedModel {
  readonly graph: Graph
  /** Values of the initializers that are inputs. */
  readonly weights: NamedTensors
  /** What the file calls the node that a call of the graph was made for. */
  readonly nameOf: (node: Node) => string
}

/** A node that cannot be brought in. */
interface Refusal {
  readonly operator: string
  readonly node: string
  /** Absent: there is no such operator here. */
  readonly why?: string
}

/** What stands for a tensor that a refused node would have made. */
const LOST = Symbol('lost')
type Value = SymbolicTensor | null | typeof LOST

/** What names mean in one graph of the file: the model's, a branch's, a function's. */
interface Scope {
  readonly values: Map<string, Value>
  readonly initializers: ReadonlyMap<string, OnnxTensor>
  readonly opsets: ReadonlyMap<string, number>
  /** Attributes of the call, in a function. */
  readonly given?: ReadonlyMap<string, OnnxAttributeValue>
  /** Where names are looked for that it does not hold. */
  readonly outer?: Scope
  /** Put before the names of nodes. */
  readonly path: string
  /** Keys of the functions that are being inlined. */
  readonly inside: readonly string[]
}

/**
 * Decodes a model for given shapes.
 * @throws `onnx.inputs` on wrong names or shapes; `onnx.graph` on a broken graph; `onnx.operators`, which lists every node that cannot be brought
 * in; `onnx.tensor` on an initializer that is not whole
 * @example decode(readModel(bytes), { shapes: { x: [4, 1, 28, 28], t: [4] } }).graph
 */
export function decode(model: OnnxModel, options: DecodeOptions = {}): DecodedModel {
  return new Decoder(model, options).decode()
}

class Decoder {
  private readonly refusals: Refusal[] = []
  private readonly names = new Map<Node, string>()
  private readonly weights: Record<string, Tensor> = {}
  private readonly model: OnnxModel
  private readonly options: DecodeOptions
  private readonly files: ExternalFiles

  constructor(model: OnnxModel, options: DecodeOptions) {
    this.model = model
    this.options = options
    this.files = options.files ?? {}
  }

  decode(): DecodedModel {
    const { graph, opsets } = this.model
    const wanted = wantedOutputs(graph, this.options.outputs)
    const inputs = this.inputs(graph)
    const values = new Map<string, Value>(Object.entries(inputs))
    for (const [name, value] of Object.entries(this.options.values ?? {})) values.set(name, constant(value))
    const scope: Scope = { values, initializers: graph.initializers, opsets, path: '', inside: [] }
    for (const name of this.options.weights ?? []) this.openWeight(scope, name)
    this.run(scope, graph.nodes, wanted)
    const found = wanted.map((name) => [name, this.lookUp(scope, name, 'the model')] as const)
    this.refuseLost(found)
    const outputs = Object.fromEntries(found.map(([name, value]) => [name, value as SymbolicTensor]))
    const weights = this.weights
    const opened = Object.fromEntries(Object.keys(weights).map((name) => [name, values.get(name) as SymbolicTensor]))
    return {
      graph: { inputs: { ...inputs, ...opened }, outputs },
      weights,
      nameOf: (node) => this.names.get(node) ?? node.operator.name,
    }
  }

  /** The graph's inputs; an initializer among a file's inputs is its default, and stays one. */
  private inputs(graph: OnnxGraph): Record<string, SymbolicTensor> {
    const { shapes = {}, values = {} } = this.options
    const open = graph.inputs.filter(({ name }) => !graph.initializers.has(name))
    const names = open.map(({ name }) => name)
    const unknown = [...Object.keys(shapes), ...Object.keys(values)].find((name) => !names.includes(name))
    if (unknown !== undefined) {
      throw inputError(
        'onnx.inputs',
        `the model has no input '${unknown}'; its inputs are ${names.join(', ') || 'none'}`,
      )
    }
    const left = open.filter(({ name }) => !Object.hasOwn(values, name))
    return Object.fromEntries(left.map((value) => [value.name, openInput(value, shapes[value.name])]))
  }

  private openWeight(scope: Scope, name: string): void {
    const source = scope.initializers.get(name)
    if (!source)
      throw inputError('onnx.inputs', `the model has no initializer '${name}' whose derivative could be taken`)
    const value = tensorData(source, this.files)
    this.weights[name] = value
    scope.values.set(name, input(name, value.shape, value.dtype))
  }

  /** Brings in the nodes that the wanted names need. */
  private run(scope: Scope, nodes: readonly OnnxNode[], wanted: readonly string[]): void {
    const needed = neededNodes(nodes, wanted)
    const used = new Set([...wanted, ...needed.flatMap((node) => node.inputs)])
    for (const node of needed) this.runNode(scope, node, used)
  }

  private runNode(scope: Scope, node: OnnxNode, used: ReadonlySet<string>): void {
    const label = scope.path + labelOf(node)
    const inputs = node.inputs.map((name) => (name === '' ? null : this.lookUp(scope, name, label)))
    const outputs = this.outputsOf(scope, node, inputs, used, label)
    node.outputs.forEach((name, i) => {
      if (name !== '') scope.values.set(name, outputs === LOST ? LOST : (outputs[i] ?? LOST))
    })
  }

  private outputsOf(
    scope: Scope,
    node: OnnxNode,
    inputs: readonly Value[],
    used: ReadonlySet<string>,
    label: string,
  ): readonly (Value | undefined)[] | typeof LOST {
    const { domain, operator, overload } = node
    const body = this.model.functions.get(functionKey(domain, operator, overload))
    const opset = scope.opsets.get(domain) ?? 0
    const branches = domain === '' && operator === 'If'
    if (!body && !branches && !isKnown(domain, operator, opset)) {
      this.refusals.push({
        operator: operatorName(domain, operator),
        node: label,
        ...whyUnknown(domain, operator, scope),
      })
      return LOST
    }
    if (inputs.includes(LOST)) return LOST
    const known = inputs as (SymbolicTensor | null)[]
    try {
      if (body) return this.inline(scope, node, body, known, label)
      if (branches) return this.branch(scope, node, known, label)
      const attributes = new AttributeReader(givenAttributes(scope, node), this.files)
      const wanted = node.outputs.map((name) => name !== '' && used.has(name))
      const outputs = importNode({ operator, domain, opset, inputs: known, attributes, outputs: wanted })
      this.name(outputs, label)
      const absent = wanted.findIndex((needed, i) => needed && !outputs[i])
      if (absent !== -1) throw inputError('onnx.operator', `its output ${absent + 1} is not offered`)
      return outputs
    } catch (error) {
      if (!(error instanceof BilevelError) || error.kind !== 'input') throw error
      // Whose line called the shape rule says nothing here: it is this file's.
      const why = error.message.replace(/ \(at [^()]*\)$/, '')
      this.refusals.push({ operator: operatorName(domain, operator), node: label, why })
      return LOST
    }
  }

  /** What the file calls the calls that were made for a node: those that have no name yet. */
  private name(outputs: readonly (SymbolicTensor | undefined)[], label: string): void {
    const fresh = outputs.flatMap((value) => (value?.source.kind === 'node' ? [value.source.node] : []))
    while (fresh.length > 0) {
      const node = fresh.pop()!
      if (this.names.has(node)) continue
      this.names.set(node, label)
      for (const value of node.inputs) if (value?.source.kind === 'node') fresh.push(value.source.node)
    }
  }

  /** The branch of an `If` whose condition is known. */
  private branch(
    scope: Scope,
    node: OnnxNode,
    [condition]: readonly (SymbolicTensor | null)[],
    label: string,
  ): Value[] {
    const value = condition?.constant
    if (!value) {
      throw inputError(
        'onnx.operator',
        "its condition depends on the network's inputs; only branches that shapes decide are taken",
      )
    }
    const taken = Number(value.data[0]) !== 0 ? 'then_branch' : 'else_branch'
    const graph = new AttributeReader(node.attributes, this.files).graph(taken)
    const inner: Scope = {
      ...scope,
      values: new Map(),
      initializers: graph.initializers,
      outer: scope,
      path: `${label}/`,
    }
    const names = graph.outputs.map(({ name }) => name)
    this.run(inner, graph.nodes, names)
    return names.map((name) => this.lookUp(inner, name, label))
  }

  /** The body of a function of the file in place of its call. */
  private inline(
    scope: Scope,
    node: OnnxNode,
    body: OnnxFunction,
    inputs: readonly (SymbolicTensor | null)[],
    label: string,
  ): Value[] {
    const key = functionKey(node.domain, node.operator, node.overload)
    if (scope.inside.includes(key)) throw inputError('onnx.graph', `the function ${node.operator} calls itself`)
    const inner: Scope = {
      values: new Map(body.inputs.map((name, i) => [name, inputs[i] ?? null])),
      initializers: new Map(),
      opsets: body.opsets,
      given: new Map([...body.defaults, ...givenAttributes(scope, node)]),
      path: `${label}/`,
      inside: [...scope.inside, key],
    }
    this.run(inner, body.nodes, body.outputs)
    return body.outputs.map((name) => this.lookUp(inner, name, label))
  }

  private lookUp(scope: Scope, name: string, user: string): Value {
    for (let at: Scope | undefined = scope; at; at = at.outer) {
      const value = at.values.get(name)
      if (value !== undefined) return value
      const source = at.initializers.get(name)
      if (!source) continue
      const read = initializer(tensorData(source, this.files))
      at.values.set(name, read)
      return read
    }
    throw inputError('onnx.graph', `${user} uses '${name}', which nothing makes`)
  }

  private refuseLost(found: readonly (readonly [string, Value])[]): void {
    const [first] = this.refusals
    if (!first) {
      const [absent] = found.find(([, value]) => !(value instanceof SymbolicTensor)) ?? []
      if (absent === undefined) return
      throw inputError('onnx.graph', `the output '${absent}' is an input that the call leaves out`)
    }
    throw refusalError(this.refusals)
  }
}

/** Weights are packed and folded by engines; integers say shapes and places. */
const initializer = (value: Tensor): SymbolicTensor =>
  value.dtype.startsWith('float') ? frozenWeights(value) : constant(value)

/** The attributes of a node; in a function those that stand for attributes of the call are replaced by them. */
function givenAttributes({ given }: Scope, { attributes }: OnnxNode): ReadonlyMap<string, OnnxAttributeValue> {
  if (!given) return attributes
  const entries = [...attributes].flatMap(([name, value]): [string, OnnxAttributeValue][] => {
    if (value.kind !== 'reference') return [[name, value]]
    const meant = given.get(value.value)
    return meant ? [[name, meant]] : []
  })
  return new Map(entries)
}

function openInput({ name, dataType, axes, other }: OnnxValue, asked: Shape | undefined): SymbolicTensor {
  const refuse = (why: string) => inputError('onnx.inputs', `the input '${name}' ${why}`)
  if (other || !dataType) throw refuse(`is ${other ? `a ${other}` : 'of no type'}; only tensors are taken`)
  const declared = axes?.map((extent) => (typeof extent === 'number' ? extent : extent || '?'))
  const wanted = `${typeName(dataType)}${declared ? `[${declared}]` : ''}`
  const shape = asked ?? axes
  if (!shape?.every((extent) => typeof extent === 'number')) {
    throw refuse(`is ${wanted}: give its shape, with a number for each open axis`)
  }
  const fits = !axes || (axes.length === shape.length && axes.every((e, i) => typeof e === 'string' || e === shape[i]))
  if (!fits) throw refuse(`must be ${wanted}, got [${shape}]`)
  try {
    return input(name, shape, carriedAs(dataType))
  } catch (error) {
    throw error instanceof BilevelError ? error : refuse(`is ${wanted}: ${(error as Error).message}`)
  }
}

function wantedOutputs(graph: OnnxGraph, asked: readonly string[] | undefined): readonly string[] {
  const names = graph.outputs.map(({ name }) => name)
  const unknown = asked?.find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw inputError('onnx.inputs', `the model has no output '${unknown}'; its outputs are ${names.join(', ')}`)
  }
  const wanted = asked ?? names
  if (wanted.length === 0) throw inputError('onnx.graph', 'a model must have outputs, this one has none')
  return wanted
}

const CONTROL_FLOW = ['Loop', 'Scan']

/** What to say of an operator that is not known, beside its name. */
function whyUnknown(domain: string, operator: string, { opsets }: Scope): { why?: string } {
  if (domain === '' && CONTROL_FLOW.includes(operator))
    return { why: 'loops are not unrolled; export the network without them' }
  if (domain === '' && /Sequence|^Optional/.test(operator)) return { why: 'only tensors are taken, no lists of them' }
  if (!opsets.has(domain)) return { why: `the file does not say which version of the operator set '${domain}' it uses` }
  return {}
}

function refusalError(refusals: readonly Refusal[]): BilevelError {
  const named = groupedNames(refusals.map(({ operator, node, why }) => ({ group: operator, node, why })))
  return inputError(
    'onnx.operators',
    `every operator of the model must be one that this project has; it has not: ${named.join('; ')}`,
  )
}
