/** Test support: images read at places of a grid, in every mode, by every rule for what lies outside. */
import { scattered } from '../../../graph/ops/gridSample.cases.ts'
import type { NodeCase } from '../nodeModel.fixture.ts'
import { floats } from '../nodeModel.fixture.ts'

interface Request {
  readonly mode?: string
  readonly padding_mode?: string
  readonly align?: boolean
  readonly x?: readonly number[]
  readonly opset?: number
}

function sampling({ mode, padding_mode, align = false, x = [2, 3, 4, 5], opset = 16 }: Request): NodeCase {
  const spatial = x.slice(2)
  const shape = [x[0], ...spatial.map((_, i) => 2 + i), spatial.length]
  const strings = Object.entries({ mode, padding_mode }).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  )
  return {
    operator: 'GridSample',
    opset,
    title: [mode ?? 'as it is', padding_mode, align && 'corners aligned', `[${x}]`].filter(Boolean).join(', '),
    inputs: [floats(x), { shape, draw: scattered(spatial.toReversed(), align) }],
    attributes: {
      ...Object.fromEntries(strings.map(([name, string]) => [name, { string }])),
      ...(align && { align_corners: { int: 1 } }),
    },
  }
}

const PADDINGS = ['zeros', 'border', 'reflection']

export const gridSamplingCases: readonly NodeCase[] = [
  sampling({}),
  sampling({ opset: 22 }),
  ...['bilinear', 'nearest', 'bicubic'].flatMap((mode) =>
    PADDINGS.flatMap((padding_mode) => [false, true].map((align) => sampling({ mode, padding_mode, align }))),
  ),
  ...['linear', 'nearest', 'cubic'].flatMap((mode) => [
    sampling({ mode, padding_mode: 'border', opset: 20 }),
    sampling({ mode, padding_mode: 'reflection', align: true, opset: 22, x: [1, 2, 3, 6] }),
  ]),
  ...['linear', 'nearest'].flatMap((mode) =>
    PADDINGS.flatMap((padding_mode) => [
      sampling({ mode, padding_mode, x: [2, 1, 3, 4, 5], opset: 20 }),
      sampling({ mode, padding_mode, align: true, x: [1, 2, 4, 3, 2], opset: 22 }),
    ]),
  ),
  // One row: nothing to mirror it into.
  sampling({ mode: 'bilinear', padding_mode: 'border', align: true, x: [1, 1, 2, 5] }),
]
