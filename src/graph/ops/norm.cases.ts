/** Cases of the normalisations and their derivatives. */
import type { Shape } from '../../base/index.ts'
import { filled } from '../../base/index.ts'
import type { CaseInput, OperatorCase } from '../caseType.fixture.ts'
import { positive } from '../caseType.fixture.ts'
import { vjp } from '../gradient.ts'
import { apply } from '../operator.ts'
import { constant } from '../symbolic.ts'
import { batchNorm, batchNormTraining } from './normBatch.ts'
import { groupNorm, instanceNorm, instanceNormalization, inverseDeviation } from './normGroup.ts'
import { layerNorm } from './normLayer.ts'

/** Numbers with mean 3 and deviation 2: neither is what normalisation makes of them. */
const shifted = (shape: Shape): CaseInput => ({
  shape,
  draw: (random, size) => random.normal(new Float64Array(size)).map((value) => 3 + 2 * value),
})

const groupings: readonly { title: string; x: Shape; groups: number; epsilon: number }[] = [
  { title: 'two groups of two', x: [2, 4, 3, 5], groups: 2, epsilon: 1e-5 },
  { title: 'one group, batch 1, large epsilon', x: [1, 3, 4, 4], groups: 1, epsilon: 0.5 },
  { title: 'a group per channel', x: [2, 3, 4, 3], groups: 3, epsilon: 1e-3 },
  { title: 'no spatial axes', x: [3, 6], groups: 2, epsilon: 1e-2 },
  { title: 'one spatial axis', x: [2, 4, 7], groups: 2, epsilon: 1e-5 },
]

const groupCases = groupings.flatMap(({ title, x, groups, epsilon }): OperatorCase[] => [
  {
    operator: 'composite:GroupNorm',
    title,
    inputs: { x: shifted(x), scale: [x[1]], bias: [x[1]] },
    call: (inputs) => [groupNorm(inputs.x, { groups, scale: inputs.scale, bias: inputs.bias, epsilon })],
  },
  {
    operator: 'composite:GroupNormGradient',
    title,
    inputs: { x: shifted(x), scale: [x[1]], bias: [x[1]], g: x },
    call: (inputs) => {
      const y = groupNorm(inputs.x, { groups, scale: inputs.scale, bias: inputs.bias, epsilon })
      return vjp([y], [inputs.g], [inputs.x, inputs.scale, inputs.bias])
    },
    differentiable: [],
  },
])

const instanceCases = [
  { x: [2, 3, 4, 5], epsilon: 1e-5 },
  { x: [1, 2, 7], epsilon: 0.3 },
].map(
  ({ x, epsilon }): OperatorCase => ({
    operator: 'InstanceNormalization',
    title: `[${x}], epsilon ${epsilon}`,
    inputs: { x: shifted(x), scale: [x[1]], bias: [x[1]] },
    call: (inputs) => apply(instanceNormalization, [inputs.x, inputs.scale, inputs.bias], { epsilon }),
  }),
)

const batchShapes: readonly { title: string; x: Shape; epsilon: number }[] = [
  { title: 'images', x: [3, 2, 4, 3], epsilon: 1e-5 },
  { title: 'one image, large epsilon', x: [1, 3, 3, 5], epsilon: 0.4 },
  { title: 'vectors', x: [6, 4], epsilon: 1e-3 },
]

const batchCases = batchShapes.flatMap(({ title, x, epsilon }): OperatorCase[] => [
  {
    operator: 'BatchNormalization',
    title,
    inputs: { x: shifted(x), scale: [x[1]], bias: [x[1]], mean: [x[1]], variance: { shape: [x[1]], draw: positive } },
    call: (inputs) => {
      const { scale, bias, mean, variance } = inputs
      return [batchNorm(inputs.x, { scale, bias, mean, variance, epsilon })]
    },
  },
  {
    operator: 'composite:BatchNormTraining',
    title: `${title}, statistics included`,
    inputs: { x: shifted(x), scale: [x[1]], bias: [x[1]] },
    call: (inputs) => Object.values(batchNormTraining(inputs.x, { scale: inputs.scale, bias: inputs.bias, epsilon })),
  },
  {
    operator: 'composite:BatchNormTrainingGradient',
    title,
    inputs: { x: shifted(x), scale: [x[1]], g: x },
    call: (inputs) => {
      const bias = constant(filled([x[1]]))
      const { y } = batchNormTraining(inputs.x, { scale: inputs.scale, bias, epsilon })
      return vjp([y], [inputs.g], [inputs.x, inputs.scale, bias])
    },
    differentiable: [],
  },
])

const layerCases: readonly OperatorCase[] = [
  {
    operator: 'LayerNormalization',
    title: 'last axis',
    inputs: { x: shifted([2, 3, 5]), scale: [5], bias: [5] },
    call: ({ x, scale, bias }) => [layerNorm(x, { scale, bias, epsilon: 1e-2 })],
  },
  {
    operator: 'LayerNormalization',
    title: 'last two axes, no bias',
    inputs: { x: shifted([2, 3, 4]), scale: [3, 4] },
    call: ({ x, scale }) => [layerNorm(x, { axis: 1, scale })],
  },
  {
    operator: 'LayerNormalization',
    title: 'no parameters',
    inputs: { x: shifted([4, 6]) },
    call: ({ x }) => [layerNorm(x)],
  },
]

export const normCases: readonly OperatorCase[] = [
  ...groupCases,
  {
    operator: 'composite:GroupNorm',
    title: 'instance normalisation without parameters',
    inputs: { x: shifted([2, 2, 3, 3]) },
    call: ({ x }) => [instanceNorm(x)],
  },
  {
    operator: 'composite:InverseDeviation',
    title: 'of what is standardised with the same epsilon',
    inputs: { x: shifted([2, 3, 7]) },
    call: ({ x }) => {
      const xHat = apply(instanceNormalization, [x, constant(filled([3], 1)), constant(filled([3]))], {
        epsilon: 0.3,
      })[0]
      return [apply(inverseDeviation, [x, xHat], { epsilon: 0.3 })[0]]
    },
    differentiable: [],
  },
  ...instanceCases,
  ...batchCases,
  ...layerCases,
]
