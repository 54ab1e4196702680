import { describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { float32, int64 } from '../base/index.ts'
import { evaluate } from '../graph/index.ts'
import { lossGraph } from './goldNetwork.fixture.ts'
import type { MlpOptions } from './mlp.ts'
import { mlp } from './mlp.ts'
import { networkFromConfig } from './registry.ts'
import { initialState, stateTensors } from './state.ts'

const silu = (v: number) => v / (1 + Math.exp(-v))

/** y = W x + b with the named layer of a state. */
function affine(state: Readonly<Record<string, Tensor>>, name: string, x: readonly number[]): number[] {
  const w = state[`${name}.weight`].data as Float32Array
  return Array.from(state[`${name}.bias`].data as Float32Array, (bias, row) =>
    x.reduce((sum, value, column) => sum + value * w[row * x.length + column], bias),
  )
}

function sinusoids(time: number, width: number): number[] {
  const angles = Array.from({ length: width / 2 }, (_, i) => time * 10000 ** (-i / (width / 2)))
  return [...angles.map(Math.cos), ...angles.map(Math.sin)]
}

const cases: MlpOptions[] = [
  { image_shape: [2, 1, 1], hidden: [5, 7], time_width: 6 },
  { image_shape: [1, 2, 2], hidden: [4], time_width: 4, time_features: 'raw', time_scale: 50, classes: 3 },
]

describe.each(cases)('%j', (options) => {
  const network = networkFromConfig(mlp(options).config)
  const state = stateTensors(network, initialState(network, 8))
  const rows = [
    {
      x: [0.3, -1.2, 0.7, 2].slice(0, network.imageShape[0] * network.imageShape[1] * network.imageShape[2]),
      t: 12.5,
      y: 3,
    },
    {
      x: [-2, 0.1, 1, -0.4].slice(0, network.imageShape[0] * network.imageShape[1] * network.imageShape[2]),
      t: 401,
      y: 1,
    },
  ]
  const feeds = {
    x: float32(
      rows.flatMap(({ x }) => x),
      [2, ...network.imageShape],
    ),
    t: float32(rows.map(({ t }) => t)),
    eps: float32(
      rows.flatMap(({ x }) => x.map((v) => v / 2)),
      [2, ...network.imageShape],
    ),
    ...(network.classes !== undefined && { y: int64(rows.map(({ y }) => y)) }),
    ...Object.fromEntries(Object.entries(state).map(([name, value]) => [`state.${name}`, value])),
  }
  const graph = lossGraph(network, 2, 'train')

  test('the forward pass is the formula', () => {
    const { out } = evaluate(graph, feeds)
    const expected = rows.flatMap(({ x, t, y }) => {
      const features = options.time_features === 'raw' ? [t / 50] : sinusoids(t, options.time_width ?? 32)
      let time = affine(state, 'time_embedding.linear_2', affine(state, 'time_embedding.linear_1', features).map(silu))
      if (network.classes !== undefined) {
        const table = state['class_embedding.weight'].data as Float32Array
        time = time.map((v, i) => v + table[y * time.length + i])
      }
      const h = (options.hidden ?? []).reduce((value, _, i) => {
        const shift = affine(state, `time_projections.${i}`, time.map(silu))
        return affine(state, `layers.${i}`, value).map((v, j) => silu(v + shift[j]))
      }, x as number[])
      return affine(state, 'out', h)
    })
    expected.forEach((value, i) => {
      expect(out.data[i]).toBeCloseTo(value, 5)
    })
  })

  test('gradients in the time and in weights agree with central differences', () => {
    const came: Record<string, { data: Float64Array }> = evaluate(graph, feeds)
    const lossAt = (name: string, index: number, change: number) => {
      const value = (feeds as Record<string, Tensor>)[name]
      const data = Float64Array.from(value.data as Float32Array)
      data[index] += change
      return evaluate(graph, { ...feeds, [name]: { dtype: 'float32', shape: value.shape, data } }).loss.data[0]
    }
    const checks: [string, string][] = [
      ['dt', 't'],
      ['dx', 'x'],
      ['grad.layers.0.weight', 'state.layers.0.weight'],
      ['grad.time_embedding.linear_1.weight', 'state.time_embedding.linear_1.weight'],
    ]
    for (const [derivative, name] of checks) {
      const h = 1e-5
      const difference = (lossAt(name, 1, h) - lossAt(name, 1, -h)) / (2 * h)
      expect(Math.abs(came[derivative].data[1] - difference)).toBeLessThan(1e-8 + 1e-6 * Math.abs(difference))
    }
  })
})

test('bad fields are refused with their names', () => {
  expect(() => mlp({ image_shape: [2, 1, 1], time_width: 5 })).toThrow(/time_width/)
  expect(() => mlp({ image_shape: [2, 1, 1], widths: [3] } as MlpOptions)).toThrow(/widths/)
})

test('an unknown kind lists the known ones', () => {
  expect(() => networkFromConfig({ _class_name: 'UNet2DConditionModel' })).toThrow(
    /UNet2DModel, ShuffleUNet, MLP.*"UNet2DConditionModel"/,
  )
  expect(networkFromConfig({ kind: 'ShuffleUNet', sample_size: 28 }).imageShape).toEqual([1, 28, 28])
})
