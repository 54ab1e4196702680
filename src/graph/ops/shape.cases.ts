/** Test support: calls that rearrange, cut, pad, convert. */
import type { OperatorCase } from '../caseType.fixture.ts'
import { awayFromZero, exactly, integersBelow } from '../caseType.fixture.ts'
import { cast, identity, stopGradient } from './cast.ts'
import { concat, split } from './concat.ts'
import { flatten, reshape, squeeze, transpose, unsqueeze } from './shape.ts'
import type { SliceRange } from './slice.ts'
import { pad, slice } from './slice.ts'
import { expand } from './sum.ts'

const sliced = (title: string, shape: readonly number[], ranges: SliceRange | readonly SliceRange[]): OperatorCase => ({
  operator: 'Slice',
  title,
  inputs: { x: shape },
  call: ({ x }) => [slice(x, ranges)],
})

const cut: readonly OperatorCase[] = [
  sliced('inside of one axis', [5, 3], { axis: 0, start: 1, end: 4 }),
  sliced(
    'several axes',
    [4, 5, 3],
    [
      { axis: 2, start: 1 },
      { axis: 0, end: -1 },
    ],
  ),
  sliced('from the back', [2, 6], { axis: -1, start: -4, end: -1 }),
  sliced('step 2', [7, 2], { axis: 0, start: 1, step: 2 }),
  sliced(
    'step 3 on two axes',
    [7, 8],
    [
      { axis: 0, start: 0, end: 7, step: 3 },
      { axis: 1, start: 1, end: 6, step: 3 },
    ],
  ),
  sliced('reversed', [4, 3], { axis: 0, step: -1 }),
  sliced('backwards by 2', [8], { axis: 0, start: 6, end: 1, step: -2 }),
  sliced('one element', [3, 4], { axis: 1, start: 2, end: 3 }),
  {
    operator: 'Pad',
    title: 'uneven',
    inputs: { x: [2, 3] },
    call: ({ x }) => [pad(x, { before: [1, 0], after: [0, 2] })],
  },
  {
    operator: 'Pad',
    title: 'a learned value',
    inputs: { x: [1, 2, 2], value: [] },
    call: ({ x, value }) => [pad(x, { before: [0, 1, 2], after: [1, 0, 1] }, value)],
  },
  {
    operator: 'Concat',
    title: 'middle axis',
    inputs: { a: [2, 1, 3], b: [2, 4, 3], c: [2, 2, 3] },
    call: ({ a, b, c }) => [concat([a, b, c], 1)],
  },
  {
    operator: 'Concat',
    title: 'last axis, one part twice',
    inputs: { a: [2, 3], b: [2, 1] },
    call: ({ a, b }) => [concat([a, b, a], -1)],
  },
  {
    operator: 'Concat',
    title: 'derivative in one part only',
    inputs: { a: [2, 3], b: { shape: [1, 3], dtype: 'int64', draw: integersBelow(9) } },
    call: ({ a, b }) => [concat([cast(b, 'float32'), a], 0)],
  },
  {
    operator: 'Split',
    title: 'uneven parts, last axis',
    inputs: { x: [3, 7] },
    call: ({ x }) => split(x, [2, 4, 1], -1),
  },
  {
    operator: 'Split',
    title: 'a part left unused',
    inputs: { x: [6, 2] },
    call: ({ x }) => [split(x, [1, 3, 2], 0)[1]],
  },
]

export const shapeCases: readonly OperatorCase[] = [
  ...cut,
  { operator: 'Reshape', title: 'open extent', inputs: { x: [4, 3, 2] }, call: ({ x }) => [reshape(x, [3, -1])] },
  { operator: 'Reshape', title: 'flattened', inputs: { x: [2, 3, 4] }, call: ({ x }) => [flatten(x, 2)] },
  { operator: 'Reshape', title: 'squeezed', inputs: { x: [1, 3, 1] }, call: ({ x }) => [squeeze(x, [-1])] },
  { operator: 'Reshape', title: 'unsqueezed', inputs: { x: [3, 2] }, call: ({ x }) => [unsqueeze(x, [0, -1])] },
  { operator: 'Reshape', title: 'to a scalar', inputs: { x: [1, 1] }, call: ({ x }) => [reshape(x, [])] },
  { operator: 'Transpose', title: 'matrix', inputs: { x: [2, 3] }, call: ({ x }) => [transpose(x, [1, 0])] },
  {
    operator: 'Transpose',
    title: 'cycle of four axes',
    inputs: { x: [2, 3, 4, 5] },
    call: ({ x }) => [transpose(x, [3, 0, 2, 1])],
  },
  { operator: 'Expand', title: 'new and old axes', inputs: { x: [3, 1] }, call: ({ x }) => [expand(x, [2, 3, 4])] },
  { operator: 'Expand', title: 'a scalar', inputs: { x: [] }, call: ({ x }) => [expand(x, [2, 2])] },
  { operator: 'Identity', title: 'a tensor', inputs: { x: [2, 3] }, call: ({ x }) => [identity(x)] },
  { operator: 'Cast', title: 'float to double', inputs: { x: [3] }, call: ({ x }) => [cast(x, 'float64')] },
  {
    operator: 'Cast',
    title: 'float to integers rounds towards zero',
    inputs: { x: { shape: [4], draw: exactly(-1.7, -0.2, 0.9, 2.5) } },
    call: ({ x }) => [cast(x, 'int64'), cast(x, 'int32')],
    differentiable: [],
  },
  {
    operator: 'Cast',
    title: 'float to bool and back',
    inputs: { x: { shape: [4], draw: exactly(0, 0.2, -3, 0) } },
    call: ({ x }) => [cast(cast(x, 'bool'), 'float32')],
    differentiable: [],
  },
  {
    operator: 'Cast',
    title: 'integers to float',
    inputs: { x: { shape: [2, 2], dtype: 'int64', draw: integersBelow(100) } },
    call: ({ x }) => [cast(x, 'float32')],
  },
  {
    operator: 'composite:StopGradient',
    title: 'a tensor',
    inputs: { x: { shape: [2, 3], draw: awayFromZero } },
    call: ({ x }) => [stopGradient(x)],
    differentiable: [],
  },
]
