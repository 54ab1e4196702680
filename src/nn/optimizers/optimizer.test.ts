import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../base/index.ts'
import { filled, float32 } from '../../base/index.ts'
import type { Graph, TensorType } from '../../graph/index.ts'
import { evaluate, trace } from '../../graph/index.ts'
import { compile } from '../../runtime/index.ts'
import { adam } from './adam.ts'
import { adamw } from './adamw.ts'
import { clipGradient } from './clipGradient.ts'
import type { Optimizer } from './optimizer.ts'
import { sgd } from './sgd.ts'

const float = (...shape: number[]): TensorType => ({ dtype: 'float32', shape })

function mapNames<T>(record: Readonly<Record<string, T>>, rename: (name: string) => string): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [rename(name), value]))
}
const asInputs = <T>(outputs: Readonly<Record<string, T>>) => mapNames(outputs, (name) => name.replace('.next', ''))

/** One update of n weights as a graph. */
function updateGraph(optimizer: Optimizer, n: number): Graph {
  const slotTypes = Object.fromEntries(optimizer.slots.map((name) => [name, float(n)]))
  const types = { weights: float(n), gradient: float(n), learningRate: float(), step: float(), ...slotTypes }
  return trace<string, string>(types, ({ weights, gradient, learningRate, step, ...slots }) => {
    const result = optimizer.update({ weights, gradient, learningRate, step, slots })
    // An ONNX graph has no output under an input's name.
    return mapNames({ weights: result.weights, ...result.slots }, (name) => `${name}.next`)
  })
}

const start = [0.5, -1.25, 2, 0]
const gradients = [
  [0.1, -0.2, 0.3, 1e-4],
  [-0.4, 0.05, 0.2, 0],
  [1.5, -2, 0, -3e-4],
]
const rates = [0.01, 0.02, 0.005]

/** Weights after each of the three steps, by PyTorch 1.13 in float64 with betas (.8, .95), eps 1e-3, momentum .7, decay .1. */
const torch: [Optimizer, number[][]][] = [
  [
    adamw({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1 }),
    [
      [0.4895990099009901, -1.2387997512437812, 1.9880332225913622, -0.000909090909090909],
      [0.5006388404716955, -1.227899732474722, 1.9648617604293623, -0.0017381666774513582],
      [0.49761877214476313, -1.223692842677061, 1.960368312870453, -0.0013296449069928166],
    ],
  ],
  [
    adam({ beta1: 0.8, beta2: 0.95, epsilon: 1e-3, weightDecay: 0.1 }),
    [
      [0.4900662251655629, -1.2400306748466257, 1.9900199600798403, -0.000909090909090909],
      [0.49945785848386753, -1.2241678460160204, 1.9703805547435291, -0.0007984399989960988],
      [0.4964962704059657, -1.2203169957245732, 1.9659034006634506, -0.00015510283490832212],
    ],
  ],
  [
    sgd({ momentum: 0.7, weightDecay: 0.1 }),
    [
      [0.4985, -1.24675, 1.995, -1e-6],
      [0.503403, -1.2407065, 1.98001, -2.398e-6],
      [0.49650932350000004, -1.22902853425, 1.976396745, -1.141451e-6],
    ],
  ],
]

describe.each(torch)('$name', (optimizer, expected) => {
  const graph = updateGraph(optimizer, 4)

  test('float64 evaluation gives PyTorch’s numbers', () => {
    let state: Record<string, { dtype: 'float32'; shape: readonly number[]; data: Float64Array }> = {
      weights: { dtype: 'float32', shape: [4], data: Float64Array.from(start) },
    }
    for (const name of optimizer.slots) state[name] = { dtype: 'float32', shape: [4], data: new Float64Array(4) }
    gradients.forEach((gradient, k) => {
      const reference = (values: number[], shape: number[]) =>
        ({ dtype: 'float32', shape, data: Float64Array.from(values) }) as const
      state = asInputs(
        evaluate(graph, {
          ...state,
          gradient: reference(gradient, [4]),
          learningRate: reference([rates[k]], []),
          step: reference([k + 1], []),
        }),
      ) as typeof state
      // Constants of the graph are float32, which leaves seven digits.
      state.weights.data.forEach((value, i) => {
        expect(Math.abs(value - expected[k][i])).toBeLessThan(2e-7 * (Math.abs(expected[k][i]) + 1e-3))
      })
    })
  })

  test('the compiled update gives them in float32', async () => {
    const program = await compile(graph)
    let state: Record<string, ReturnType<typeof float32>> = { weights: float32(start) }
    for (const name of optimizer.slots) state[name] = filled([4])
    for (const [k, gradient] of gradients.entries()) {
      const feeds = { gradient: float32(gradient), learningRate: float32([rates[k]], []), step: float32([k + 1], []) }
      state = asInputs(await program.run({ ...state, ...feeds })) as typeof state
      state.weights.data.forEach((value, i) => {
        expect(Math.abs(value - expected[k][i])).toBeLessThan(1e-6 * (Math.abs(expected[k][i]) + 1e-2))
      })
    }
    await program.dispose()
  })
})

test('AdamW without decay leaves weights alone where the gradient is zero', () => {
  const graph = updateGraph(adamw({ weightDecay: 0 }), 2)
  const feeds = {
    weights: float32([3, -4]),
    gradient: float32([0, 0]),
    firstMoment: filled([2]),
    secondMoment: filled([2]),
  }
  const { weights } = asInputs(evaluate(graph, { ...feeds, learningRate: float32([0.1], []), step: float32([1], []) }))
  expect([...weights.data]).toEqual([3, -4])
})

test('with a beta of .9999 the first step is the learning rate, in float32 too', async () => {
  const program = await compile(updateGraph(adam({ beta1: 0.9, beta2: 0.9999, epsilon: 1e-12 }), 2))
  const feeds = {
    weights: float32([0, 0]),
    gradient: float32([1e-3, -5]),
    firstMoment: filled([2]),
    secondMoment: filled([2]),
  }
  const { weights } = asInputs(
    await program.run({ ...feeds, learningRate: float32([0.25], []), step: float32([1], []) }),
  )
  expect((weights.data as Float32Array)[0]).toBeCloseTo(-0.25, 6)
  expect((weights.data as Float32Array)[1]).toBeCloseTo(0.25, 6)
  await program.dispose()
})

test('a gradient is clipped to the largest norm as PyTorch does, and a short one is left alone', () => {
  const graph = trace({ g: float(4) }, ({ g }) => ({ long: clipGradient(g, 2), short: clipGradient(g, 20) }))
  const { long, short } = evaluate(graph, { g: float32([3, -4, 12, 0]) })
  const torchClipped = [0.46153842603550577, -0.615384568047341, 1.846153704142023, 0]
  torchClipped.forEach((value, i) => {
    expect(long.data[i]).toBeCloseTo(value, 7)
  })
  expect([...short.data]).toEqual([3, -4, 12, 0])
})

test.each([sgd({ momentum: 0.7 }), sgd(), adam({ beta1: 0.8, beta2: 0.9 }), adamw({ weightDecay: 0, epsilon: 1e-3 })])(
  '$name: the step of a lasting gradient is its unit step times the gradient',
  (optimizer) => {
    const graph = updateGraph(optimizer, 2)
    const gradient = [0.3, -2]
    let state: Record<string, Tensor> = {
      weights: float32([1, -1]),
      ...Object.fromEntries(optimizer.slots.map((slot) => [slot, filled([2])])),
    }
    const steps = 400
    let before: Tensor['data'] = state.weights.data
    for (let step = 1; step <= steps; step++) {
      before = state.weights.data
      const rest = { gradient: float32(gradient), learningRate: float32([0.01], []), step: float32([step], []) }
      state = asInputs(evaluate(graph, { ...state, ...rest }))
    }
    const { weights, ...slots } = state
    const vectors = Object.fromEntries(
      Object.entries(slots).map(([name, { data }]) => [name, Float32Array.from(data, Number)]),
    )
    const unit = optimizer.unitSteps(vectors, steps, 2)
    for (const i of [0, 1]) {
      const moved = Number(before[i]) - Number(weights.data[i])
      expect(moved / (0.01 * unit[i] * gradient[i])).toBeCloseTo(1, 3)
    }
  },
)

test('a weight that has seen no gradient does not move', () => {
  const slots = { firstMoment: new Float32Array(3), secondMoment: Float32Array.of(0, 1e-20, 1e-4) }
  const [never, below, moves] = adam({ beta2: 0.9, epsilon: 1e-8 }).unitSteps(slots, 1000, 3)
  expect([never, below]).toEqual([0, 0])
  expect(moves).toBeCloseTo(100, 3)
})

test.each<[string, () => Optimizer, RegExp]>([
  ['a second beta of 1', () => adamw({ beta2: 1 }), /beta2 must be at least 0 and below 1, got 1/],
  ['a negative epsilon', () => adam({ epsilon: -1 }), /epsilon must be at least 0/],
  ['a momentum above 1', () => sgd({ momentum: 1.5 }), /momentum must be at least 0 and below 1, got 1.5/],
])('%s is refused', (_, make, message) => {
  expect(make).toThrow(message)
})
