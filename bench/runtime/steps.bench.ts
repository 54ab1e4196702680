/**
 * The programs that training and sampling are made of, on the CPU: `npx vitest bench bench/runtime`. Batch 64 for a training step (forward,
 * backward, AdamW), 100 images for a prediction; the `quick` preset's network and the paper's at half width. Each in the lowered
 * and in the plain form, so that the ratio is of one machine at one time.
 */
import { bench, describe } from 'vitest'
import '../../src/runtime/node/index.ts'
import type { Tensor } from '../../src/base/index.ts'
import { randomStream, sizeOf } from '../../src/base/index.ts'
import { denoiseGraph, trainStepGraph } from '../../src/diffusion/denoisers/programs.ts'
import type { Graph, TensorType } from '../../src/graph/index.ts'
import { mapRecord, tensorOf } from '../../src/graph/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { adamw, initialVector, shuffleUnet, unet2d } from '../../src/nn/index.ts'
import { compile } from '../../src/runtime/index.ts'

const networks: Readonly<Record<string, DenoisingNetwork>> = {
  'UNet2DModel 16/32/64, 16x16': unet2d({
    sample_size: 16,
    in_channels: 1,
    out_channels: 1,
    block_out_channels: [16, 32, 64],
    layers_per_block: 1,
    norm_num_groups: 8,
    add_attention: false,
    down_block_types: ['DownBlock2D', 'DownBlock2D', 'DownBlock2D'],
    up_block_types: ['UpBlock2D', 'UpBlock2D', 'UpBlock2D'],
  }),
  "the paper's UNet, base 32, 28x28": shuffleUnet({ sample_size: 28, base_dim: 32 }),
}

/** Plausible values: initial weights, unit statistics, small positive numbers elsewhere. */
function feedsOf(graph: Graph, network: DenoisingNetwork): Record<string, Tensor> {
  return mapRecord(graph.inputs, ({ dtype, shape }: TensorType, name) => {
    if (name === 'weights') return tensorOf('float32', shape, initialVector(network.parameters, 0))
    if (name === 'statistics') return tensorOf('float32', shape, initialVector(network.statistics, 0))
    const random = randomStream({ seed: 0, purpose: name })
    const draw = dtype === 'int64' ? () => random.integer(1000) : () => 0.01 + 0.5 * random.uniform()
    return tensorOf(dtype, shape, Float64Array.from({ length: sizeOf(shape) }, draw))
  })
}

for (const [name, network] of Object.entries(networks)) {
  const weights = tensorOf(
    'float32',
    [initialVector(network.parameters, 0).length],
    initialVector(network.parameters, 0),
  )
  const statistics = tensorOf(
    'float32',
    [initialVector(network.statistics, 0).length],
    initialVector(network.statistics, 0),
  )
  const frozen: Record<string, Tensor> = network.statistics.length > 0 ? { weights, statistics } : { weights }
  const programs: [string, Graph, Record<string, Tensor>][] = [
    ['training step of 64', trainStepGraph(network, 64, adamw(), 1), {}],
    ['prediction for 100, weights fed', denoiseGraph(network, 100), {}],
    ['prediction for 100, weights frozen', denoiseGraph(network, 100), frozen],
  ]
  for (const [title, graph, constants] of programs) {
    describe(`${name}: ${title}`, async () => {
      const feeds = feedsOf(graph, network)
      for (const lowering of [true, false]) {
        const program = await compile(graph, { constants, lowering })
        bench(lowering ? 'lowered' : 'plain', async () => void (await program.run(feeds)), {
          iterations: 10,
          time: 1000,
        })
      }
    })
  }
}
