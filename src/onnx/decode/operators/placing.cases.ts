/** Test support: elements put into larger tensors as files call it. */
import type { NodeCase } from '../nodeModel.fixture.ts'
import { fedIntegers, floats, known } from '../nodeModel.fixture.ts'

export const placingCases: readonly NodeCase[] = [
  {
    operator: 'MaxUnpool',
    opset: 11,
    title: 'as MaxPool found them',
    attributes: { kernel_shape: { ints: [2, 2] }, strides: { ints: [2, 2] } },
    inputs: [floats([1, 2, 2, 2]), fedIntegers([1, 2, 2, 2], 0, 3, 9, 10, 17, 18, 28, 31)],
  },
  {
    operator: 'Col2Im',
    opset: 18,
    title: 'overlapping, padded, strided, dilated',
    attributes: { pads: { ints: [1, 0, 1, 1] }, strides: { ints: [2, 1] }, dilations: { ints: [1, 2] } },
    inputs: [floats([2, 12, 12]), known(5, 5), known(3, 2)],
  },
  {
    operator: 'Col2Im',
    opset: 18,
    title: 'tiles',
    inputs: [floats([1, 8, 12]), known(4, 5), known(2, 2)],
  },
  {
    operator: 'CenterCropPad',
    opset: 18,
    title: 'one axis cut, one widened',
    attributes: { axes: { ints: [-1, 0] } },
    inputs: [floats([3, 2, 7]), known(4, 6)],
  },
]
