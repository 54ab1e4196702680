/** Plain functions as a feature network: features in a closed form, or of a network that runs elsewhere. In float64 throughout. */
import type { AskedOf, PlainImages, Shape } from '../base/index.ts'
import { inputError, inWords, numbersFrom, rowsDisagreement, sameShape, sha256, tensor } from '../base/index.ts'
import type { FeatureNetwork, ImageBatch } from './featureNetwork.ts'
import { imageCount } from './featureNetwork.ts'
import type { Features } from './rows.ts'

/** A feature network of plain functions. In all of them row i of what is returned depends on image i alone. */
export interface FunctionFeaturesOptions {
  /** Goes beside every number. */
  readonly name: string
  /** [channels, height, width] of one image, in whatever range its data have. */
  readonly imageShape: Shape
  /** d, length of a feature row. */
  readonly dimensions: number
  /** Feature rows [n, d]: n d numbers, row-major. */
  readonly features: (images: PlainImages) => ArrayLike<number> | Promise<ArrayLike<number>>
  /**
   * Vector-Jacobian product: d <cotangent, features> / d images, a number per element of the images; `cotangent` is [n, d]. Absent: no derivative,
   * so schedules are learned by differences of whole samples.
   */
  readonly vjp?: (images: PlainImages, cotangent: Float64Array) => ArrayLike<number> | Promise<ArrayLike<number>>
  /** Class probabilities [n, classes]: n `classes` numbers. With them it can be a judge. */
  readonly probabilities?: (images: PlainImages) => ArrayLike<number> | Promise<ArrayLike<number>>
  /** How many classes `probabilities` tells apart. */
  readonly classes?: number
  /** What tells it from others. Default: that of the functions' source text, which does not see what they close over. */
  readonly hash?: string
  /** Whether `vjp` is compared with central differences of `features` at its first call, on up to 8 images. Default true. */
  readonly checkDerivative?: boolean
}

/** Images on which the derivative is checked. */
const CHECKED_IMAGES = 8

/**
 * A feature network of plain functions.
 * @throws `metrics.options` on a shape, dimensions or functions that are none. Its calls throw `metrics.images`, `metrics.shape` on what they are
 *   given; `metrics.function` with what a function threw; `metrics.shape`, `metrics.nan` on what it returned; `metrics.differences` where `vjp` is not
 *   the derivative of `features`, with both figures
 * @example
 * functionFeatures({
 *   name: 'moments',
 *   imageShape: [1, 1, 1],
 *   dimensions: 2,
 *   features: ({ data }) => [...data].flatMap((u) => [u, u * u]),
 *   vjp: ({ data }, cotangent) => data.map((u, i) => cotangent[2 * i] + 2 * u * cotangent[2 * i + 1]),
 * })
 */
export function functionFeatures(options: FunctionFeaturesOptions): FeatureNetwork {
  checkOptions(options)
  const { name, imageShape, dimensions, vjp, probabilities, classes = 0, checkDerivative = true } = options
  const calls = callsOf(options)
  let checked = !checkDerivative
  return {
    name,
    hash: options.hash ?? sha256(`function ${options.features} ${vjp ?? ''} ${probabilities ?? ''}`),
    dimensions,
    imageShape,
    range: [-1, 1],
    features: async (images) => rowsOf(await calls.features(imagesOf(images, imageShape)), dimensions),
    ...(probabilities && {
      probabilities: async (images: ImageBatch) =>
        rowsOf(await calls.probabilities(imagesOf(images, imageShape)), classes),
    }),
    ...(vjp && {
      async vjp(images: ImageBatch, dFeatures: Features) {
        const own = imagesOf(images, imageShape)
        const cotangent = cotangentOf(dFeatures, [own.shape[0], dimensions])
        if (!checked) await checkAgainstDifferences(name, calls, firstOf(own))
        checked = true
        return tensor('float64', own.shape, Float64Array.from(await calls.vjp(own, cotangent)))
      },
    }),
    async dispose() {},
  }
}

/** The functions, called with copies, what they return checked. */
interface Calls {
  features(images: PlainImages): Promise<Float32Array | Float64Array>
  probabilities(images: PlainImages): Promise<Float32Array | Float64Array>
  vjp(images: PlainImages, cotangent: Float64Array): Promise<Float32Array | Float64Array>
}

function callsOf({ name, dimensions, classes = 0, features, probabilities, vjp }: FunctionFeaturesOptions): Calls {
  const asked = (what: string, width: number, { shape: [count] }: PlainImages): AskedOf => ({
    room: 'metrics',
    what: `${what} of feature network '${name}'`,
    length: count * width,
    numbers: `${width} numbers for each of ${count} images`,
    call: `({ data, shape: [n, channels, height, width] }${what === 'vjp' ? ', cotangent' : ''})`,
    place: (i) => `image ${Math.floor(i / width)}`,
  })
  const copyOf = ({ data, shape }: PlainImages): PlainImages => ({ data: data.slice(), shape: [...shape] })
  return {
    features: (images) => numbersFrom(() => features(copyOf(images)), asked('features', dimensions, images)),
    probabilities: (images) =>
      numbersFrom(() => probabilities?.(copyOf(images)) ?? [], asked('probabilities', classes, images)),
    vjp: (images, cotangent) =>
      numbersFrom(
        () => vjp?.(copyOf(images), cotangent.slice()) ?? [],
        asked('vjp', images.data.length / images.shape[0], images),
      ),
  }
}

/** @throws `metrics.shape` */
function cotangentOf({ data, shape }: Features, wanted: Shape): Float64Array {
  if (sameShape(shape, wanted)) return Float64Array.from(data)
  throw inputError('metrics.shape', `the cotangent of the features must be [${wanted}], got [${shape}]`)
}

/** @throws `metrics.differences` */
async function checkAgainstDifferences(name: string, calls: Calls, images: PlainImages): Promise<void> {
  const f = {
    value: (data: Float64Array) => calls.features({ ...images, data }),
    vjp: (cotangent: Float64Array) => calls.vjp(images, cotangent),
  }
  const found = await rowsDisagreement(f, images.data, images.shape[0])
  if (!found) return
  throw inputError(
    'metrics.differences',
    `vjp of feature network '${name}' must be the derivative of its features, but along a line through image ${found.row} it gives ` +
      `${found.given.toPrecision(6)}, central differences of features ${found.found.toPrecision(6)}; mend it, or say checkDerivative: false ` +
      'if differences cannot see it',
  )
}

/** In float64, in memory of its own. @throws `metrics.images` */
function imagesOf(images: ImageBatch, imageShape: Shape): PlainImages {
  imageCount(images, imageShape)
  return { data: Float64Array.from(images.data), shape: images.shape }
}

function firstOf({ data, shape: [count, ...image] }: PlainImages): PlainImages {
  const some = Math.min(count, CHECKED_IMAGES)
  return { data: data.slice(0, (data.length / count) * some), shape: [some, ...image] }
}

const rowsOf = (data: ArrayLike<number>, width: number): Features =>
  tensor('float64', [data.length / width, width], Float64Array.from(data))

function checkOptions({
  name,
  imageShape,
  dimensions,
  features,
  vjp,
  probabilities,
  classes,
}: FunctionFeaturesOptions) {
  const refuse = (rule: string, came: unknown) =>
    inputError('metrics.options', `feature network '${name}': ${rule}, got ${inWords(came)}`)
  const whole = (value: number | undefined) => Number.isInteger(value) && (value ?? 0) >= 1
  if (!(Array.isArray(imageShape) && imageShape.length === 3 && imageShape.every(whole))) {
    throw refuse(
      'imageShape must be [channels, height, width], whole numbers from 1; a point of d numbers is [1, 1, d]',
      imageShape,
    )
  }
  if (!whole(dimensions)) throw refuse('dimensions must be a whole number from 1', dimensions)
  if (typeof features !== 'function') throw refuse('features must be a function', features)
  for (const [what, f] of Object.entries({ vjp, probabilities })) {
    if (f !== undefined && typeof f !== 'function') throw refuse(`${what} must be a function`, f)
  }
  if ((probabilities === undefined) !== (classes === undefined) || (classes !== undefined && !whole(classes))) {
    throw refuse('classes must be the whole number of classes that probabilities tells apart, and go with it', classes)
  }
}
