/** What was found of an ONNX file, for a person. */
import { describedFile, shownOnnx } from '../show/onnxFile.ts'
import type { OnnxCheck, UnsupportedOperator } from './run.ts'

type Row = readonly [name: string, value: string]

/** For a person. */
export function checkText(path: string, check: OnnxCheck): string {
  const { json, file, graph, notes } = check
  const given = Object.entries(graph?.inputs ?? {}).map(([name, { dtype, shape }]) => `${name} ${dtype}[${shape}]`)
  const rows: readonly Row[] = [
    ...describedFile(shownOnnx(file.model)),
    ...(graph ? [['given', given.join(', ')] as const] : []),
    ...json.unsupported.map((one) => ['missing', missingText(one)] as const),
    ...(graph && json.unsupported.length === 0 ? measuredRows(check) : []),
  ]
  const lines = rows.map(([name, value]) => `  ${name.padEnd(11)}${value}`)
  return [path, ...lines, ...notes.map((note) => `note: ${note}`)].join('\n')
}

function measuredRows({ json, variables }: OnnxCheck): readonly Row[] {
  const { maxRelativeError, output, gradient } = json
  const derivative =
    variables.length === 0
      ? 'there is nothing to differentiate in'
      : `in ${variables.join(', ')}: ${offBy(maxRelativeError)} central differences`
  return [
    ['derivative', derivative],
    ...(output ? [['output', `${offBy(output.maxRelativeError)} the given one`] as const] : []),
    ...(gradient ? [['gradient', `${offBy(gradient.maxRelativeError)} the given one`] as const] : []),
  ]
}

const offBy = (error: number | null): string =>
  error === null || Number.isNaN(error) ? 'not to be compared with' : `off by ${error.toExponential(1)} from`

/** Nodes named of an operator at most. */
const NAMED = 5

/** `Einsum (/a, /b, 3 more): why` */
export function missingText({ operator, nodes, reason }: UnsupportedOperator): string {
  const more = nodes.length > NAMED ? [`${nodes.length - NAMED} more`] : []
  return `${operator} (${[...nodes.slice(0, NAMED), ...more].join(', ')}): ${reason}`
}
