/** What `bilevel onnx check` finds: whether a file can be brought in, and whether its outputs and derivatives are right. */
import type { NamedTensors, Tensor } from '../../base/index.ts'
import { BilevelError, failure, inputError, sameShape } from '../../base/index.ts'
import { readNpz } from '../../data/index.ts'
import type { OnnxFile } from '../../files/index.ts'
import { readOnnxFile } from '../../files/index.ts'
import type { Graph, SymbolicTensor } from '../../graph/index.ts'
import { tensorOf } from '../../graph/index.ts'
import type { DecodedModel, Refusal } from '../../onnx/index.ts'
import { decode } from '../../onnx/index.ts'
import { operatorCounts } from '../show/onnxFile.ts'
import { derivativeErrors, relativeError } from './derivative.ts'
import type { GivenValues } from './feeds.ts'
import { feedsFor, givenValues, inputShapes } from './feeds.ts'
import { checkedNetwork, randomCotangent } from './network.ts'
import type { OnnxCheckConfig } from './settings.ts'
import type { Variables } from './variables.ts'
import { nodesWithoutDerivative, variablesOf } from './variables.ts'

/** An operator that a file has and this project has not. */
export interface UnsupportedOperator {
  readonly operator: string
  /** What the file calls its nodes. */
  readonly nodes: readonly string[]
  readonly reason: string
}

interface TensorError {
  readonly maxRelativeError: number | null
}

/** What `--json` prints. */
export interface OnnxCheckJson {
  /** Of the file's graph. */
  readonly nodes: number
  /** How many nodes there are of each, most first. */
  readonly operators: Readonly<Record<string, number>>
  readonly unsupported: readonly UnsupportedOperator[]
  /** Of the derivative against central differences, the largest of all variables; null: there is nothing to differentiate in, or it was not come to. */
  readonly maxRelativeError: number | null
  /** Against `out`; null: not given. */
  readonly output: TensorError | null
  /** Against `grad`; null: not given, or the first input is of whole numbers. */
  readonly gradient: TensorError | null
}

export interface OnnxCheck {
  readonly json: OnnxCheckJson
  readonly file: OnnxFile
  /** How the inputs were given. */
  readonly graph: Graph | null
  readonly variables: readonly string[]
  readonly notes: readonly string[]
}

/** @throws `onnx.*`, `data.*` on a file or inputs that are not as they must be */
export async function checkOnnx(path: string, config: OnnxCheckConfig): Promise<OnnxCheck> {
  const file = await readOnnxFile(path)
  const arrays = config.inputs === null ? {} : await readNpz(config.inputs)
  const given = config.inputs === null ? { inputs: {} } : givenValues(arrays, file.model, config.inputs)
  const shapes = inputShapes(file.model, config.shape, given.inputs)
  const counted = { nodes: file.model.graph.nodes.length, operators: Object.fromEntries(operatorCounts(file.model)) }
  const nothing = { maxRelativeError: null, output: null, gradient: null }
  const decoded = decodedOr(() => decode(file.model, { shapes, files: file.files }))
  if ('refusals' in decoded) {
    const json = { ...counted, unsupported: unsupportedOperators(decoded.refusals), ...nothing }
    return { json, file, graph: null, variables: [], notes: [] }
  }
  const outputName = outputOf(decoded.graph)
  const { graph, names, notes, tables } = variablesIn(decoded.graph, outputName)
  const output = graph.outputs[outputName]
  const missing = nodesWithoutDerivative(
    [output],
    names.map((name) => graph.inputs[name]),
  )
  if (missing.length > 0) {
    const refusals = missing.map((node) => ({
      operator: node.operator.name,
      node: decoded.nameOf(node),
      why: 'it has no derivative',
    }))
    return {
      json: { ...counted, unsupported: unsupportedOperators(refusals), ...nothing },
      file,
      graph,
      variables: names,
      notes,
    }
  }
  const values: NamedTensors = {
    ...given.inputs,
    ...Object.fromEntries([...tables].map(([name, table]) => [name, table.constant!])),
  }
  const measured = await measure({ graph, outputName, names, given, values, seed: config.seed })
  return { json: { ...counted, unsupported: [], ...measured }, file, graph, variables: names, notes }
}

/** An output of whole numbers has no derivative. */
function variablesIn(graph: Graph, outputName: string): Variables {
  const output = graph.outputs[outputName]
  return output.dtype.startsWith('float')
    ? variablesOf(graph, output)
    : { graph, names: [], notes: [], tables: new Map() }
}

interface Measuring {
  readonly graph: Graph
  readonly outputName: string
  readonly names: readonly string[]
  readonly given: GivenValues
  readonly values: NamedTensors
  readonly seed: number
}

async function measure({ graph, outputName, names, given, values, seed }: Measuring) {
  const output = graph.outputs[outputName]
  const feeds = feedsFor(graph, values, seed)
  const cotangent = given.cot ? likeOutput(given.cot, output, 'cot') : randomCotangent(output, seed)
  const network = await checkedNetwork(graph, outputName, names, cotangent)
  try {
    const here = await network.run(feeds)
    requireFinite(here.output, outputName)
    const [first] = Object.keys(graph.inputs)
    const gradient = here.gradients[first]
    const errors = await derivativeErrors(network, feeds, seed)
    const worst = errors.map(({ maxRelativeError }) => maxRelativeError ?? Number.NaN)
    return {
      maxRelativeError: errors.length > 0 ? Math.max(...worst) : null,
      output: given.out ? errorAgainst(here.output, likeOutput(given.out, output, 'out')) : null,
      gradient: given.grad && given.cot && gradient ? errorAgainst(gradient, given.grad) : null,
    }
  } finally {
    await network.dispose()
  }
}

/** The output that is checked: `out`, else the first of floats, else the first. */
function outputOf({ outputs }: Graph): string {
  const names = Object.keys(outputs)
  if (names.includes('out')) return 'out'
  return names.find((name) => outputs[name].dtype.startsWith('float')) ?? names[0]
}

function decodedOr(decoding: () => DecodedModel): DecodedModel | { readonly refusals: readonly Refusal[] } {
  try {
    return decoding()
  } catch (error) {
    if (!(error instanceof BilevelError && error.code === 'onnx.operators')) throw error
    return { refusals: error.cause as readonly Refusal[] }
  }
}

function unsupportedOperators(refusals: readonly Refusal[]): UnsupportedOperator[] {
  const found = new Map<string, { operator: string; nodes: string[]; reason: string }>()
  for (const { operator, node, why = 'there is no such operator here' } of refusals) {
    const key = `${operator} ${why}`
    const same = found.get(key)
    if (same) same.nodes.push(node)
    else found.set(key, { operator, nodes: [node], reason: why })
  }
  return [...found.values()]
}

function likeOutput(value: Tensor, { dtype, shape }: SymbolicTensor, name: string): Tensor {
  if (sameShape(value.shape, shape)) return tensorOf(dtype, shape, Float64Array.from(value.data, Number))
  throw inputError('onnx.inputs', `${name} must be like the network's output [${shape}], got [${value.shape}]`)
}

function errorAgainst(found: Tensor, wanted: Tensor): TensorError {
  if (!sameShape(found.shape, wanted.shape)) {
    throw inputError('onnx.inputs', `grad must be like the first input [${found.shape}], got [${wanted.shape}]`)
  }
  return {
    maxRelativeError: relativeError(Float64Array.from(found.data, Number), Float64Array.from(wanted.data, Number)),
  }
}

function requireFinite({ data }: Tensor, name: string): void {
  const at = Array.from(data, Number).findIndex((value) => !Number.isFinite(value))
  if (at < 0) return
  throw failure(
    'onnx.notFinite',
    `the output '${name}' must be finite to have a derivative, it has ${data[at]} at ${at}; give inputs that the network is made for: --inputs FILE.npz`,
  )
}
