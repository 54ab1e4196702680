/** What was found of an ONNX file, for a person. */
import { describedFile } from '../show/onnxFile.ts'
import type { OnnxCheck } from './run.ts'

/** For a person. */
export function checkText(path: string, { json, file, graph, variables, notes }: OnnxCheck): string {
  const { unsupported, maxRelativeError, output, gradient } = json
  const given = Object.entries(graph?.inputs ?? {}).map(([name, { dtype, shape }]) => `${name} ${dtype}[${shape}]`)
  const rows: [string, string][] = [
    ...describedFile(file.model),
    ...(graph ? ([['given', given.join(', ')]] as [string, string][]) : []),
    ...unsupported.map(({ operator, nodes, reason }): [string, string] => [
      'missing',
      `${operator} (${nodes.slice(0, 5).join(', ')}${nodes.length > 5 ? `, ${nodes.length - 5} more` : ''}): ${reason}`,
    ]),
    ...(graph && unsupported.length === 0
      ? ([
          [
            'derivative',
            variables.length === 0
              ? 'there is nothing to differentiate in'
              : `in ${variables.join(', ')}: ${offBy(maxRelativeError)} central differences`,
          ],
        ] as [string, string][])
      : []),
    ...(output ? ([['output', `${offBy(output.maxRelativeError)} the given one`]] as [string, string][]) : []),
    ...(gradient ? ([['gradient', `${offBy(gradient.maxRelativeError)} the given one`]] as [string, string][]) : []),
  ]
  return [
    path,
    ...rows.map(([name, value]) => `  ${name.padEnd(11)}${value}`),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n')
}

const offBy = (error: number | null): string =>
  error === null || Number.isNaN(error) ? 'not to be compared with' : `off by ${error.toExponential(1)} from`
