/** The page of operators as text. */
import { allOperators } from '../../src/graph/index.ts'
import { IMPORTERS } from '../../src/onnx/decode/operators/index.ts'

interface Row {
  readonly right: number
  readonly refused: number
  readonly wrong: number
  readonly derivatives: Readonly<Record<string, number>>
  readonly why?: readonly string[]
}

interface Results {
  readonly about: string
  readonly right: number
  readonly refused: number
  readonly wrong: number
  readonly known: Readonly<Record<string, string>>
  /** All operators of the standard domain. */
  readonly standard: readonly string[]
  readonly operators: Readonly<Record<string, Row>>
}

/** What control flow is: the decoder's own. */
const BY_DECODER = ['If']

function derivativeOf(name: string, row: Row | undefined): string {
  const entry = allOperators().find((operator) => operator.domain === '' && operator.name === name)
  if (entry && !(name in IMPORTERS)) return entry.differentiate ? 'yes' : 'none: steps or choices'
  if (row?.derivatives.right) return 'yes'
  return row?.derivatives.refused ? 'none: steps or choices' : ''
}

/** @param json docs/results/operators.json */
export function operatorPage(json: string): string {
  const results = JSON.parse(json) as Results
  const entries = allOperators().filter(({ domain, name }) => domain === '' && results.standard.includes(name))
  const read = new Set([
    ...entries.map(({ name }) => name),
    ...Object.keys(IMPORTERS).filter((name) => !name.includes(':')),
    ...BY_DECODER,
  ])
  const rows = [...read].sort().map((name) => {
    const row = results.operators[name]
    const tests = row ? `${row.right} of ${row.right + row.refused + row.wrong}` : ''
    return `| ${name} | ${name in IMPORTERS ? 'by its importer' : 'as it is'} | ${derivativeOf(name, row)} | ${tests} |`
  })
  const others = Object.keys(IMPORTERS).filter((name) => name.includes(':'))
  const missing = results.standard.filter((name) => !read.has(name))
  return `# Operators of ONNX files

Made by \`npm run docs:operators\` from the code and from \`docs/results/operators.json\` (\`npm run proof:operators\`: ${results.about}; ${results.right} give what must
come out, ${results.refused} are refused, ${results.wrong} differ: ${[...new Set(Object.values(results.known))].filter((why) => why !== 'the same').join('; ')}).

*As it is*: the graph has an operator of that name and form. *By its importer*: the graph's own operators stand for it, in every version from operator set 7 on. *Derivative*: of
float outputs in float inputs, held against central differences. The last column counts ONNX's own tests; what they ask beyond that is refused with a
reason: element types of 8 bits and fewer, texts, lists, dropout in training, columns first, other reductions of scattered elements than sums.

| operator | how | derivative | tests of ONNX |
| --- | --- | --- | --- |
${rows.join('\n')}

Of ONNX Runtime's optimizer: ${others.sort().join(', ').replaceAll('com.microsoft:', '')}.

Not read, each refused by name with the nodes that use it: ${missing.join(', ')}.
`
}
