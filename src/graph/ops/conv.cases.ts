/** Cases of the convolutions and of their two derivatives. */
import type { Shape } from '../../base/index.ts'
import type { OperatorCase } from '../caseType.fixture.ts'
import type { ConvOptions, ConvTransposeOptions } from './conv.ts'
import { conv, convInputGradient, convTranspose } from './conv.ts'
import { convWeightGradient } from './convWeightGradient.ts'
import { windowAttributes } from './convWindow.ts'

interface Call {
  readonly title: string
  readonly x: Shape
  readonly w: Shape
  readonly options: Omit<ConvOptions, 'bias'>
}

const convolutions: readonly Call[] = [
  { title: 'pointwise', x: [2, 3, 4, 5], w: [5, 3, 1, 1], options: {} },
  { title: '3x3 padded', x: [2, 3, 5, 4], w: [4, 3, 3, 3], options: { padding: 1 } },
  { title: '3x3 stride 2, odd sizes, batch 1', x: [1, 2, 7, 5], w: [3, 2, 3, 3], options: { padding: 1, strides: 2 } },
  { title: '3x3 stride 2, even sizes', x: [2, 2, 6, 8], w: [3, 2, 3, 3], options: { padding: 1, strides: 2 } },
  { title: 'depthwise 3x3', x: [3, 4, 5, 6], w: [4, 1, 3, 3], options: { padding: 1, groups: 4 } },
  {
    title: 'depthwise 3x2, stride [2, 1], asymmetric padding',
    x: [2, 3, 6, 5],
    w: [3, 1, 3, 2],
    options: { padding: [1, 0, 2, 1], strides: [2, 1], groups: 3 },
  },
  { title: 'depthwise dilated', x: [2, 2, 7, 7], w: [2, 1, 3, 3], options: { padding: 2, dilations: 2, groups: 2 } },
  { title: 'depthwise, two filters a channel', x: [2, 2, 4, 4], w: [4, 1, 3, 3], options: { padding: 1, groups: 2 } },
  { title: 'grouped', x: [2, 4, 5, 5], w: [6, 2, 3, 3], options: { padding: 1, groups: 2 } },
  { title: 'grouped pointwise', x: [2, 4, 3, 5], w: [6, 2, 1, 1], options: { groups: 2 } },
  {
    title: 'dilated [2, 1], asymmetric padding',
    x: [1, 2, 7, 6],
    w: [2, 2, 3, 2],
    options: { dilations: [2, 1], padding: [2, 1, 1, 0] },
  },
  { title: 'kernel 4 stride 3, rows left over', x: [1, 2, 9, 11], w: [2, 2, 4, 4], options: { strides: 3 } },
  { title: 'pointwise stride 2', x: [2, 3, 5, 6], w: [2, 3, 1, 1], options: { strides: 2 } },
  { title: 'padding wider than the kernel', x: [1, 2, 3, 3], w: [2, 2, 2, 2], options: { padding: 2 } },
  { title: 'one spatial axis', x: [2, 3, 9], w: [4, 3, 3], options: { padding: [1, 2], strides: 2 } },
]

const transposed: readonly (Call & { readonly options: Omit<ConvTransposeOptions, 'bias'> })[] = [
  { title: 'kernel 2 stride 2', x: [2, 3, 3, 4], w: [3, 4, 2, 2], options: { strides: 2 } },
  {
    title: '3x3 stride 2, output padding',
    x: [1, 2, 4, 3],
    w: [2, 3, 3, 3],
    options: { strides: 2, padding: 1, outputPadding: [1, 0] },
  },
  { title: 'grouped', x: [2, 4, 3, 3], w: [4, 3, 3, 3], options: { padding: 1, groups: 2 } },
  {
    title: 'dilated, asymmetric padding',
    x: [1, 2, 4, 4],
    w: [2, 2, 3, 2],
    options: { dilations: 2, padding: [1, 0, 2, 1] },
  },
  {
    title: 'depthwise stride 3',
    x: [2, 3, 2, 3],
    w: [3, 1, 3, 4],
    options: { strides: 3, groups: 3, outputPadding: 2 },
  },
  { title: 'one spatial axis', x: [2, 3, 5], w: [3, 2, 4], options: { strides: 2, padding: 1 } },
]

/** Shape of conv's output, for cotangents. */
function outputShape({ x, w, options }: Call): Shape {
  const { strides, pads, dilations } = windowAttributes(options, x.length - 2)
  const spatial = x.slice(2).map((extent, axis) => {
    const padded = extent + pads[axis] + pads[axis + x.length - 2]
    return Math.floor((padded - dilations[axis] * (w[axis + 2] - 1) - 1) / strides[axis]) + 1
  })
  return [x[0], w[0], ...spatial]
}

const attributesOf = ({ x, options }: Call) => ({
  ...windowAttributes(options, x.length - 2),
  group: options.groups ?? 1,
})

export const convCases: readonly OperatorCase[] = [
  ...convolutions.map(
    ({ title, x, w, options }): OperatorCase => ({
      operator: 'Conv',
      title,
      inputs: { x, w, bias: [w[0]] },
      call: (inputs) => [conv(inputs.x, inputs.w, { ...options, bias: inputs.bias })],
    }),
  ),
  {
    operator: 'Conv',
    title: 'without bias',
    inputs: { x: [1, 1, 4, 4], w: [2, 1, 3, 3] },
    call: ({ x, w }) => [conv(x, w)],
  },
  ...transposed.map(
    ({ title, x, w, options }): OperatorCase => ({
      operator: 'ConvTranspose',
      title,
      inputs: { x, w, bias: [w[1] * (options.groups ?? 1)] },
      call: (inputs) => [convTranspose(inputs.x, inputs.w, { ...options, bias: inputs.bias })],
    }),
  ),
  {
    operator: 'ConvTranspose',
    title: 'without bias',
    inputs: { x: [1, 2, 3, 3], w: [2, 2, 3, 3] },
    call: ({ x, w }) => [convTranspose(x, w, { padding: 1 })],
  },
  ...convolutions.flatMap((call): OperatorCase[] => [
    {
      operator: 'composite:ConvInputGradient',
      title: call.title,
      inputs: { w: call.w, g: outputShape(call) },
      call: ({ w, g }) => [convInputGradient(w, g, { ...attributesOf(call), input_shape: call.x })],
      differentiable: [],
    },
    {
      operator: 'composite:ConvWeightGradient',
      title: call.title,
      inputs: { x: call.x, g: outputShape(call) },
      call: ({ x, g }) => [convWeightGradient(x, g, { ...attributesOf(call), weight_shape: call.w })],
      differentiable: [],
    },
  ]),
]
