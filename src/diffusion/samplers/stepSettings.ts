/** What a sampler is told of how to take its steps: all settings but which sampler it is. */
export interface StepSettings {
  /** Range to which x0Hat is clipped, or null. */
  readonly clip: readonly [number, number] | null
  /**
   * After clipping x0Hat: `keep` epsHat as predicted (diffusers' DDIM) or `recompute` it from the clipped x0Hat, which makes DDPM's step
   * the posterior mean of the clipped image (diffusers' DDPM).
   */
  readonly clippedNoise: 'keep' | 'recompute'
  /** DDIM: 0 deterministic to 1 ancestral. DDPM's mean is eta 1's whatever this says. */
  readonly eta: number
  /** DDPM: noise variance `small` (posterior) or `large` (1 - v/w). */
  readonly variance: 'small' | 'large'
  /** DDPM `large`: whether the last step is noised too. */
  readonly noisyLastStep: boolean
}
