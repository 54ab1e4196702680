import { describe, expect, test } from 'vitest'
import type { Tensor } from '../base/index.ts'
import { evaluate, input } from '../graph/index.ts'
import { compile } from '../runtime/index.ts'
import { flatSize } from './flat.ts'
import { expectClose, goldFile, lossGraph, under } from './goldNetwork.fixture.ts'
import { initialState, stateFromTensors, stateTensors } from './state.ts'
import { unet } from './unet.ts'
import { unet2d } from './unet2d.ts'
import type { UNet2DOptions } from './unet2dConfig.ts'

const gold = goldFile('unet2d.safetensors')

describe.each(Object.keys(gold.metadata))('against PyTorch, network "%s"', (name) => {
  const network = unet2d(JSON.parse(gold.metadata[name]) as UNet2DOptions)
  const { condition, ...tensors } = under(name, gold.tensors)
  const state = stateTensors(network, stateFromTensors(network, under('state', tensors)))
  const graph = lossGraph(network, tensors.x.shape[0], 'train')
  const feeds: Record<string, Tensor> = {
    x: tensors.x,
    t: tensors.t,
    eps: tensors.eps,
    ...(condition && { y: condition }),
    ...Object.fromEntries(Object.entries(state).map(([key, value]) => [`state.${key}`, value])),
  }
  const wanted = Object.entries(tensors).filter(([key]) => /^(out|loss|dx|dt|grad\..*)$/.test(key))

  test('every number in float64', () => {
    const came: Record<string, { data: Float64Array }> = evaluate(graph, feeds)
    expect(wanted.length).toBe(network.parameters.length + 4)
    for (const [key, value] of wanted) expectClose(came[key], value, { relative: 1e-6, absolute: 1e-8 }, key)
  })

  test('every number compiled', async () => {
    const program = await compile(graph)
    const came: Record<string, Tensor> = await program.run(feeds)
    for (const [key, value] of wanted) expectClose(came[key], value, { relative: 1e-4, absolute: 1e-6 }, key)
    await program.dispose()
  })
})

describe('the network of the quick preset', () => {
  const network = unet({ size: 16, channels: [16, 32, 64] })

  test('has 619,697 parameters under diffusers’ names', () => {
    expect(flatSize(network.parameters)).toBe(619_697)
    const names = network.parameters.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(names).toContain('time_embedding.linear_2.bias')
    expect(names).toContain('down_blocks.1.resnets.0.conv_shortcut.weight')
    expect(names).toContain('down_blocks.1.downsamplers.0.conv.weight')
    expect(names).not.toContain('down_blocks.2.downsamplers.0.conv.weight')
    expect(names).toContain('mid_block.resnets.1.time_emb_proj.weight')
    expect(names).toContain('up_blocks.0.upsamplers.0.conv.bias')
    expect(names.some((name) => name.includes('attentions'))).toBe(false)
  })

  test('its config holds every field of diffusers', () => {
    expect(network.config).toEqual({
      _class_name: 'UNet2DModel',
      _diffusers_version: '0.33.0',
      sample_size: 16,
      in_channels: 1,
      out_channels: 1,
      center_input_sample: false,
      time_embedding_type: 'positional',
      time_embedding_dim: null,
      freq_shift: 0,
      flip_sin_to_cos: true,
      down_block_types: ['DownBlock2D', 'DownBlock2D', 'DownBlock2D'],
      mid_block_type: 'UNetMidBlock2D',
      up_block_types: ['UpBlock2D', 'UpBlock2D', 'UpBlock2D'],
      block_out_channels: [16, 32, 64],
      layers_per_block: 1,
      mid_block_scale_factor: 1,
      downsample_padding: 1,
      downsample_type: 'conv',
      upsample_type: 'conv',
      dropout: 0,
      act_fn: 'silu',
      attention_head_dim: 8,
      norm_num_groups: 8,
      attn_norm_num_groups: null,
      norm_eps: 1e-5,
      resnet_time_scale_shift: 'default',
      add_attention: false,
      class_embed_type: null,
      num_class_embeds: null,
      num_train_timesteps: null,
    })
    expect(unet2d(network.config as UNet2DOptions).parameters.map(({ name }) => name)).toEqual(
      network.parameters.map(({ name }) => name),
    )
  })

  test('starts with outputs of the size of PyTorch’s: neither vanishing nor exploding', async () => {
    const small = unet({ size: 8, channels: [8, 16], groups: 4 })
    const { weights, statistics } = initialState(small, 11)
    const graph = lossGraph(small, 2, 'eval')
    const random = Float32Array.from({ length: 128 }, (_, i) => Math.sin(i * i))
    const image = { dtype: 'float32', shape: [2, 1, 8, 8], data: random } as const
    const program = await compile(graph)
    const state = Object.entries(stateTensors(small, { weights, statistics })).map(([k, v]) => [`state.${k}`, v])
    const t = { dtype: 'float32', shape: [2], data: Float32Array.of(10, 900) } as const
    const { out } = await program.run({ x: image, t, eps: image, ...Object.fromEntries(state) })
    const power = (out.data as Float32Array).reduce((sum, v) => sum + v * v, 0) / 128
    expect(power).toBeGreaterThan(0.01)
    expect(power).toBeLessThan(2)
    await program.dispose()
  })
})

describe('attention and classes by the short options', () => {
  const network = unet({ size: 8, channels: [8, 16], groups: 4, attentionLevels: [1], classes: 10, imageChannels: 3 })

  test('parameters and the number of classes', () => {
    const shapes = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, shape]))
    expect(shapes['class_embedding.weight']).toEqual([11, 32])
    expect(shapes['mid_block.attentions.0.to_out.0.weight']).toEqual([16, 16])
    expect(shapes['down_blocks.1.attentions.0.to_q.bias']).toEqual([16])
    expect(shapes['up_blocks.0.attentions.1.group_norm.weight']).toEqual([16])
    expect(shapes['down_blocks.0.attentions.0.to_q.bias']).toBeUndefined()
    expect([network.classes, network.imageShape]).toEqual([10, [3, 8, 8]])
  })

  test('a checkpoint with the attention names of old diffusers loads', () => {
    const start = stateTensors(network, initialState(network, 3))
    const old = [
      ['.to_q.', '.query.'],
      ['.to_k.', '.key.'],
      ['.to_v.', '.value.'],
      ['.to_out.0.', '.proj_attn.'],
    ]
    const renamed = Object.fromEntries(
      Object.entries(start).map(([name, value]) => [
        old.reduce((text, [now, then]) => text.replace(now, then), name),
        value,
      ]),
    )
    expect(Object.keys(renamed)).toContain('mid_block.attentions.0.proj_attn.weight')
    expect(stateFromTensors(network, renamed)).toEqual(initialState(network, 3))
  })

  test('a missing or unwanted condition is an error', () => {
    const weights = Object.fromEntries(network.parameters.map(({ name, shape }) => [name, input(name, shape)]))
    const inputs = { sample: input('x', [2, 3, 8, 8]), timestep: input('t', [2]) }
    expect(() => network.apply(weights, {}, inputs, 'eval')).toThrow(/needs a condition/)
    const plain = unet({ size: 8, channels: [8, 16], groups: 4, imageChannels: 3 })
    const condition = input('y', [2], 'int64')
    expect(() => plain.apply(weights, {}, { ...inputs, condition }, 'eval')).toThrow(/takes no condition/)
  })
})

test.each<[string, Partial<UNet2DOptions> & Record<string, unknown>, RegExp]>([
  ['an unknown field', { block_channels: [1] }, /block_channels/],
  ['a value not computed here', { resnet_time_scale_shift: 'scale_shift' as never }, /resnet_time_scale_shift/],
  ['levels that do not match', { up_block_types: ['UpBlock2D'] }, /one entry per level, got 2, 1 and 2/],
  ['blocks without end', { layers_per_block: 1e9 }, /layers_per_block: .*<=16/],
  ['a size beyond every image', { sample_size: 2 ** 40 }, /sample_size/],
  ['channels beyond every layer', { in_channels: 2 ** 40 }, /in_channels: .*<=16384/],
  ['a size that does not halve', { sample_size: 9 }, /multiple of 2 with 2 levels, got 9x9/],
  ['groups that do not divide', { norm_num_groups: 3 }, /3 groups, 8 channels/],
  ['heads that do not divide', { add_attention: true, attention_head_dim: 5 }, /5 does not divide 16/],
])('a config with %s is refused', (_, change, message) => {
  const config = {
    sample_size: 8,
    block_out_channels: [8, 16] as [number, number],
    norm_num_groups: 4,
    add_attention: false,
    down_block_types: ['DownBlock2D', 'DownBlock2D'] as const,
    up_block_types: ['UpBlock2D', 'UpBlock2D'] as const,
  }
  expect(() => unet2d({ ...config, ...change } as UNet2DOptions)).toThrow(message)
})

test('attention at a level that does not exist is refused', () => {
  expect(() => unet({ size: 8, channels: [8, 16], attentionLevels: [2] })).toThrow(/must be 0 to 1/)
})
