/**
 * Classifier-free guidance (Ho, Salimans 2022, arXiv 2207.12598): the prediction for a class, moved away from that for none,
 *
 *     p = p(x, none) + w (p(x, class) - p(x, none)),
 *
 * with the guidance scale w as diffusers counts it: 1 is the class's own prediction, 0 that of no class. All that a network predicts (eps, x0, velocity) is
 * affine in eps with coefficients of the level alone, so it does not matter which one is moved. Its derivative is w times that of the one plus 1 - w times
 * that of the other; that in w is p(x, class) - p(x, none). Each prediction takes the network twice.
 */
import { inputError } from '../../base/index.ts'
import type { Along, Denoiser, DenoiserGradient, Images, Pullback } from '../denoiser.ts'
import { sum } from '../samplers/anyBatch.ts'

export interface ClassifierFreeOptions {
  /** w, at least 0. */
  readonly scale: number
  /** The class that stands for none. Default: the denoiser's own. */
  readonly nullClass?: number
}

/**
 * The denoiser, guided towards the classes it is given. Images of the null class come out as they are without.
 * @throws `guidance.classes` on a denoiser without classes or a null class, `guidance.scale`; its calls, where they are given no classes
 * @example generate({ ...options, denoiser: classifierFree(denoiser, { scale: 3 }), condition })
 */
export function classifierFree(denoiser: Denoiser, options: ClassifierFreeOptions): Denoiser {
  const { scale } = options
  const nullClass = options.nullClass ?? denoiser.nullClass
  if (denoiser.conditional === false || nullClass === undefined) {
    const came = denoiser.conditional === false ? 'one without classes' : 'one whose null class is not known'
    throw inputError(
      'guidance.classes',
      `guidance towards a class needs a model that takes classes and a null class, got ${came}; leave guidanceScale out${denoiser.conditional === false ? '' : ', or say its null class (--null-class N)'}`,
    )
  }
  if (!(scale >= 0 && Number.isFinite(scale))) {
    throw inputError('guidance.scale', `the guidance scale must be a finite number of at least 0, got ${scale}`)
  }
  const { pullback } = denoiser
  const none = (x: Images) => new Int32Array(x.shape[0]).fill(nullClass)
  const along = async (x: Images, time: number, condition?: Int32Array): Promise<Along> => {
    const classes = given(condition)
    const [towards, from] = await Promise.all([denoiser.predict(x, time, classes), denoiser.predict(x, time, none(x))])
    return { prediction: combined(towards, scale, from, 1 - scale), direction: combined(towards, 1, from, -1) }
  }
  return {
    ...propertiesOf(denoiser),
    evaluationsEach: 2 * (denoiser.evaluationsEach ?? 1),
    atScale: (other) => classifierFree(denoiser, { ...options, scale: other }),
    predict: async (...asked) => (await along(...asked)).prediction,
    predictAlong: along,
    async vjp(x, time, condition, cotangent, request) {
      const classes = given(condition)
      const [towards, from] = await Promise.all([
        denoiser.vjp(x, time, classes, scaled(cotangent, scale), request),
        denoiser.vjp(x, time, none(x), scaled(cotangent, 1 - scale), request),
      ])
      return added(towards, from)
    },
    ...(pullback && {
      async pullback(x: Images, time: number, condition?: Int32Array): Promise<Pullback> {
        const classes = given(condition)
        const [towards, from] = await Promise.all([
          pullback.call(denoiser, x, time, classes),
          pullback.call(denoiser, x, time, none(x)),
        ])
        return {
          prediction: combined(towards.prediction, scale, from.prediction, 1 - scale),
          bytes: towards.bytes + from.bytes,
          direction: () => combined(towards.prediction, 1, from.prediction, -1),
          vjp: async (cotangent) =>
            added(
              ...(await Promise.all([towards.vjp(scaled(cotangent, scale)), from.vjp(scaled(cotangent, 1 - scale))])),
            ),
          release: () => {
            towards.release()
            from.release()
          },
        }
      },
    }),
  }
}

/** What holds of the guided denoiser as of the other; by name, since a denoiser may be an instance of a class. */
function propertiesOf(denoiser: Denoiser) {
  const { prediction, times, imageShape, dtype, batch, batchStep, differentiable, timeDerivative, classes, decoder } =
    denoiser
  return {
    prediction,
    times,
    imageShape,
    differentiable,
    conditional: true,
    ...(dtype !== undefined && { dtype }),
    ...(batch !== undefined && { batch }),
    ...(batchStep !== undefined && { batchStep }),
    ...(timeDerivative !== undefined && { timeDerivative }),
    ...(classes !== undefined && { classes }),
    ...(decoder && { decoder }),
    ...(denoiser.nullClass !== undefined && { nullClass: denoiser.nullClass }),
  }
}

/** @throws `guidance.classes` */
function given(condition: Int32Array | undefined): Int32Array {
  if (condition) return condition
  throw inputError(
    'guidance.classes',
    'guidance towards a class needs a class per image, got none; give classes, or leave guidanceScale out',
  )
}

/** a f + b g, in float64 before it is kept as the images are. */
function combined(f: Images, a: number, g: Images, b: number): Images {
  const data = f.data.slice()
  for (let i = 0; i < data.length; i++) data[i] = a * f.data[i] + b * g.data[i]
  return { ...f, data } as Images
}

function scaled(images: Images, factor: number): Images {
  const data = images.data.slice()
  for (let i = 0; i < data.length; i++) data[i] *= factor
  return { ...images, data } as Images
}

function added(one: DenoiserGradient, other: DenoiserGradient): DenoiserGradient {
  const dweights = sum(one.dweights, other.dweights)
  return {
    dx: combined(one.dx, 1, other.dx, 1),
    dtime: one.dtime === null || other.dtime === null ? null : one.dtime + other.dtime,
    ...(dweights && { dweights }),
  }
}
