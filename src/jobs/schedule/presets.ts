/** Presets of `bilevel schedule`: what it is set to by name. Chosen by measurement; anything else can be set over them. */

/**
 * - `quick`: 16x16 digits and five steps, minutes on two cores.
 * - `mnist`: the bilevel paper's network at 28x28; hours, and days on few cores.
 * - `tiny`: a smoke test in seconds. Its images are noise and its numbers mean nothing.
 */
export const PRESETS = {
  quick: {
    size: 16,
    network: { kind: 'unet', channels: [16, 32, 64], layersPerBlock: 1, groups: 8 },
    samplingFamily: 'levels',
    sampler: 'dpm-solver++',
    samplingSteps: 5,
    starts: 1,
    trainSteps: 1500,
    emaDecay: 0.998,
    iterations: 10,
    tuningSamples: 192,
    candidateSamples: 256,
    otherSteps: false,
    evaluationSamples: 1000,
    samplingSeeds: [11, 12, 13],
  },
  mnist: {
    size: 28,
    network: { kind: 'shuffle', channels: [64, 128, 256], layersPerBlock: null, groups: null },
    samplingFamily: 'levels',
    sampler: 'dpm-solver++',
    samplingSteps: 10,
    timesteps: 1000,
    batch: 128,
    trainSteps: 20_000,
    warmUpSteps: 500,
    emaDecay: 0.999,
    iterations: 30,
    tuningSamples: 512,
    candidateSamples: 512,
    ceilingSteps: 250,
    evaluationSamples: 2000,
    samplingSeeds: [11, 12, 13, 14, 15],
  },
  tiny: {
    size: 16,
    network: { kind: 'unet', channels: [8, 8], layersPerBlock: 1, groups: 4 },
    sampler: 'ddim',
    samplingSteps: 2,
    timesteps: 20,
    trainSteps: 12,
    batch: 8,
    warmUpSteps: 2,
    iterations: 3,
    tuningSamples: 72,
    candidateSamples: 72,
    evaluationSamples: 72,
    samplingSeeds: [11, 12],
    chunk: 72,
  },
} as const
