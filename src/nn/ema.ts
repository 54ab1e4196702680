/**
 * Moving average of weights (Polyak averaging as diffusion models use it): the average is what is sampled from, saved and
 * exported. On the host, over flat float32 vectors, in place: it runs once per training step over all weights.
 */
import { inputError } from '../base/index.ts'

/**
 * Decay after `step` training steps (1 after the first): min(largest, (step + 1)/(step + 10)), so that early averages forget the
 * start quickly.
 */
export function emaDecay(step: number, largest: number): number {
  return Math.min(largest, (step + 1) / (step + 10))
}

/** average = decay average + (1 - decay) weights, written into `average`. @throws `nn.ema` if the lengths differ */
export function updateEma(average: Float32Array, weights: Float32Array, decay: number): void {
  if (average.length !== weights.length) {
    throw inputError('nn.ema', `average and weights must have one length, got ${average.length} and ${weights.length}`)
  }
  const rate = 1 - decay
  for (let i = 0; i < average.length; i++) average[i] += rate * (weights[i] - average[i])
}
