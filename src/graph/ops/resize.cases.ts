/** Cases of resizing and its derivatives. */
import type { Shape } from '../../base/index.ts'
import { filled } from '../../base/index.ts'
import type { OperatorCase } from '../caseType.fixture.ts'
import { vjp } from '../gradient.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { constant } from '../symbolic.ts'
import type { PerAxis } from './convWindow.ts'
import { upsampleBilinear, upsampleNearest } from './resize.ts'
import type { ResizeOptions } from './resizeOperator.ts'
import { resize } from './resizeOperator.ts'

const factors: readonly { title: string; x: Shape; g: Shape; scale: PerAxis }[] = [
  { title: 'by 2', x: [2, 3, 3, 4], g: [2, 3, 6, 8], scale: 2 },
  { title: 'by [3, 2], batch 1', x: [1, 2, 2, 3], g: [1, 2, 6, 6], scale: [3, 2] },
  { title: 'by [1, 4]', x: [2, 1, 3, 2], g: [2, 1, 3, 8], scale: [1, 4] },
  { title: 'from one pixel', x: [2, 2, 1, 1], g: [2, 2, 2, 2], scale: 2 },
]

function upsamplingCases(name: string, upsample: (x: SymbolicTensor, scale: PerAxis) => SymbolicTensor) {
  return factors.flatMap(({ title, x, g, scale }): OperatorCase[] => [
    { operator: `composite:${name}`, title, inputs: { x }, call: (inputs) => [upsample(inputs.x, scale)] },
    {
      operator: `composite:${name}Gradient`,
      title,
      inputs: { g },
      call: (inputs) => {
        const anywhere = constant(filled(x))
        return vjp([upsample(anywhere, scale)], [inputs.g], [anywhere])
      },
      differentiable: [],
    },
  ])
}

const resizes: readonly { title: string; x: Shape; options: ResizeOptions }[] = [
  { title: 'nearest, half pixel', x: [2, 2, 3, 4], options: { scales: [1, 1, 2, 3] } },
  {
    title: 'nearest, asymmetric, floor, down and up',
    x: [1, 2, 6, 3],
    options: { sizes: [1, 2, 4, 7], coordinates: 'asymmetric', rounding: 'floor' },
  },
  {
    title: 'nearest, align corners, ceil',
    x: [1, 1, 4, 5],
    options: { sizes: [1, 1, 6, 8], coordinates: 'align_corners', rounding: 'ceil' },
  },
  {
    title: 'nearest, round_prefer_ceil',
    x: [1, 1, 4, 5],
    options: { scales: [1, 1, 1.5, 2.5], coordinates: 'asymmetric', rounding: 'round_prefer_ceil' },
  },
  { title: 'linear to odd sizes', x: [2, 1, 4, 5], options: { sizes: [2, 1, 7, 3], mode: 'linear' } },
  { title: 'linear, fractional scales', x: [1, 2, 5, 4], options: { scales: [1, 1, 1.5, 0.7], mode: 'linear' } },
  {
    title: 'linear, align corners',
    x: [1, 2, 3, 4],
    options: { sizes: [1, 2, 6, 9], mode: 'linear', coordinates: 'align_corners' },
  },
  {
    title: 'linear, asymmetric',
    x: [1, 2, 3, 4],
    options: { scales: [1, 1, 2, 2], mode: 'linear', coordinates: 'asymmetric' },
  },
  {
    title: 'linear, pytorch half pixel, to one row',
    x: [1, 2, 3, 4],
    options: { sizes: [1, 2, 1, 8], mode: 'linear', coordinates: 'pytorch_half_pixel' },
  },
]

export const resizeCases: readonly OperatorCase[] = [
  ...upsamplingCases('UpsampleNearest', upsampleNearest),
  ...upsamplingCases('UpsampleBilinear', upsampleBilinear),
  ...resizes.map(
    ({ title, x, options }): OperatorCase => ({
      operator: 'Resize',
      title,
      inputs: { x },
      call: (inputs) => [resize(inputs.x, options)],
    }),
  ),
]
