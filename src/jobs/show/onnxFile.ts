/** What an ONNX file says of itself. */
import type { OnnxModel, OnnxValue } from '../../onnx/index.ts'
import { elementTypeName } from '../../onnx/index.ts'

/** Every operator with how many nodes there are of it, most first; domains but the standard one before the name. */
export function operatorCounts({ graph }: OnnxModel): [operator: string, nodes: number][] {
  const counts = new Map<string, number>()
  for (const { domain, operator } of graph.nodes) {
    const name = domain === '' ? operator : `${domain}:${operator}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return [...counts].toSorted(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
}

/** An input or output as `bilevel show --json` has it. */
export interface ShownValue {
  readonly name: string
  /** Null where the file does not say. */
  readonly type: string | null
  /** Extents; a name, or null without one, where an axis is open. Null where the file does not say how many there are. */
  readonly shape: readonly (number | string | null)[] | null
}

export interface ShownOnnx {
  readonly producer: string
  readonly irVersion: number
  /** Version of each operator set; the standard one is called ai.onnx. */
  readonly opsets: Readonly<Record<string, number>>
  readonly inputs: readonly ShownValue[]
  readonly outputs: readonly ShownValue[]
  readonly nodes: number
  readonly operators: Readonly<Record<string, number>>
  /** Functions that the file defines. */
  readonly functions: number
  /** Elements of its initializers. */
  readonly parameters: number
}

/** The inputs that a run is given: initializers among a file's inputs have their values. */
export const openInputs = ({ graph }: OnnxModel): readonly OnnxValue[] =>
  graph.inputs.filter(({ name }) => !graph.initializers.has(name))

export function shownOnnx(model: OnnxModel): ShownOnnx {
  const { producer, irVersion, opsets, graph, functions } = model
  return {
    producer,
    irVersion,
    opsets: Object.fromEntries([...opsets].map(([domain, version]) => [domain || 'ai.onnx', version])),
    inputs: openInputs(model).map(shownValue),
    outputs: graph.outputs.map(shownValue),
    nodes: graph.nodes.length,
    operators: Object.fromEntries(operatorCounts(model)),
    functions: functions.size,
    parameters: [...graph.initializers.values()].reduce((sum, { dims }) => sum + dims.reduce((a, b) => a * b, 1), 0),
  }
}

export const shownValue = ({ name, dataType, axes, other }: OnnxValue): ShownValue => ({
  name,
  type: other ?? (dataType ? elementTypeName(dataType) : null),
  shape: axes?.map((extent) => (extent === '' ? null : extent)) ?? null,
})

/** `x float32[batch,3,32,32]` */
export const valueText = ({ name, type, shape }: ShownValue): string =>
  `${name} ${type ?? 'of no type'}${shape ? `[${shape.map((extent) => extent ?? '?').join(',')}]` : ''}`

/** Operators named in a text at most. */
const NAMED = 24

/** Rows for a person. */
export function describedFile(shown: ShownOnnx): [name: string, value: string][] {
  const { producer, opsets, inputs, outputs, nodes, operators, functions, parameters } = shown
  const counts = Object.entries(operators)
  const more = counts.length > NAMED ? `, ${counts.length - NAMED} more` : ''
  const bodies = functions > 0 ? `, ${functions} functions` : ''
  return [
    ['producer', producer || 'not said'],
    [
      'opset',
      Object.entries(opsets)
        .map(([domain, version]) => (domain === 'ai.onnx' ? `${version}` : `${domain} ${version}`))
        .join(', '),
    ],
    ['inputs', inputs.map(valueText).join(', ') || 'none'],
    ['outputs', outputs.map(valueText).join(', ')],
    ['nodes', `${nodes}${bodies}; ${parameters} parameters`],
    [
      'operators',
      counts
        .slice(0, NAMED)
        .map(([operator, count]) => `${operator} ${count}`)
        .join(', ') + more,
    ],
  ]
}
