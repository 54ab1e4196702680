/** Cases of pooling and its derivatives. */
import type { Shape } from '../../base/index.ts'
import { filled, sizeOf } from '../../base/index.ts'
import type { OperatorCase } from '../caseType.fixture.ts'
import { distinct, integersBelow } from '../caseType.fixture.ts'
import { vjp } from '../gradient.ts'
import { constant } from '../symbolic.ts'
import type { AveragePoolOptions, MaxPoolOptions } from './pool.ts'
import { averagePool, globalAveragePool, maxPool } from './pool.ts'
import { maxPoolGradient } from './poolGradient.ts'

const averages: readonly { title: string; x: Shape; g: Shape; options: AveragePoolOptions }[] = [
  { title: 'tiles', x: [2, 3, 4, 6], g: [2, 3, 2, 2], options: { kernel: [2, 3] } },
  { title: 'tiles, a column left over', x: [1, 2, 4, 5], g: [1, 2, 2, 2], options: { kernel: 2 } },
  { title: 'overlapping, padded', x: [2, 2, 5, 4], g: [2, 2, 5, 4], options: { kernel: 3, strides: 1, padding: 1 } },
  {
    title: 'padding counted, asymmetric, stride [2, 1]',
    x: [1, 2, 5, 4],
    g: [1, 2, 3, 5],
    options: { kernel: [3, 2], strides: [2, 1], padding: [1, 1, 2, 1], countPadding: true },
  },
  { title: 'one spatial axis', x: [2, 2, 7], g: [2, 2, 3], options: { kernel: 3, strides: 2 } },
]

const maxima: readonly { title: string; x: Shape; g: Shape; options: MaxPoolOptions }[] = [
  { title: 'tiles', x: [2, 3, 4, 6], g: [2, 3, 2, 3], options: { kernel: 2 } },
  {
    title: 'overlapping, asymmetric padding',
    x: [1, 2, 5, 5],
    g: [1, 2, 3, 3],
    options: { kernel: 3, strides: 2, padding: [1, 0, 1, 2] },
  },
  { title: 'dilated', x: [2, 1, 6, 5], g: [2, 1, 4, 3], options: { kernel: 2, strides: 1, dilations: 2 } },
  { title: 'one spatial axis', x: [2, 2, 7], g: [2, 2, 3], options: { kernel: 3, strides: 2 } },
]

export const poolCases: readonly OperatorCase[] = [
  ...averages.flatMap(({ title, x, g, options }): OperatorCase[] => [
    { operator: 'AveragePool', title, inputs: { x }, call: (inputs) => [averagePool(inputs.x, options)] },
    {
      operator: 'composite:AveragePoolGradient',
      title,
      inputs: { g },
      call: (inputs) => {
        const anywhere = constant(filled(x))
        return vjp([averagePool(anywhere, options)], [inputs.g], [anywhere])
      },
      differentiable: [],
    },
  ]),
  ...maxima.flatMap(({ title, x, g, options }): OperatorCase[] => [
    {
      operator: 'MaxPool',
      title,
      inputs: { x: { shape: x, draw: distinct } },
      call: (inputs) => [maxPool(inputs.x, options)],
    },
    {
      operator: 'composite:MaxPoolGradient',
      title,
      inputs: { indices: { shape: g, dtype: 'int64', draw: integersBelow(sizeOf(x)) }, g },
      call: (inputs) => [maxPoolGradient(inputs.indices, inputs.g, x)],
      differentiable: [],
    },
  ]),
  ...(
    [
      [2, 3, 4, 5],
      [1, 2, 3, 3],
      [2, 2, 7],
    ] as const
  ).map(
    (x): OperatorCase => ({
      operator: 'GlobalAveragePool',
      title: `[${x}]`,
      inputs: { x },
      call: (inputs) => [globalAveragePool(inputs.x)],
    }),
  ),
]
