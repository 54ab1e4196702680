/** Test support: resizing as files call it, in every mode and by every rule of coordinates. */
import type { NodeAttribute, NodeCase } from '../nodeModel.fixture.ts'
import { floats, known, knownFloats } from '../nodeModel.fixture.ts'

interface Request {
  readonly x?: readonly number[]
  readonly scales?: readonly number[]
  readonly sizes?: readonly number[]
  readonly roi?: readonly number[]
  readonly attributes?: Readonly<Record<string, NodeAttribute>>
  readonly opset?: number
}

const resize = (
  title: string,
  { x = [1, 2, 5, 7], scales, sizes, roi, attributes = {}, opset = 19 }: Request,
): NodeCase => ({
  operator: 'Resize',
  opset,
  title,
  attributes,
  inputs: [
    floats(x),
    roi ? knownFloats(...roi) : null,
    scales ? knownFloats(...scales) : null,
    ...(sizes ? [known(...sizes)] : []),
  ],
})

const words = (values: Readonly<Record<string, string>>): Record<string, NodeAttribute> =>
  Object.fromEntries(Object.entries(values).map(([name, string]) => [name, { string }]))

const RULES = ['half_pixel', 'pytorch_half_pixel', 'half_pixel_symmetric', 'asymmetric', 'align_corners']

export const resizingCases: readonly NodeCase[] = [
  ...['nearest', 'linear', 'cubic'].flatMap((mode) =>
    RULES.flatMap((rule): NodeCase[] => [
      resize(`${mode}, ${rule}, growing by scales`, {
        scales: [1, 1, 1.6, 2.3],
        attributes: words({ mode, coordinate_transformation_mode: rule }),
      }),
      resize(`${mode}, ${rule}, shrinking to sizes`, {
        x: [1, 2, 9, 8],
        sizes: [1, 2, 4, 3],
        attributes: words({ mode, coordinate_transformation_mode: rule }),
      }),
    ]),
  ),
  ...['floor', 'ceil', 'round_prefer_ceil'].map((nearest_mode) =>
    resize(`nearest by ${nearest_mode}`, {
      scales: [1, 1, 0.6, 1.5],
      attributes: words({ mode: 'nearest', coordinate_transformation_mode: 'half_pixel', nearest_mode }),
    }),
  ),
  ...['linear', 'cubic'].flatMap((mode): NodeCase[] => [
    resize(`${mode}, antialiased`, {
      x: [1, 2, 9, 8],
      sizes: [1, 2, 4, 3],
      attributes: { ...words({ mode }), antialias: { int: 1 } },
    }),
    resize(`${mode}, antialiased, outside excluded`, {
      x: [1, 2, 9, 8],
      sizes: [1, 2, 4, 3],
      attributes: { ...words({ mode }), antialias: { int: 1 }, exclude_outside: { int: 1 } },
    }),
    resize(`${mode}, antialiased, one axis grows`, {
      x: [1, 2, 9, 4],
      sizes: [1, 2, 4, 7],
      attributes: { ...words({ mode }), antialias: { int: 1 } },
    }),
  ]),
  resize('cubic, outside excluded, coefficient -0.5', {
    scales: [1, 1, 1.7, 0.6],
    attributes: { ...words({ mode: 'cubic' }), exclude_outside: { int: 1 }, cubic_coeff_a: { float: -0.5 } },
  }),
  resize('a crop', {
    sizes: [1, 2, 4, 6],
    roi: [0, 0, 0.2, 0.1, 1, 1, 0.8, 0.7],
    attributes: words({ mode: 'linear', coordinate_transformation_mode: 'tf_crop_and_resize' }),
  }),
  resize('a crop beyond the end', {
    sizes: [1, 2, 4, 6],
    roi: [0, 0, 0.2, 0.3, 1, 1, 1.4, 1.2],
    attributes: {
      ...words({ mode: 'linear', coordinate_transformation_mode: 'tf_crop_and_resize' }),
      extrapolation_value: { float: 7.5 },
    },
  }),
  resize('two axes', { sizes: [8, 9], attributes: { ...words({ mode: 'linear' }), axes: { ints: [3, 2] } } }),
  ...['not_larger', 'not_smaller'].map((policy) =>
    resize(`not stretched, ${policy}`, {
      sizes: [8, 9],
      attributes: { ...words({ mode: 'linear', keep_aspect_ratio_policy: policy }), axes: { ints: [2, 3] } },
    }),
  ),
  resize('nearest of operator set 13', {
    opset: 13,
    scales: [1, 1, 2, 2],
    attributes: words({ coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
  }),
  {
    operator: 'Resize',
    opset: 10,
    title: 'linear, before coordinates had rules',
    attributes: words({ mode: 'linear' }),
    inputs: [floats([1, 2, 3, 4]), knownFloats(1, 1, 2, 1.5)],
  },
  {
    operator: 'Resize',
    opset: 10,
    title: 'nearest, shrinking',
    inputs: [floats([1, 2, 7, 6]), knownFloats(1, 1, 0.5, 0.4)],
  },
  { operator: 'Upsample', opset: 9, title: 'nearest', inputs: [floats([1, 2, 3, 4]), knownFloats(1, 1, 2, 1.5)] },
  {
    operator: 'Upsample',
    opset: 7,
    title: 'linear, scales as attribute',
    attributes: { mode: { string: 'linear' }, scales: { floats: [1, 1, 2, 3] } },
    inputs: [floats([1, 2, 3, 4])],
  },
]
