/**
 * Sinusoidal features of a time (Vaswani et al. 2017; Ho et al. 2020), with the arithmetic of diffusers' `Timesteps`:
 * frequency i of width/2 is 10000^(-i / (width/2 - freqShift)).
 */
import { float32 } from '../base/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import { concat, constant, cos, mul, reshape, sin } from '../graph/index.ts'

export interface SinusoidalOptions {
  /** Number of features, even. */
  readonly width: number
  readonly freqShift?: number
  /** Cosines before sines (diffusers' `flip_sin_to_cos`). Default true. */
  readonly cosineFirst?: boolean
}

/** Frequencies in float32, rounded where PyTorch rounds: at time 1000 a last-digit difference would show in the features. */
function frequencies(half: number, freqShift: number): Float32Array {
  const logBase = Math.fround(-Math.log(10000))
  return Float32Array.from({ length: half }, (_, i) =>
    Math.exp(Math.fround(Math.fround(logBase * i) / Math.fround(half - freqShift))),
  )
}

/** Features [b, width] of float32 times [b]. */
export function sinusoidalFeatures(time: SymbolicTensor, options: SinusoidalOptions): SymbolicTensor {
  const { width, freqShift = 0, cosineFirst = true } = options
  const half = width / 2
  const angles = mul(reshape(time, [time.size, 1]), constant(float32(frequencies(half, freqShift), [1, half])))
  return concat(cosineFirst ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)], 1)
}
