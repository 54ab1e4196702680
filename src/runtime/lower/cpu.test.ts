import { describe, expect, it } from 'vitest'
import type { Shape } from '../../base/index.ts'
import { float32, randomStream, sizeOf } from '../../base/index.ts'
import type { Graph, Named, SymbolicTensor } from '../../graph/index.ts'
import { evaluate, matmul, nodesOf, silu, trace, transpose, vjp } from '../../graph/index.ts'
import { compile } from '../compile.ts'
import { lowerForCpu } from './cpu.ts'

const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
const operatorsOf = (graph: Graph) => nodesOf(Object.values(graph.outputs)).map(({ operator }) => operator.name)

const draw = (name: string, shape: Shape, scale: number) =>
  float32(
    randomStream({ seed: 8, purpose: name })
      .normal(new Float32Array(sizeOf(shape)))
      .map((value) => value * scale),
    shape,
  )

async function expectParity(graph: Graph, scale = 1): Promise<void> {
  const feeds = Object.fromEntries(
    Object.entries(graph.inputs).map(([name, { shape }]) => [name, draw(name, shape, scale)]),
  )
  const truth = evaluate(graph, feeds)
  const program = await compile(graph, { threads: 1 })
  const results = await program.run(feeds)
  await program.dispose()
  for (const [name, { data }] of Object.entries(truth)) {
    const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
    data.forEach((value, i) => {
      expect(Math.abs(Number(results[name].data[i]) - value), `${name}[${i}]`).toBeLessThan(1e-5 * largest)
    })
  }
}

describe('SiLU', () => {
  const graph = trace({ x: float(7, 33), g: float(7, 33) }, ({ x, g }: Record<'x' | 'g', SymbolicTensor>) => {
    const y = silu(x)
    return { y, dx: vjp([y], [g], [x])[0] }
  })

  it('and its gradient share the one-pass product', () => {
    expect(operatorsOf(lowerForCpu(graph, undefined)).sort()).toEqual([
      'Add',
      'Mul',
      'Mul',
      'QuickGelu',
      'Sigmoid',
      'Sub',
    ])
  })

  it.each([1, 10, 60])('equals the reference at inputs of size %d', (scale) => expectParity(graph, scale))
})

describe('matrix products of transposes', () => {
  const cases: [string, Record<string, readonly number[]>, (v: Named) => SymbolicTensor, string[]][] = [
    ['right', { a: [3, 4], b: [5, 4] }, ({ a, b }) => matmul(a, transpose(b, [1, 0])), ['FusedMatMul']],
    [
      'left, in stacks',
      { a: [2, 3, 4, 6], b: [2, 3, 4, 5] },
      ({ a, b }) => matmul(transpose(a, [0, 1, 3, 2]), b),
      ['FusedMatMul'],
    ],
    [
      'both',
      { a: [2, 4, 3], b: [2, 5, 4] },
      ({ a, b }) => matmul(transpose(a, [0, 2, 1]), transpose(b, [0, 2, 1])),
      ['FusedMatMul'],
    ],
    [
      'a stack with one matrix',
      { a: [2, 3, 4], b: [5, 4] },
      ({ a, b }) => matmul(a, transpose(b, [1, 0])),
      ['FusedMatMul'],
    ],
    [
      'stacks that broadcast stay plain',
      { a: [2, 1, 3, 4], b: [1, 3, 5, 4] },
      ({ a, b }) => matmul(a, transpose(b, [0, 1, 3, 2])),
      ['MatMul', 'Transpose'],
    ],
    [
      'other axes stay plain',
      { a: [2, 3, 4], b: [4, 2, 5] },
      ({ a, b }) => matmul(a, transpose(b, [1, 0, 2])),
      ['MatMul', 'Transpose'],
    ],
  ]

  it.each(cases)('%s', async (_, shapes, f, operators) => {
    const types = Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [name, float(...shape)]))
    const graph = trace<string, string>(types, (v) => ({ y: f(v) }))
    expect(operatorsOf(lowerForCpu(graph, undefined)).sort()).toEqual(operators)
    await expectParity(graph)
  })
})
