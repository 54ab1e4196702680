import type { Shape } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import type { FeatureNetwork } from '../metrics/index.ts'
import type { Device } from '../runtime/index.ts'

/** What the terms of a reward may look through and be made of. */
export interface RewardContext {
  /** The network `@features`, the default of terms that look through one. Classifiers have derivatives here, other networks where they have a `vjp`. */
  readonly features: FeatureNetwork | null
  /** The network `@judge`. */
  readonly judge: FeatureNetwork | null
  /** Images of the tuning split, for typicality. */
  readonly tuning: Images | null
  /** [channels, height, width] of the images to rate. */
  readonly imageShape: Shape
  /** Pixel range that ONNX files and JavaScript modules take, where they do not say so themselves. */
  readonly imageRange?: readonly [number, number] | null
  /** Images per program run; best the model's own batch. Default 100. */
  readonly batch?: number
  readonly device?: Device
}
