/**
 * What a CLIP model does to an image before it looks: resizing with antialiasing, a centre crop, mean and deviation by channel. Written in the graph's
 * operators, so that the derivative goes through it. Rounding to bytes is left out, which has none; the cut of what bicubic interpolation overshoots is not.
 * `CLIPImageProcessor` of transformers, `preprocessor_config.json`.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Resampling, Tensor } from '../../base/index.ts'
import { filled, float32, inputError, interpolationWindows, parseJson } from '../../base/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { clip, constant, div, expand, matmul, mul, slice, sub } from '../../graph/index.ts'

/** Pixels are as of images in [0, 1]. */
export interface ClipPreprocessing {
  /** Null: the image is taken as it is. `shortest`: its shorter side becomes that long, the other in proportion. */
  readonly resize: { readonly shortest: number } | { readonly height: number; readonly width: number } | null
  readonly kernel: Resampling
  /** [height, width]; null: all of it. */
  readonly crop: readonly [number, number] | null
  /** What pixels in [0, 1] are multiplied by. */
  readonly factor: number
  /** By channel; null: none. */
  readonly mean: readonly number[] | null
  readonly deviation: readonly number[] | null
}

const side = z.int().min(1).max(8192)
const size = z.union([side, z.looseObject({ shortest_edge: side }), z.looseObject({ height: side, width: side })])
const three = z.array(z.number()).min(1).max(4)

const processorSchema = z.looseObject({
  do_resize: z.boolean().default(true),
  size: size.default(224),
  resample: z.int().default(3),
  do_center_crop: z.boolean().default(true),
  crop_size: size.nullish(),
  do_rescale: z.boolean().default(true),
  rescale_factor: z
    .number()
    .positive()
    .default(1 / 255),
  do_normalize: z.boolean().default(true),
  image_mean: three.default([0.48145466, 0.4578275, 0.40821073]),
  image_std: three.default([0.26862954, 0.26130258, 0.27577711]),
})

/** Pillow's numbers of the kernels that are offered. */
const KERNELS: Readonly<Record<number, Resampling>> = { 2: 'bilinear', 3: 'bicubic' }

/**
 * Reads `preprocessor_config.json`; fields that are absent are CLIP's.
 * @throws `reward.clip` on what is not offered
 */
export async function readPreprocessing(path: string): Promise<ClipPreprocessing> {
  const refuse = (why: string, options?: ErrorOptions) =>
    inputError('reward.clip', `'${path}' must be the preprocessor_config.json of a CLIP model: ${why}`, options)
  let read: z.infer<typeof processorSchema>
  try {
    read = processorSchema.parse(parseJson(await readFile(path, 'utf8')))
  } catch (error) {
    throw refuse(error instanceof z.ZodError ? z.prettifyError(error) : (error as Error).message, { cause: error })
  }
  const kernel = KERNELS[read.resample]
  if (read.do_resize && !kernel)
    throw refuse(`it resizes by Pillow's kernel ${read.resample}; bilinear (2) and bicubic (3) are offered`)
  const channels = read.image_mean.length
  if (read.image_std.length !== channels || read.image_std.some((value) => value <= 0)) {
    throw refuse(`image_std must hold ${channels} positive numbers, as image_mean has, it is [${read.image_std}]`)
  }
  return {
    resize: read.do_resize ? resizeOf(read.size) : null,
    kernel: kernel ?? 'bicubic',
    crop: read.do_center_crop ? cropOf(read.crop_size ?? read.size) : null,
    factor: read.do_rescale ? 255 * read.rescale_factor : 255,
    mean: read.do_normalize ? read.image_mean : null,
    deviation: read.do_normalize ? read.image_std : null,
  }
}

type Size = z.infer<typeof size>

const isSquare = (given: Size): given is number => typeof given === 'number'

function resizeOf(given: Size): ClipPreprocessing['resize'] {
  if (isSquare(given)) return { shortest: given }
  return 'height' in given
    ? { height: given.height as number, width: given.width as number }
    : { shortest: given.shortest_edge as number }
}

function cropOf(given: Size): readonly [number, number] {
  if (isSquare(given)) return [given, given]
  return 'height' in given
    ? [given.height as number, given.width as number]
    : [given.shortest_edge as number, given.shortest_edge as number]
}

/** What rounding may put beyond [0, 1], which must not cost a pixel its derivative. */
const ROUNDING = 1e-5

/**
 * Images [b, c, height, width] in [0, 1] as the tower takes them, [b, channels, high, wide]; a grey one is repeated.
 * @throws `reward.clip` where an image has other channels, or is smaller than the crop
 */
export function preprocessed(images: SymbolicTensor, how: ClipPreprocessing, channels: number): SymbolicTensor {
  const sized = cropped(resized(coloured(images, channels), how), how)
  const scaled = how.factor === 1 ? sized : mul(sized, how.factor)
  if (!how.mean || !how.deviation) return scaled
  const byChannel = (values: readonly number[]) => constant(float32(values, [1, values.length, 1, 1]))
  return div(sub(scaled, byChannel(how.mean)), byChannel(how.deviation))
}

function coloured(images: SymbolicTensor, channels: number): SymbolicTensor {
  const [batch, own, height, width] = images.shape
  if (own === channels) return images
  if (own === 1) return expand(images, [batch, channels, height, width])
  throw inputError(
    'reward.clip',
    `the image tower takes images of ${channels} channels, or grey ones; they have ${own}`,
  )
}

/** [height, width] that an image is resized to, as transformers rounds it. */
export function resizedSides(
  [height, width]: readonly [number, number],
  resize: ClipPreprocessing['resize'],
): readonly [number, number] {
  if (!resize) return [height, width]
  if (!('shortest' in resize)) return [resize.height, resize.width]
  const { shortest } = resize
  return height <= width
    ? [shortest, Math.trunc((shortest * width) / height)]
    : [Math.trunc((shortest * height) / width), shortest]
}

function resized(images: SymbolicTensor, { resize, kernel }: ClipPreprocessing): SymbolicTensor {
  const [, , height, width] = images.shape
  const [high, wide] = resizedSides([height, width], resize)
  if (high === height && wide === width) return images
  const across = wide === width ? images : matmul(images, constant(weightsOf(width, wide, kernel, true)))
  const both = high === height ? across : matmul(constant(weightsOf(height, high, kernel, false)), across)
  return clip(both, -ROUNDING, 1 + ROUNDING)
}

/** Interpolation along a line as a matrix [to, from], or its transpose. */
function weightsOf(from: number, to: number, kernel: Resampling, transposed: boolean): Tensor<'float32'> {
  const matrix = filled(transposed ? [from, to] : [to, from])
  interpolationWindows(from, to, kernel).forEach(({ first, weights }, i) => {
    weights.forEach((weight, j) => {
      matrix.data[transposed ? (first + j) * to + i : i * from + first + j] = weight
    })
  })
  return matrix
}

function cropped(images: SymbolicTensor, { crop }: ClipPreprocessing): SymbolicTensor {
  if (!crop) return images
  const [, , height, width] = images.shape
  const [high, wide] = crop
  if (high > height || wide > width) {
    throw inputError(
      'reward.clip',
      `images of ${height} x ${width} must not be smaller than the crop of ${high} x ${wide}`,
    )
  }
  const [top, left] = [Math.floor((height - high) / 2), Math.floor((width - wide) / 2)]
  return slice(images, [
    { axis: 2, start: top, end: top + high },
    { axis: 3, start: left, end: left + wide },
  ])
}
