/** Test support: activations as files call them. */
import { awayFromZero, distinct, exactly } from '../../../graph/caseType.fixture.ts'
import type { NodeCase } from '../nodeModel.fixture.ts'
import { floats } from '../nodeModel.fixture.ts'

/** Numbers at either side of every kink of these functions, on none of them. */
const sides = floats([2, 3, 4], exactly(...Array.from({ length: 24 }, (_, i) => (i - 12) * 0.371 + 0.05)))

const one = (
  operator: string,
  opset: number,
  title: string,
  attributes: NodeCase['attributes'] = {},
  domain = '',
): NodeCase => ({
  operator,
  opset,
  title,
  attributes,
  inputs: [sides],
  ...(domain && { domain }),
})

const microsoft = 'com.microsoft'

export const activationCases: readonly NodeCase[] = [
  one('Elu', 6, 'factor 0.6', { alpha: { float: 0.6 } }),
  one('Celu', 12, 'as usual'),
  one('Celu', 12, 'factor 2.5', { alpha: { float: 2.5 } }),
  one('Selu', 6, 'as usual'),
  one('Selu', 22, 'factors 1.2 and 0.8', { alpha: { float: 1.2 }, gamma: { float: 0.8 } }),
  one('Gelu', 20, 'as usual'),
  one('Gelu', 20, 'by tanh', { approximate: { string: 'tanh' } }),
  one('HardSigmoid', 6, 'as usual'),
  one('HardSigmoid', 6, 'slope 0.4, offset 0.3', { alpha: { float: 0.4 }, beta: { float: 0.3 } }),
  one('HardSwish', 14, 'as usual'),
  one('LeakyRelu', 16, 'slope 0.2', { alpha: { float: 0.2 } }),
  one('Mish', 18, 'as usual'),
  one('Relu', 14, 'as usual'),
  one('Sigmoid', 13, 'as usual'),
  one('Softplus', 1, 'as usual'),
  one('Softsign', 1, 'as usual'),
  one('Swish', 24, 'factor 1.3', { alpha: { float: 1.3 } }),
  one('ThresholdedRelu', 10, 'as usual'),
  one('ThresholdedRelu', 10, 'from 0.3 on', { alpha: { float: 0.3 } }),
  one('Shrink', 9, 'as usual'),
  one('Shrink', 9, 'limit 1.5, offset 0.4', { lambd: { float: 1.5 }, bias: { float: 0.4 } }),
  {
    operator: 'PRelu',
    opset: 9,
    title: 'a slope for each channel',
    inputs: [floats([2, 3, 4], awayFromZero), floats([3, 1])],
  },
  { operator: 'PRelu', opset: 16, title: 'one slope', inputs: [floats([2, 5], distinct), floats([1])] },
  one('QuickGelu', 17, 'as usual', {}, microsoft),
  one('QuickGelu', 17, 'factor 1', { alpha: { float: 1 } }, microsoft),
  one('Gelu', 17, 'as usual', {}, microsoft),
  { operator: 'BiasGelu', domain: microsoft, opset: 17, title: 'a bias', inputs: [floats([2, 3, 4]), floats([4])] },
  { operator: 'FastGelu', domain: microsoft, opset: 17, title: 'a bias', inputs: [floats([2, 3, 4]), floats([4])] },
  one('FastGelu', 17, 'no bias', {}, microsoft),
]
