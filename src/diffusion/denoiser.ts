/**
 * What a sampler calls. A compiled network is a `Denoiser`; so is a closed-form host function, so that tests run the real
 * samplers and tuners on problems with known answers.
 */
import type { Shape, Tensor } from '../base/index.ts'

/** A batch of images [batch, channels, height, width]: float32 from networks, float64 from closed forms. */
export type Images = Tensor<'float32'> | Tensor<'float64'>

/** Elements of images. */
export type ImageData = Float32Array | Float64Array

/** What the network predicts: eps; x0; or signal eps - noise x0 (on a flow's straight path: eps - x0). */
export type Prediction = 'noise' | 'sample' | 'velocity'

/** What a network is trained to predict. `flow`: eps - x0 at the levels of a flow, which is `velocity` there. */
export type TrainingTarget = Prediction | 'flow'

/** All of them. */
export const TRAINING_TARGETS = ['noise', 'sample', 'velocity', 'flow'] as const satisfies readonly TrainingTarget[]

/** What a network that was trained so predicts, at the levels of the schedule it was trained with. */
export const predictionOf = (target: TrainingTarget): Prediction => (target === 'flow' ? 'velocity' : target)

/** Cotangents that come back through a network. */
export interface DenoiserGradient {
  /** Cotangent of x, the shape of x. */
  readonly dx: Images
  /** Derivative in the told time, summed over the batch; null where there is none (integer times, `timeDerivative` false). */
  readonly dtime: number | null
  /** Cotangent of the flat weights, where asked for: float32 from networks, float64 from closed forms. */
  readonly dweights?: ImageData
  /** What was predicted there, where it is at hand. */
  readonly prediction?: Images
}

/** A guided prediction. */
export interface Along {
  readonly prediction: Images
  /** Its derivative in the guidance scale, of each image. */
  readonly direction: Images
}

/** A prediction that kept what its derivative needs. */
export interface Pullback {
  readonly prediction: Images
  /** Derivative of the prediction in the guidance scale, where it is guided. */
  direction?(): Images
  /** Bytes that are kept with it. */
  readonly bytes: number
  /** Pulls a cotangent of the prediction back to x and the told time: {@link Denoiser.vjp} without the forward pass. */
  vjp(cotangent: Images): Promise<DenoiserGradient>
  /** Frees what is kept: `vjp` is over. */
  release(): void
}

/**
 * What makes pictures of latents: the decoder of an autoencoder, with the scaling of its latents undone before. Pictures are in [-1, 1]: what the network gives
 * beyond is clipped, as the pipelines of such models do, and has the derivative 0.
 */
export interface PictureDecoder {
  /** [channels, height, width] of a picture. */
  readonly pictureShape: Shape
  /** Whether `vjp` exists. */
  readonly differentiable: boolean
  /** Pictures [n, ...pictureShape] of latents [n, ...], any n. */
  decode(latents: Images): Promise<Images>
  /** Cotangent of the latents, of a cotangent of their pictures. @throws `decoder.derivative` where there is none */
  vjp(latents: Images, cotangent: Images): Promise<Images>
}

/** A noise-predicting (or sample-, velocity-predicting) network at fixed weights. */
export interface Denoiser {
  readonly prediction: Prediction
  /** `integer`: a learned table of times, no derivative in time. */
  readonly times: 'integer' | 'real'
  /** [channels, height, width] */
  readonly imageShape: Shape
  /** Element type of the images it takes and gives. Default float32. */
  readonly dtype?: 'float32' | 'float64'
  /** Images per call; callers cut and pad to it. Undefined: any number. */
  readonly batch?: number
  /** A call may also be of fewer images than `batch`, as many times this. Default: of `batch` alone. */
  readonly batchStep?: number
  /** Whether `vjp` exists. False for plain functions that bring none, and for ONNX files whose operators are not all known here or have none. */
  readonly differentiable: boolean
  /** Whether `vjp` gives the derivative in the told time. Default: where times are real. */
  readonly timeDerivative?: boolean
  /** Whether it takes a class per image. Undefined: not known. */
  readonly conditional?: boolean
  /** How many classes it knows, where that is known. */
  readonly classes?: number
  /** The class that stands for none; undefined: there is none, or it is not known. */
  readonly nullClass?: number
  /** What makes pictures of its images, where these are latents: samplers and schedules know nothing of it. Absent: they are the pictures. */
  readonly decoder?: PictureDecoder
  /** Network evaluations that a prediction of one image takes. Default 1. */
  readonly evaluationsEach?: number
  /**
   * Prediction at x [batch, ...imageShape]; all images are told the same time; `condition` is a class per image. Arrays belong to the
   * caller again as soon as the call has returned, here and below: they are not read later.
   */
  predict(x: Images, time: number, condition?: Int32Array): Promise<Images>
  /** Vector-Jacobian product at the same arguments. */
  vjp(
    x: Images,
    time: number,
    condition: Int32Array | undefined,
    cotangent: Images,
    options?: { readonly weights?: boolean },
  ): Promise<DenoiserGradient>
  /** The same at another scale of classifier-free guidance. Absent: it is not guided towards classes. */
  atScale?(scale: number): Denoiser
  /** Prediction with its derivative in that scale, at the same arguments as `predict`. */
  predictAlong?(x: Images, time: number, condition?: Int32Array): Promise<Along>
  /** Prediction that keeps its activations, so that its derivative is a backward pass alone. Absent where nothing can be kept. */
  pullback?(x: Images, time: number, condition?: Int32Array): Promise<Pullback>
}
