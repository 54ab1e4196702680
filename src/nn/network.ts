/** What a network is: parameter names and shapes, running statistics, and a pure traced function of both. */
import type { RandomStream, Shape } from '../base/index.ts'
import type { Named, SymbolicTensor } from '../graph/index.ts'

/** One named parameter (or running statistic) and how it starts. */
export interface ParameterSpec {
  readonly name: string
  readonly shape: Shape
  /** Initial value, float32, row-major. */
  readonly initial: (random: RandomStream) => Float32Array
}

/** `train`: batch statistics, statistics updated. `eval`: running statistics. Alike where a network has none. */
export type Mode = 'train' | 'eval'

/** Inputs of a denoising network: sample [b,c,h,w]; timestep [b] (int64 if `times` is integer, else float32); condition int64 [b]. */
export interface NetworkInputs {
  readonly sample: SymbolicTensor
  readonly timestep: SymbolicTensor
  readonly condition?: SymbolicTensor
}

export interface NetworkOutputs {
  /** Prediction, the shape of `sample`. */
  readonly prediction: SymbolicTensor
  /** New running statistics by name; empty where there are none or in `eval` mode. */
  readonly statistics: Named
}

/** A denoising network: data about it and its traced forward pass. Weights are arguments, never state. */
export interface DenoisingNetwork {
  /** Stable kind, written to config files: `UNet2DModel`, `ShuffleUNet`, `MLP`. */
  readonly kind: string
  /** JSON-serialisable config that rebuilds it. */
  readonly config: Readonly<Record<string, unknown>>
  readonly imageShape: Shape
  readonly times: 'integer' | 'real'
  /** Number of classes that can be asked for, 0 to one less. Undefined: unconditional. */
  readonly classes?: number
  /** What stands for no class, the number of classes; undefined: every image needs a class, or there are none. */
  readonly nullClass?: number
  /** What a reader of its predictions must know, a sentence each; absent: nothing. */
  readonly notes?: readonly string[]
  readonly parameters: readonly ParameterSpec[]
  readonly statistics: readonly ParameterSpec[]
  /** Today's name of a parameter that older checkpoints call otherwise; absent: names have not changed. */
  readonly currentName?: (name: string) => string
  /** Traced forward pass. `weights` and `statistics` by name. */
  apply(weights: Named, statistics: Named, inputs: NetworkInputs, mode: Mode): NetworkOutputs
}
