import { describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { int64 } from '../base/index.ts'
import type { Reference } from '../graph/index.ts'
import { evaluate } from '../graph/index.ts'
import { compile } from '../runtime/index.ts'
import { expectClose, goldFile, lossGraph, under } from './goldNetwork.fixture.ts'
import { shuffleUnet } from './shuffleUnet.ts'
import { stateFromTensors, stateTensors } from './state.ts'

const { tensors, metadata } = goldFile('unet.safetensors')
const network = shuffleUnet({
  sample_size: tensors.x.shape.slice(2) as [number, number],
  timesteps: Number(metadata.timesteps),
  time_embedding_dim: Number(metadata.time_embedding_dim),
  base_dim: Number(metadata.base_dim),
  dim_mults: metadata.dim_mults.split(',').map(Number) as [number, ...number[]],
})
const published = under('state', tensors)
const state = stateTensors(network, stateFromTensors(network, published))
const feeds: Record<string, Tensor> = {
  x: tensors.x,
  t: tensors.t,
  eps: tensors.eps,
  ...Object.fromEntries(Object.entries(state).map(([name, value]) => [`state.${name}`, value])),
}
const batch = tensors.x.shape[0]

/** The reference network's tolerances: values 1e-5; gradients 1e-4 of the largest + 1e-6 (biases before a batch norm have true gradient 0). */
function expectTraining(came: Readonly<Record<string, Reference | Tensor>>): void {
  expectClose(came.out, tensors.train_out, { relative: 1e-5, absolute: 1e-6 }, 'training output')
  expectClose(came.loss, tensors.loss, { relative: 1e-5, absolute: 0 }, 'loss')
  for (const { name } of network.parameters) {
    expectClose(
      came[`grad.${name}`],
      tensors[`grad.${name}`],
      { relative: 1e-4, absolute: 1e-6 },
      `gradient of ${name}`,
    )
  }
  const after = Object.entries(under('after', tensors))
  expect(after.length).toBe(network.statistics.length)
  for (const [name, value] of after) expectClose(came[`after.${name}`], value, { relative: 1e-5, absolute: 1e-6 }, name)
}

describe('the gold file', () => {
  test('training: output, loss, every gradient and the running statistics in float64', () => {
    expectTraining(evaluate(lossGraph(network, batch, 'train'), feeds))
  })

  test('training, compiled', async () => {
    const program = await compile(lossGraph(network, batch, 'train'))
    expectTraining(await program.run(feeds))
    await program.dispose()
  })

  test('evaluation uses the running statistics and reports none', async () => {
    const graph = lossGraph(network, batch, 'eval')
    expect(Object.keys(graph.outputs).some((name) => name.startsWith('after.'))).toBe(false)
    const { out } = evaluate({ inputs: graph.inputs, outputs: { out: graph.outputs.out } }, feeds)
    expectClose(out, tensors.eval_out, { relative: 1e-5, absolute: 1e-6 }, 'evaluation output')
    const program = await compile({ inputs: graph.inputs, outputs: { out: graph.outputs.out } })
    expectClose((await program.run(feeds)).out, tensors.eval_out, { relative: 1e-5, absolute: 1e-6 }, 'compiled output')
    await program.dispose()
  })
})

describe('checkpoints', () => {
  test('PyTorch’s num_batches_tracked is set aside', () => {
    const counter = { 'init_conv.module.1.num_batches_tracked': int64([7], []) }
    expect(stateFromTensors(network, { ...published, ...counter })).toEqual(stateFromTensors(network, published))
  })

  test('missing, unknown and misshapen tensors are all listed', () => {
    const { 'final_conv.bias': bias, ...rest } = published
    const changed = { ...rest, 'final_conv.biass': bias, 'final_conv.weight': bias }
    expect(() => stateFromTensors(network, changed)).toThrow(
      /1 missing: final_conv\.bias; 1 unknown: final_conv\.biass; 1 of another shape: final_conv\.weight \(needs float \[1,4,1,1\], has float32 \[1\]\)/,
    )
  })
})

test('sizes that do not halve at every level, and odd widths, are refused', () => {
  expect(() => shuffleUnet({ sample_size: 30 })).toThrow(/multiple of 4 with 2 levels, got 30x30/)
  expect(() => shuffleUnet({ sample_size: 28, base_dim: 7 })).toThrow(/base_dim/)
})
