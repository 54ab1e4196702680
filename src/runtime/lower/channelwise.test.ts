import { describe, expect, it } from 'vitest'
import type { Graph, Named, SymbolicTensor } from '../../graph/index.ts'
import {
  add,
  batchNormTraining,
  bind,
  conv,
  evaluate,
  groupNorm,
  mul,
  nodesOf,
  reduceSum,
  silu,
  trace,
  vjp,
} from '../../graph/index.ts'
import { compile } from '../compile.ts'
import { splitGraph } from '../split.ts'
import { drawFeeds, expectClose } from './convolution.fixture.ts'
import { lowerForCpu } from './cpu.ts'
import { inStandardOperators } from './engineOperators.fixture.ts'

const FLOAT32 = 2e-5
/** Float64, but for epsilons and means that are constants in float32. */
const FLOAT64 = 1e-8
const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
const same = { padding: 1 }

const types = {
  x: float(3, 16, 4, 6),
  w: float(32, 16, 3, 3),
  v: float(16, 32, 3, 3),
  scale: float(32),
  bias: float(32),
  shift: float(3, 32, 1, 1),
  g: float(3, 16, 4, 6),
}

/** conv, what stands between, conv; with all derivatives. */
const between = (f: (x: SymbolicTensor, v: Named) => SymbolicTensor): Graph =>
  trace<string, string>(types, (v) => {
    const y = conv(f(conv(v.x, v.w, same), v), v.v, same)
    const names = ['x', 'w', 'v', 'scale', 'bias', 'shift']
    const gradients = vjp(
      [y],
      [v.g],
      names.map((name) => v[name]),
    )
    return { y, ...Object.fromEntries(names.map((name, i) => [`d${name}`, gradients[i]])) }
  })

const GRAPHS: [string, Graph][] = [
  ['group norm and SiLU', between((x, v) => silu(groupNorm(x, { groups: 8, scale: v.scale, bias: v.bias })))],
  ['batch norm and SiLU', between((x, v) => silu(batchNormTraining(x, { scale: v.scale, bias: v.bias }).y))],
  [
    'a residual block',
    between((x, v) => {
      const inside = silu(add(groupNorm(x, { groups: 4, scale: v.scale, bias: v.bias }), v.shift))
      return add(x, conv(conv(inside, v.v, same), v.w, same))
    }),
  ],
  ['numbers per image and channel', between((x, v) => mul(add(x, v.shift), v.shift))],
]

const feedsOf = (graph: Graph) => drawFeeds(graph)

const namesOf = (graph: Graph) =>
  nodesOf(Object.values(graph.outputs)).map(({ operator: { domain, name } }) => `${domain}:${name}`)
const count = (graph: Graph, name: string) => namesOf(graph).filter((one) => one === name).length

describe.each(GRAPHS)('%s between convolutions', (_, graph) => {
  it.each([8, 16])('in blocks of %d, the engine’s operators spelled out', (block) => {
    const feeds = feedsOf(graph)
    const plain = inStandardOperators(lowerForCpu(graph, block), block)
    expectClose(evaluate(plain, feeds), evaluate(graph, feeds), FLOAT64)
  })

  it.each([1, 2])('on the engine, %d threads', async (threads) => {
    const feeds = feedsOf(graph)
    const program = await compile(graph, { threads })
    expectClose(await program.run(feeds), evaluate(graph, feeds), FLOAT32)
    await program.dispose()
  })
})

describe('the gradient of group norm between convolutions', () => {
  const [, graph] = GRAPHS[0]

  it('writes no product that is summed, and needs no affine map of one thread', () => {
    const lowered = lowerForCpu(graph, 16)
    expect(count(lowered, ':BatchNormalization')).toBe(0)
    expect(count(lowerForCpu(graph, undefined), ':BatchNormalization')).toBeGreaterThan(0)
    const summed = nodesOf(Object.values(lowered.outputs)).filter(({ operator: { name }, inputs: [x] }) => {
      const from = x?.source.kind === 'node' ? x.source.node.operator.name : ''
      return name === 'ReduceSum' && from === 'Mul' && x!.rank === 4
    })
    expect(summed).toEqual([])
  })
})

describe('a sum', () => {
  const twice = trace<string, string>(types, (v) => {
    const y = conv(v.x, v.w, same)
    const z = conv(mul(v.x, 2), v.w, same)
    return { y, sum: add(y, z), total: reduceSum(add(y, z), [2, 3]) }
  })

  it('is added by the convolution that nothing else takes, and leaves the other as it was', async () => {
    const lowered = lowerForCpu(twice, 16)
    const convolutions = nodesOf(Object.values(lowered.outputs)).filter(({ operator }) => operator.name === 'Conv')
    expect(convolutions.map(({ inputs }) => inputs.length).sort()).toEqual([2, 4])
    const feeds = feedsOf(twice)
    expectClose(evaluate(inStandardOperators(lowered, 16), feeds), evaluate(twice, feeds), FLOAT64)
    const program = await compile(twice, { threads: 2 })
    for (let run = 0; run < 2; run++) expectClose(await program.run(feeds), evaluate(twice, feeds), FLOAT32)
    await program.dispose()
  })
})

describe('two programs', () => {
  it('hand on what is kept as it lies, with the same result as one', async () => {
    const [, graph] = GRAPHS[0]
    const { dx } = graph.outputs
    const feeds = feedsOf(graph)
    const { w, v, scale, bias } = feeds
    const frozen = bind({ inputs: graph.inputs, outputs: { y: graph.outputs.y, dx } }, { w, v, scale, bias })
    const { first, second, kept } = splitGraph(frozen, ['g'])
    const image = kept.filter((name) => first.outputs[name].rank === 4)
    expect(image.length).toBeGreaterThan(0)
    const later = lowerForCpu(second, 16)
    for (const name of image) {
      const takers = nodesOf(Object.values(later.outputs)).filter(({ inputs }) => inputs.includes(later.inputs[name]))
      expect(takers.map(({ operator }) => operator.name)).not.toContain('ReorderInput')
    }
    const programs = await Promise.all([first, second].map((part) => compile(part, { threads: 1 })))
    const early = await programs[0].run(feeds)
    const late = await programs[1].run({ ...feeds, ...early })
    expectClose({ dx: late.dx, y: early.y }, evaluate(frozen, feeds), FLOAT32)
    await Promise.all(programs.map((program) => program.dispose()))
  })
})
