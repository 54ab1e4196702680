/** A result as `bilevel entropy --preset quick` gives it, and the same with other outcomes: for the tests of the report. */
import { randomStream } from '../../../base/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { CurvePoint, EntropyGrid, EntropyIteration, EntropyResult } from '../../../tuners/index.ts'
import type { EntropyContext } from '../../reporting/context.ts'

export const ENTROPY_CONTEXT: EntropyContext = {
  run: 'runs/entropy-quick-3',
  preset: 'quick',
  config: {
    preset: 'quick',
    model: 'digits-16',
    reward: 'log-probability:3@features',
    judge: 'log-probability:3@judge + 5*typicality@features',
    lambdaRange: [0.01, 10],
    class: 'unconditional',
    note: 'a < b & "c"',
  },
  model: 'digits-16',
  sources: {
    model: { path: 'digits-16', sha256: '5e1f0c7a' },
    reward: { name: 'log-probability:3[lenet-digits16-features-1a2b3c4d]', sha256: '77aa01' },
    features: null,
  },
  notes: ['the reward has seen pixels beyond [-1, 1] & <more>'],
  peakMemoryMiB: 812.3,
  versions: { 'bilevel-diffusion': '0.1.0', node: '20.19.5', 'onnxruntime-node': '1.30.0', platform: 'linux x64' },
}

const estimate = (mean: number, standardError: number | null, count = 256): MeanAndStandardError => ({
  mean,
  standardError,
  count,
})

/** Thirteen values of lambda, evenly spaced in log. */
const LAMBDAS = Array.from({ length: 13 }, (_, i) => 0.01 * 1000 ** (i / 12))

/** The judge falls on both sides of lambda = .93, the chased reward saturates, KL grows without bound. */
function guidedPoint(lambda: number): CurvePoint {
  const s = 1 / lambda
  return {
    lambda,
    target: 'guided',
    upper: estimate(-12.3 * Math.exp(-2.9 * s) - 4.82 - 0.36 * s ** 0.934, 0.06 + 0.004 * s),
    lower: estimate(-11.5 * Math.exp(-5.4 * s) - 0.009 - 0.1 / (1 + s * s), 0.31 * Math.exp(-s) + 0.002),
    kl: estimate(8.5 * s ** 1.3, 0.3 * s),
    diversity: estimate(3.1 + 1.9 / (1 + s), 0.04),
    effectiveSampleSize: 256,
    paretoK: null,
    trusted: true,
    drawn: true,
  }
}

function tiltPoint(lambda: number): CurvePoint {
  const s = 1 / lambda
  const trusted = s < 0.5
  return {
    lambda,
    target: 'tilt',
    upper: estimate(-11.7 * Math.exp(-2.6 * s) - 5.6, 0.1 + 0.8 * s ** 0.3),
    lower: estimate(-11.4 * Math.exp(-3.6 * s) - 0.02, 0.2 * Math.exp(-s) + 0.01),
    kl: estimate(2.2 - 2.2 * Math.exp(-3 * s), 0.05),
    diversity: estimate(4.2 + 0.8 / (1 + s), 0.06),
    effectiveSampleSize: trusted ? 610 : 900 / (1 + 40 * s),
    paretoK: trusted ? 0.31 : 0.94,
    trusted,
    drawn: false,
  }
}

const curve = [...LAMBDAS.map(guidedPoint), ...LAMBDAS.map(tiltPoint)]

const iterations: EntropyIteration[] = [
  [10, 'explore', -3.1, 0.6, 32],
  [2.15, 'explore', -2.4, 0.5, 32],
  [0.464, 'explore', 0.81, 0.2, 32],
  [0.1, 'explore', 2.31, 0.22, 32],
  [1.02, 'refine', 0.04, 0.11, 96],
  [0.93, 'refine', -0.01, 0.08, 160],
  [0.71, 'confirm', 0.31, 0.09, 384],
  [0.93, 'confirm', -0.02, 0.06, 384],
  [1.24, 'confirm', -0.38, 0.1, 384],
].map(([lambda, phase, gradient, error, paths], iteration) => ({
  iteration,
  phase: phase as EntropyIteration['phase'],
  lambda: lambda as number,
  gradient: estimate(gradient as number, error as number, paths as number),
  collapsed: false,
  paths: paths as number,
  evaluations: 2400 * (iteration + 1) ** 2,
}))

/** Strokes of a ring that get bolder: something to see, the same for a seed. */
function grid(label: EntropyGrid['label'], lambda: number | null, boldness: number, channels = 1): EntropyGrid {
  const size = 16
  const images = new Float32Array(12 * channels * size * size)
  for (let item = 0; item < 12; item++) {
    const stream = randomStream({ seed: 3, purpose: 'fixture', item })
    const [x0, y0, radius] = Array.from(stream.normal(new Float64Array(3)), (value, i) =>
      i < 2 ? 7.5 + value : 4 + value / 2,
    )
    for (let i = 0; i < channels * size * size; i++) {
      const pixel = i % (size * size)
      const distance = Math.hypot((pixel % size) - x0, Math.floor(pixel / size) - y0)
      const value = 2 * Math.exp(-((distance - radius) ** 2) / boldness) - 1
      images[item * channels * size * size + i] = Math.min(1, Math.max(-1, value))
    }
  }
  return { label, lambda, count: 12, shape: [channels, size, size], images }
}

/** An optimum inside the range, confirmed; over-optimisation beyond it. */
export const RESOLVED: EntropyResult = {
  seed: 3,
  target: 'guided',
  estimator: 'paired-differences',
  gamma: null,
  sampler: { sampler: 'ddim', clip: [-1, 1], clippedNoise: 'keep', eta: 1, variance: 'small', noisyLastStep: false },
  samplingSteps: 25,
  lambdaRange: [0.01, 10],
  tolerance: 2,
  minimumAlphaBar: 2e-3,
  rewardName: 'log-probability:3[lenet-digits16-features-1a2b3c4d]',
  judgeName: 'log-probability:3[resnet-digits16-judge-9f8e7d6c] + 5*typicality[lenet-digits16-features-1a2b3c4d]',
  featureNetwork: 'lenet-digits16-features-1a2b3c4d',
  entropyStrength: {
    value: 0.9312,
    low: 0.7104,
    high: 1.2417,
    resolved: true,
    reason: null,
    boundary: null,
    slope: null,
  },
  rivals: [],
  unseen: { share: 3 / 384, highest: -0.00071, reward: null, judge: 3.24 },
  extend: null,
  upper: { base: estimate(-17.512, 0.31), tuned: estimate(-5.803, 0.071), lambdaMin: estimate(-31.47, 0.44) },
  lower: { base: estimate(-11.48, 0.29), tuned: estimate(-0.0871, 0.0113), lambdaMin: estimate(-0.0092, 0.0021) },
  diversity: { base: estimate(5.021, 0.038), tuned: estimate(4.113, 0.042), lambdaMin: estimate(2.937, 0.051) },
  kl: { value: 11.42, standardError: 0.33, kind: 'path' },
  effectiveSampleSize: 384,
  paretoK: null,
  networkEvaluations: { explore: 9300, refine: 18_600, confirm: 83_700, curve: 61_200, total: 172_800 },
  curve,
  iterations,
  grids: [
    grid('base', null, 0.7),
    grid('weak', LAMBDAS[10], 1.2),
    grid('chosen', 0.9312, 2),
    grid('strongest', 0.01, 7),
  ],
  seconds: 193.4,
}

/** The confidence interval stayed wider than asked for. */
export const UNRESOLVED: EntropyResult = {
  ...RESOLVED,
  rivals: [0.0831],
  entropyStrength: {
    ...RESOLVED.entropyStrength,
    low: 0.31,
    high: 2.9,
    resolved: false,
    reason:
      'the interval of lambda is 9.4 wide after 400,000 network evaluations, more than the tolerance of 2; raise maxEvaluations',
  },
}

/** The judge still rises at the weakest guidance. */
export const BOUNDARY: EntropyResult = {
  ...RESOLVED,
  entropyStrength: {
    value: 10,
    low: 10,
    high: 10,
    resolved: true,
    reason: null,
    boundary: 'high',
    slope: estimate(-0.412, 0.051),
  },
  extend: 'high',
  upper: { ...RESOLVED.upper, tuned: estimate(-16.98, 0.3) },
}

/** No over-optimisation in the range: the judge is best at the strongest guidance. */
export const NO_HARM: EntropyResult = {
  ...RESOLVED,
  entropyStrength: {
    ...BOUNDARY.entropyStrength,
    value: 0.01,
    low: 0.01,
    high: 0.01,
    boundary: 'low',
    slope: estimate(0.31, 0.04),
  },
  extend: 'low',
  upper: { ...RESOLVED.upper, tuned: estimate(-5.2, 0.06), lambdaMin: estimate(-5.2, 0.06) },
  lower: { ...RESOLVED.lower, tuned: RESOLVED.lower.lambdaMin },
}

/** A file without derivatives: tilt by particles, no features, the base curve only, colour images, what is not known null. */
export const BARE_TILT: EntropyResult = {
  ...RESOLVED,
  target: 'tilt',
  estimator: 'smc',
  unseen: { share: 3 / 2048, highest: -0.0123, reward: 1.672, judge: null },
  sampler: { ...RESOLVED.sampler, sampler: 'ddpm', eta: 0, clip: null },
  featureNetwork: null,
  diversity: null,
  kl: { value: 1.18, standardError: null, kind: 'tilt' },
  effectiveSampleSize: 211.4,
  paretoK: 0.42,
  curve: LAMBDAS.map((lambda) => ({ ...tiltPoint(lambda), diversity: null })),
  iterations: iterations.slice(0, 1),
  grids: [grid('base', null, 0.7, 3), grid('chosen', 0.9312, 2, 3)],
}
