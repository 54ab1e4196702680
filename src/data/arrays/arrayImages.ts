/**
 * Images out of an array of numbers: which axis is what, and which number is white. Both are told by the numbers and said; where they could be either
 * they are refused.
 */
import { inputError, requireRoom, sizeOf } from '../../base/index.ts'
import type { Picture } from '../pictures/imageFile.ts'
import { requirePixels } from '../pictures/imageLimits.ts'
import type { NumberRows, NumberType } from './numberType.ts'
import { numbersIn } from './numberType.ts'

/** How one image lies in a row. */
export interface ImageLayout {
  readonly channels: number
  readonly height: number
  readonly width: number
  readonly channelsLast: boolean
}

/** Grey and RGB; with alpha, where the other axis is none of those. */
const [COLOURS, WITH_ALPHA] = [[1, 3], [4]]

/** @throws `data.arrayShape` where the axes are no image's, or could be either way round */
export function layoutOf({ name, shape, channelsFirst = false }: NumberRows): ImageLayout {
  const refuse = (what: string) => {
    const rule =
      'images must be [n, rows, columns], [n, rows, columns, channels] or [n, channels, rows, columns], of 1, 3 or 4 channels'
    return inputError('data.arrayShape', `${rule}; ${name} has [${shape}]${what}`)
  }
  const [, ...axes] = shape
  const layout = axesOf(axes, channelsFirst)
  if (layout === null) throw refuse('; reshape or transpose it')
  if (layout === 'either')
    throw refuse(', which could be either; crop it, or say [n, rows, columns, channels] by padding')
  if (sizeOf(shape) === 0) throw refuse(', which is nothing')
  try {
    requirePixels(layout.width, layout.height)
  } catch (cause) {
    throw refuse(`: ${(cause as Error).message}`)
  }
  return layout
}

function axesOf(axes: readonly number[], channelsFirst: boolean): ImageLayout | 'either' | null {
  if (axes.length === 1) {
    const side = Math.round(Math.sqrt(axes[0]))
    return side * side === axes[0] && side > 1 ? { channels: 1, height: side, width: side, channelsLast: true } : null
  }
  if (axes.length === 2) return { channels: 1, height: axes[0], width: axes[1], channelsLast: true }
  if (axes.length !== 3) return null
  const [first, , last] = axes
  const channels = [first, last].some((extent) => COLOURS.includes(extent)) ? COLOURS : WITH_ALPHA
  const [isFirst, isLast] = [first, last].map((extent) => channels.includes(extent))
  if (isFirst && isLast && !channelsFirst) return 'either'
  if (isLast && !channelsFirst) return { channels: last, height: axes[0], width: axes[1], channelsLast: true }
  return isFirst ? { channels: first, height: axes[1], width: axes[2], channelsLast: false } : null
}

/** The numbers that are black and white. */
export interface NumberRange {
  readonly black: number
  readonly white: number
  /** What a reader should know of it; null where there is no doubt. */
  readonly note: string | null
}

/** Rows that are read of an array. */
export interface ReadRows {
  readonly rows: NumberRows
  readonly indices: readonly number[]
}

/**
 * The range that numbers are in: the stated one, or the one that they seem to be in by all that are read. Bytes are in [0, 255].
 * @param parts arrays of one type
 * @param stated which number is black and which is white
 * @throws `data.arrayRange` naming what they reach, where they lie outside, or fill so little of a range that it is hardly theirs
 */
export async function rangeOf(
  parts: readonly ReadRows[],
  stated: readonly [number, number] | null,
): Promise<NumberRange> {
  const { name, type } = parts[0].rows
  if (type.name === 'bool') return { black: 0, white: 1, note: null }
  // One bright pixel is enough to know bytes by.
  const enough = stated === null && type.name === 'uint8' ? LEAST_BRIGHT : Number.POSITIVE_INFINITY
  const [low, high] = await extremesOf(parts, enough)
  const numbers = `the numbers of ${name} (${type.name}) reach from ${short(low)} to ${short(high)}`
  if (high >= enough) return { ...BYTES, note: null }
  if (stated) return statedRange(stated, low, high, numbers)
  const { black, white } = type.name === 'uint8' ? BYTES : rangeFrom(low, high, type, numbers)
  if (type.name === 'uint8' || high - low <= LEAST_SHARE * (white - black)) {
    const share = Number(((100 * (high - low)) / (white - black)).toPrecision(2))
    throw inputError(
      'data.arrayRange',
      `${numbers}, which is ${share} % of [${black}, ${white}], the range that they would be read in; ${SAY} ${short(low)},${short(high)}, or ${black},${white} where they are as dark as that`,
    )
  }
  return { black, white, note: `${numbers}: ${black} is read as black, ${white} as white` }
}

const BYTES = { black: 0, white: 255 } as const
/** Bytes none of which is as bright as this, a quarter of white, are hardly meant in [0, 255]: masks of 0 and 1, sixteen levels of grey. */
const LEAST_BRIGHT = 64
/** Numbers that fill no more of a range than this are hardly meant in it: twelve bits in sixteen, [-.5, .5] in [-1, 1]. */
const LEAST_SHARE = 0.5
const SAY = 'say which number is black and which is white: --data-range'

/** Lowest and highest of the numbers that are read, until one is high enough. */
async function extremesOf(parts: readonly ReadRows[], enough: number): Promise<readonly [number, number]> {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  for (const { rows, indices } of parts) {
    for (const index of indices) {
      for (const value of numbersIn(await rows.row(index), rows.type)) {
        if (!Number.isFinite(value)) {
          const came = `${rows.name} has ${value} in image ${index}`
          throw inputError('data.arrayRange', `pixels must be finite numbers, but ${came}`)
        }
        if (value < low) low = value
        if (value > high) high = value
      }
      if (high >= enough) return [low, high]
    }
  }
  return [low, high]
}

function statedRange(
  [black, white]: readonly [number, number],
  low: number,
  high: number,
  numbers: string,
): NumberRange {
  const rounding = ROUNDING * (white - black)
  if (low >= black - rounding && high <= white + rounding) return { black, white, note: null }
  throw inputError('data.arrayRange', `--data-range must hold all numbers, got ${black},${white}, but ${numbers}`)
}

/** Of a range, by how much float16 and resizing miss its ends. */
const ROUNDING = 1e-3

/** The range that numbers seem to be in. @throws `data.arrayRange` */
function rangeFrom(low: number, high: number, type: NumberType, numbers: string): Omit<NumberRange, 'note'> {
  if (type.whole && low >= 0 && high > 255 && high <= 65535) return { black: 0, white: 65535 }
  if (low >= 0 && high > 1 && high <= 255) return BYTES
  if (!type.whole && low >= 0 && high <= 1) return { black: 0, white: 1 }
  if (!type.whole && low >= -1 && high <= 1) return { black: -1, white: 1 }
  throw inputError(
    'data.arrayRange',
    `pixels must lie in [0, 255], [0, 1] or [-1, 1] (whole numbers in [0, 255] or [0, 65535]), but ${numbers}; ` +
      `scale them to one of these and save them anew, or ${SAY} ${short(low)},${short(high)}`,
  )
}

const short = (value: number): string => String(Number(value.toPrecision(4)))

/** One row as a picture; alpha over white. */
export function pictureOf(
  row: Uint8Array,
  type: NumberType,
  layout: ImageLayout,
  { black, white }: NumberRange,
): Picture {
  const { channels, height, width, channelsLast } = layout
  const values = numbersIn(row, type)
  const size = height * width
  const at = (c: number, i: number) => (channelsLast ? i * channels + c : c * size + i)
  const colours = channels === 4 ? 3 : channels
  const isByte = values instanceof Uint8Array && black === BYTES.black && white === BYTES.white
  const plain = isByte && channels !== 4
  const pixels = plain ? new Uint8Array(colours * size) : new Float32Array(colours * size)
  const scale = 255 / (white - black)
  let transparent = false
  for (let i = 0; i < size; i++) {
    const alpha = channels === 4 ? (values[at(3, i)] - black) / (white - black) : 1
    if (alpha < 1) transparent = true
    for (let c = 0; c < colours; c++) {
      const value = values[at(c, i)]
      pixels[c * size + i] = plain ? value : (value - black) * scale * alpha + 255 * (1 - alpha)
    }
  }
  return { channels: colours as 1 | 3, height, width, pixels, transparent }
}

/** @throws `data.tooLarge` where an array could not be held in memory as it is packed */
export function requireArrayRoom(bytes: number, name: string): void {
  requireRoom({ code: 'data.tooLarge', what: `the numbers of ${name}`, values: bytes, bytesPerValue: 1 })
}
