/** Whole networks at constant weights, in evaluation: every form that frozen programs take, against float64. */
import { describe, expect, it } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { float32, int64, randomStream, sizeOf } from '../base/index.ts'
import type { Graph, Named } from '../graph/index.ts'
import { bind, evaluate, trace, vjp } from '../graph/index.ts'
import { compile } from '../runtime/index.ts'
import type { DenoisingNetwork } from './network.ts'
import { shuffleUnet } from './shuffleUnet.ts'
import { unet2d } from './unet2d.ts'

const BATCH = 2
const down = 'DownBlock2D'
const up = 'UpBlock2D'

const networks: [string, DenoisingNetwork][] = [
  [
    'the paper’s UNet, halves of whole blocks',
    shuffleUnet({ sample_size: 4, base_dim: 64, dim_mults: [2], timesteps: 20 }),
  ],
  [
    'the paper’s UNet, halves of half blocks',
    shuffleUnet({ sample_size: 8, base_dim: 32, dim_mults: [2], timesteps: 20, in_channels: 3 }),
  ],
  ['the paper’s UNet, no blocks', shuffleUnet({ sample_size: 8, base_dim: 12, timesteps: 20 })],
  [
    'the group-norm UNet',
    unet2d({
      sample_size: 8,
      in_channels: 1,
      out_channels: 1,
      block_out_channels: [16, 32],
      layers_per_block: 1,
      norm_num_groups: 8,
      add_attention: true,
      down_block_types: [down, down],
      up_block_types: [up, up],
    }),
  ],
]

/** Prediction and its derivative in the image, weights and statistics bound. */
function frozenGraph(network: DenoisingNetwork): Graph {
  const specs = [...network.parameters, ...network.statistics]
  const float = (shape: readonly number[]) => ({ dtype: 'float32', shape }) as const
  const types = {
    ...Object.fromEntries(specs.map(({ name, shape }) => [name, float(shape)])),
    sample: float([BATCH, ...network.imageShape]),
    timestep: { dtype: network.times === 'integer' ? 'int64' : 'float32', shape: [BATCH] } as const,
    cotangent: float([BATCH, ...network.imageShape]),
  }
  const graph = trace<string, string>(types, (v: Named) => {
    const { prediction } = network.apply(v, v, { sample: v.sample, timestep: v.timestep }, 'eval')
    return { prediction, dx: vjp([prediction], [v.cotangent], [v.sample])[0] }
  })
  const values = specs.map(({ name, shape, initial }): [string, Tensor] => {
    const random = randomStream({ seed: 1, purpose: name })
    // Statistics off their initial values, so that folding them wrong would show.
    const wiggle = randomStream({ seed: 2, purpose: name }).normal(new Float32Array(sizeOf(shape)))
    const amount = /running/.test(name) ? 0.2 : 0.02
    return [
      name,
      float32(
        initial(random).map((value, i) => value + amount * Math.abs(wiggle[i])),
        shape,
      ),
    ]
  })
  return bind(graph, Object.fromEntries(values))
}

describe('frozen', () => {
  it.each(networks)('%s: prediction and derivative', async (_, network) => {
    const graph = frozenGraph(network)
    const draw = (purpose: string) =>
      float32(randomStream({ seed: 3, purpose }).normal(new Float32Array(BATCH * sizeOf(network.imageShape))), [
        BATCH,
        ...network.imageShape,
      ])
    const timestep = network.times === 'integer' ? int64([3, 17]) : float32([3, 170.5])
    const feeds = { sample: draw('sample'), cotangent: draw('cotangent'), timestep }
    const truth = evaluate(graph, feeds)
    // Alone, as samplers run it, and with its derivative, which needs what lies between.
    const alone = await compile(
      { inputs: graph.inputs, outputs: { prediction: graph.outputs.prediction } },
      { threads: 2 },
    )
    const both = await compile(graph, { threads: 2 })
    const results = { alone: (await alone.run(feeds)).prediction, ...(await both.run(feeds)) } as Record<string, Tensor>
    await Promise.all([alone.dispose(), both.dispose()])
    for (const [name, { data }] of Object.entries(results)) {
      const expected = truth[name === 'alone' ? 'prediction' : name].data
      const largest = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
      expected.forEach((value, i) => {
        expect(Math.abs(Number(data[i]) - value), `${name}[${i}]`).toBeLessThan(2e-5 * largest)
      })
    }
  })
})
