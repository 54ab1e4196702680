/**
 * ONNX's GridSample (Jaderberg et al. 2015, arXiv 1506.02025: spatial transformers): an image read at places that a grid names, between pixels by
 * interpolation. The derivative is that of the same thing in smaller operators (`gridTaps.ts`).
 */
import type { Shape } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import { vjp } from '../gradient.ts'
import { apply, defineOperator } from '../operator.ts'
import type { Reference, SymbolicTensor } from '../symbolic.ts'
import { isFloat } from './elementwise.ts'
import type { GridPadding, GridSampling } from './gridTaps.ts'
import { CUBIC_COEFFICIENT, isGridPadding, sampleByTaps } from './gridTaps.ts'

type GridSampleAttributes = {
  readonly mode: string
  readonly padding_mode: string
  readonly align_corners: number
}

/** Options of `gridSample`. */
export interface GridSampleOptions {
  /** Default `linear`. */
  readonly mode?: GridSampling['mode']
  /** What lies outside the image: zeros, its nearest pixel, or the image mirrored at its border. Default `zeros`. */
  readonly padding?: GridPadding
  /** Whether -1 and 1 are the middles of the outermost pixels; else their outer edges. Default false. */
  readonly alignCorners?: boolean
}

/** The modes by the names that they had at first. */
const NAMES = { nearest: 'nearest', linear: 'bilinear', cubic: 'bicubic' } as const

function samplingOf({ mode, padding_mode: padding, align_corners }: GridSampleAttributes): GridSampling {
  const own = (Object.keys(NAMES) as (keyof typeof NAMES)[]).find((name) => NAMES[name] === mode)
  if (!own) throw new Error(`mode must be bilinear, nearest or bicubic, got ${mode}`)
  if (!isGridPadding(padding)) throw new Error(`padding_mode must be zeros, border or reflection, got ${padding}`)
  return { mode: own, padding, alignCorners: align_corners !== 0 }
}

/** The output's shape. @throws `graph.shape` unless x is [b, c, ...spatial] and the grid [b, ...places, axes] */
function sampledShape(x: SymbolicTensor, grid: SymbolicTensor): Shape {
  const axes = x.rank - 2
  const fits = axes >= 1 && grid.rank === x.rank && grid.shape[0] === x.shape[0] && grid.shape.at(-1) === axes
  if (isFloat(x) && isFloat(grid) && fits) return [x.shape[0], x.shape[1], ...grid.shape.slice(1, -1)]
  throw inputError(
    'graph.shape',
    `GridSample takes float images [b, c, ...spatial] and a float grid [b, ...places, axes] with a coordinate for each of as many spatial axes, got ${x.dtype}[${x.shape}] and ${grid.dtype}[${grid.shape}]`,
  )
}

const gridSampleOperator = defineOperator<GridSampleAttributes>({
  name: 'GridSample',
  since: 16,
  until: 19,
  inputs: ['X', 'grid'],
  attributes: {
    mode: { kind: 'string', default: 'bilinear' },
    padding_mode: { kind: 'string', default: 'zeros' },
    align_corners: { kind: 'int', default: 0 },
  },
  infer([x, grid], attributes) {
    samplingOf(attributes)
    if (x!.rank !== 4) throw new Error('the input must be [b, c, height, width]')
    return [{ dtype: x!.dtype, shape: sampledShape(x!, grid!) }]
  },
  evaluate([x, grid], attributes, [{ shape }]) {
    return [sampledImage(x!, grid!, shape, samplingOf(attributes))]
  },
  differentiate({ inputs: [x, grid], attributes, cotangents: [g], wanted }) {
    const y = sampleByTaps(x!, grid!, samplingOf(attributes))
    const inputs = [x!, grid!].filter((_, i) => wanted[i])
    const found = vjp([y], [g!], inputs)
    return wanted.map((is) => (is ? found.shift()! : null))
  },
})

/**
 * x [b, c, ...spatial] read at places: [b, c, ...places].
 * @param grid [b, ...places, axes]: coordinates from -1 to 1 across the image, of the last spatial axis first
 * @example gridSample(image, grid, { padding: 'border' })
 * @throws `graph.shape`
 */
export function gridSample(
  x: SymbolicTensor,
  grid: SymbolicTensor,
  { mode = 'linear', padding = 'zeros', alignCorners = false }: GridSampleOptions = {},
): SymbolicTensor {
  // Files of the operator set that is written know it of two axes alone.
  if (x.rank !== 4 && mode !== 'cubic') {
    sampledShape(x, grid)
    return sampleByTaps(x, grid, { mode, padding, alignCorners })
  }
  return apply(gridSampleOperator, [x, grid], {
    mode: NAMES[mode],
    padding_mode: padding,
    align_corners: Number(alignCorners),
  })[0]
}

/** Rounding half to even. */
const rounded = (value: number): number => {
  const low = Math.floor(value)
  if (value - low !== 0.5) return Math.round(value)
  return low % 2 === 0 ? low : low + 1
}

/** Keys' cubic kernel (1981) with a = -0.75, at a distance of 0 to 2. */
function cubic(distance: number): number {
  const a = CUBIC_COEFFICIENT
  const t = Math.abs(distance)
  if (t <= 1) return ((a + 2) * t - (a + 3)) * t * t + 1
  return t < 2 ? ((a * t - 5 * a) * t + 8 * a) * t - 4 * a : 0
}

/** Pixels along an axis that a coordinate takes, with their weights. */
function tapsAt(coordinate: number, extent: number, { mode, alignCorners }: GridSampling): [number, number][] {
  const at = alignCorners ? ((coordinate + 1) * (extent - 1)) / 2 : ((coordinate + 1) * extent - 1) / 2
  if (mode === 'nearest') return [[rounded(at), 1]]
  const low = Math.floor(at)
  if (mode === 'linear') return [low, low + 1].map((place) => [place, 1 - Math.abs(at - place)])
  return [low - 1, low, low + 1, low + 2].map((place) => [place, cubic(at - place)])
}

/** The pixel in an image's row that stands at a place, which may be outside; -1: none does. */
function pixelAt(place: number, extent: number, { padding, alignCorners }: GridSampling): number {
  if (place >= 0 && place < extent) return place
  if (padding === 'zeros') return -1
  if (padding === 'border') return Math.min(Math.max(place, 0), extent - 1)
  let at = place
  // Mirrored at one border after the other.
  const [first, last] = alignCorners ? [0, 2 * (extent - 1)] : [-1, 2 * extent - 1]
  if (extent === 1 && alignCorners) return 0
  while (at < 0 || at >= extent) at = (at < 0 ? first : last) - at
  return at
}

/** Reference: one place after the other, from both axes' weights. */
function sampledImage(x: Reference, grid: Reference, shape: Shape, how: GridSampling): Float64Array {
  const [, channels, height, width] = x.shape
  const [batch, , rows, columns] = shape
  const places = rows * columns
  const y = new Float64Array(batch * channels * places)
  for (let b = 0; b < batch; b++) {
    for (let place = 0; place < places; place++) {
      const at = 2 * (b * places + place)
      const [across, down] = [tapsAt(grid.data[at], width, how), tapsAt(grid.data[at + 1], height, how)]
      for (const [i, down1] of down) {
        for (const [j, across1] of across) {
          const [row, column] = [pixelAt(i, height, how), pixelAt(j, width, how)]
          if (row < 0 || column < 0) continue
          for (let c = 0; c < channels; c++) {
            const pixel = x.data[((b * channels + c) * height + row) * width + column]
            y[(b * channels + c) * places + place] += down1 * across1 * pixel
          }
        }
      }
    }
  }
  return y
}
