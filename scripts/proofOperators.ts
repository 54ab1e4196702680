/**
 * Shows which operators of ONNX are read right: every test of a single node that the package onnx brings is decoded, evaluated and, where it is
 * smooth, differentiated.
 *
 *     python scripts/operators/node_tests.py FOLDER
 *     npm run proof:operators -- FOLDER
 *
 * Writes docs/results/operators.json: for each operator how many of its tests give what must come out, how many are refused, and why. Derivatives are
 * held against central differences along one direction; where the two differ, the test's numbers may lie on a kink. Exit code 1 where a number is wrong.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Tensor } from '../src/base/index.ts'
import { BilevelError } from '../src/base/index.ts'
import { compareDerivatives } from '../src/graph/derivativeCheck.fixture.ts'
import type { Graph, Reference } from '../src/graph/index.ts'
import { evaluate, toReference } from '../src/graph/index.ts'
import type { OnnxModel } from '../src/onnx/decode/index.ts'
import { decode, readModel } from '../src/onnx/decode/index.ts'
import { tensorData } from '../src/onnx/decode/tensorData.ts'

interface NodeTest {
  readonly name: string
  readonly operators: readonly string[]
  readonly rtol: number
  readonly atol: number
  /** Why it holds no tensors. */
  readonly other?: string
}

interface Tests {
  readonly onnx: string
  readonly opset: number
  readonly operators: readonly string[]
  readonly tests: readonly NodeTest[]
}

type Tolerance = Pick<NodeTest, 'rtol' | 'atol'>

interface Verdict {
  readonly outcome: 'right' | 'wrong' | 'refused'
  readonly why?: string
  /** Whether the derivative is that of the differences; absent: there is none to take. */
  readonly derivative?: 'right' | 'differs' | 'refused'
}

const [folder, only] = process.argv.slice(2)
if (!folder) {
  console.error('usage: npm run proof:operators -- FOLDER [NAME], a folder of scripts/operators/node_tests.py')
  process.exit(2)
}
const bytes = (name: string) => new Uint8Array(readFileSync(join(folder, name)))
const tests = JSON.parse(readFileSync(join(folder, 'tests.json'), 'utf8')) as Tests

/** Numbers of a test by the names of inputs or outputs. */
function numbersOf({ graph }: OnnxModel, kind: 'input' | 'output'): Record<string, Tensor> {
  const found = [...graph.initializers].filter(([name]) => name.startsWith(`${kind}:`))
  return Object.fromEntries(found.map(([name, value]) => [name.slice(kind.length + 1), tensorData(value)]))
}

const isFloat = ({ dtype }: { readonly dtype: string }) => dtype.startsWith('float')

/** Decoded with its integers known beforehand; where that does not do, with all that it is fed. */
function decoded(model: OnnxModel, inputs: Readonly<Record<string, Tensor>>): Graph {
  const shapes = Object.fromEntries(Object.entries(inputs).map(([name, { shape }]) => [name, shape]))
  const attempt = (isKnown: (value: Tensor) => boolean) => {
    const values = Object.fromEntries(Object.entries(inputs).filter(([, value]) => isKnown(value)))
    const open = Object.fromEntries(Object.entries(shapes).filter(([name]) => !(name in values)))
    return decode(model, { shapes: open, values }).graph
  }
  const ways = [
    (value: Tensor) => !isFloat(value) && value.shape.length < 2,
    (value: Tensor) => !isFloat(value),
    () => true,
  ]
  let last: unknown
  for (const way of ways) {
    try {
      return attempt(way)
    } catch (error) {
      last ??= error
      if (!(error instanceof BilevelError) || !/must follow from initializers|must be constant/.test(error.message))
        throw error
    }
  }
  throw last
}

/** Halves are computed in float32 here, so results differ in their last bits. */
const HALVES = new Map([
  [10, 2 ** -9],
  [16, 2 ** -6],
])

function differing(name: string, result: Reference, truth: Tensor, { rtol, atol }: Tolerance): string | undefined {
  if (result.shape.join() !== truth.shape.join()) return `${name} is [${result.shape}], must be [${truth.shape}]`
  const wanted = toReference(truth).data
  const wrong = wanted.findIndex((value, i) => {
    const got = result.data[i]
    if (Object.is(got, value) || got === value) return false
    return !(Math.abs(got - value) <= atol + (isFloat(truth) ? rtol * Math.abs(value) : 0))
  })
  return wrong < 0 ? undefined : `${name}[${wrong}] is ${result.data[wrong]}, must be ${wanted[wrong]}`
}

function derivativeOf(graph: Graph, feeds: Readonly<Record<string, Tensor>>): Verdict['derivative'] {
  const names = Object.keys(graph.inputs).filter((name) => isFloat(graph.inputs[name]))
  if (names.length === 0 || !Object.values(graph.outputs).some(isFloat)) return undefined
  const numbers = Object.fromEntries(Object.entries(feeds).map(([name, value]) => [name, toReference(value)]))
  try {
    const found = compareDerivatives(graph, numbers, names).filter(({ along }) => along === 'all')
    return found.every(({ error }) => error < 1e-5) ? 'right' : 'differs'
  } catch (error) {
    if (error instanceof BilevelError && error.code === 'graph.derivative') return 'refused'
    throw error
  }
}

function verdictOf(test: NodeTest): Verdict {
  if (test.other) return { outcome: 'refused', why: test.other }
  try {
    const [model, data] = [readModel(bytes(`${test.name}.onnx`)), readModel(bytes(`${test.name}.data.onnx`))]
    const inputs = numbersOf(data, 'input')
    const graph = decoded(model, inputs)
    const feeds = Object.fromEntries(Object.keys(graph.inputs).map((name) => [name, inputs[name]]))
    const results = evaluate(graph, feeds)
    for (const [name, truth] of Object.entries(numbersOf(data, 'output'))) {
      const half = HALVES.get(data.graph.initializers.get(`output:${name}`)?.dataType ?? 0) ?? 0
      const why = differing(name, results[name], truth, {
        rtol: Math.max(test.rtol, half),
        atol: Math.max(test.atol, half),
      })
      if (why) return { outcome: 'wrong', why }
    }
    const derivative = derivativeOf(graph, feeds)
    return { outcome: 'right', ...(derivative && { derivative }) }
  } catch (error) {
    if (error instanceof BilevelError && error.kind === 'input') return { outcome: 'refused', why: error.message }
    throw Object.assign(error as Error, { message: `${test.name}: ${(error as Error).message}` })
  }
}

/** The operator that a test is of: the only one, or the one its name says. */
function subjectOf({ name, operators }: NodeTest): string {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[^a-z0-9]/g, '')
  const named = operators.filter((operator) => plain(name).startsWith(`test${plain(operator)}`))
  return named.sort((a, b) => b.length - a.length)[0] ?? operators.join('+')
}

/** Tests whose numbers are not ours, and why. */
const KNOWN: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['FLOAT_to_UINT4', 'FLOAT16_to_UINT4', 'FLOAT_to_INT4', 'FLOAT16_to_INT4'].map((name) => [
      `test_castlike_${name}`,
      'four bits are carried as 32, so what they cannot hold is not wrapped around',
    ]),
  ),
  test_resize_downsample_scales_linear_align_corners:
    'ONNX takes a fractional extent of the output; ONNX Runtime and this project the real one',
  test_resize_downsample_scales_cubic_align_corners: 'the same',
}

const rows = new Map<
  string,
  { right: number; wrong: number; refused: number; derivatives: Record<string, number>; why: Set<string> }
>()
const wrong: string[] = []
for (const test of tests.tests) {
  if (only && test.name !== only) continue
  const expanded = /_expanded(_|$)/.test(test.name)
  const subject = `${subjectOf(test)}${expanded && test.operators.length > 1 ? ' (in others)' : ''}`
  const row = rows.get(subject) ?? { right: 0, wrong: 0, refused: 0, derivatives: {}, why: new Set() }
  rows.set(subject, row)
  const { outcome, why, derivative } = verdictOf(test)
  row[outcome]++
  if (derivative) row.derivatives[derivative] = (row.derivatives[derivative] ?? 0) + 1
  if (why && outcome === 'refused') row.why.add(why)
  if (outcome === 'wrong') wrong.push(`${test.name}: ${why}`)
  if (derivative === 'differs') console.error(`derivative differs: ${test.name}`)
  if (only) console.log({ outcome, why, derivative })
}
const unexpected = wrong.filter((line) => !(line.split(':')[0] in KNOWN))
for (const line of unexpected) console.error(`wrong: ${line}`)
const all = [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1))
const count = (key: 'right' | 'wrong' | 'refused') => all.reduce((sum, [, row]) => sum + row[key], 0)
console.log(`${count('right')} right, ${count('refused')} refused, ${count('wrong')} wrong`)
if (!only) {
  const record = {
    about: `tests of single nodes of onnx ${tests.onnx}, up to operator set ${tests.opset}`,
    right: count('right'),
    refused: count('refused'),
    wrong: count('wrong'),
    known: KNOWN,
    standard: tests.operators,
    operators: Object.fromEntries(
      all.map(([name, { why, ...row }]) => [name, { ...row, ...(why.size > 0 && { why: [...why].slice(0, 3) }) }]),
    ),
  }
  writeFileSync('docs/results/operators.json', `${JSON.stringify(record, null, 1)}\n`)
}
process.exit(unexpected.length > 0 ? 1 : 0)
