/** Everything that decides an entropy strength job apart from its model and rewards: plain data, as config files hold it. */
import { inputError } from '../../base/index.ts'

/**
 * What the strength is optimal for. `guided`: the guided chain as it will be run. `tilt`: p* proportional to p0 e^(r2/lambda) itself.
 * `penalty`: the published method's own optimum at a given gamma.
 */
export type EntropyTarget = 'guided' | 'tilt' | 'penalty'

export const ENTROPY_TARGETS: readonly EntropyTarget[] = ['guided', 'tilt', 'penalty']

/**
 * How gradients are estimated. `importance`: weighted base samples. `paths`: weighted pools of guided paths. `score-function`,
 * `paired-differences`: of the guided chain. `smc`: sequential Monte Carlo. `auto`: by target and by what is measured.
 */
export type EntropyEstimator = 'auto' | 'importance' | 'paths' | 'score-function' | 'paired-differences' | 'smc'

/** The estimators that each target can have; `auto` goes with all. */
export const ESTIMATORS_OF: Readonly<Record<EntropyTarget, readonly EntropyEstimator[]>> = {
  guided: ['auto', 'paired-differences', 'score-function', 'paths'],
  tilt: ['auto', 'paths', 'importance', 'smc'],
  penalty: ['auto', 'paths', 'importance', 'smc'],
}

export interface EntropySettings {
  readonly target: EntropyTarget
  readonly estimator: EntropyEstimator
  /** Penalty constant, target `penalty` only. */
  readonly gamma: number
  /** Where lambda, the KL strength, is looked for: 0 < low < high. The guidance scale is s = 1/lambda. */
  readonly lambdaRange: readonly [number, number]
  /** Widest interval of lambda that counts as resolved, as a ratio high/low > 1. */
  readonly tolerance: number
  /** Guidance through `network` and reward, or through the `reward` only: biased, so only as a weighted proposal of `tilt` and `penalty`. */
  readonly through: 'network' | 'reward'
  /** Guided are the steps from levels with alphaBar above this. */
  readonly minimumAlphaBar: number
  /** Network evaluations that finding and confirming lambda may take; what the curve takes comes on top. */
  readonly maxEvaluations: number
  /** Paths, the same start and step noise, at each scale of the first look over the range. */
  readonly explorePaths: number
  /** Values of lambda on the trade-off curve, evenly spaced in log lambda, both ends of the range among them. */
  readonly curvePoints: number
  /** Paths at each of them, at the base model and at the chosen lambda. */
  readonly curvePaths: number
  /** Particles of one repetition of sequential Monte Carlo. */
  readonly particles: number
  /** Images per sample grid. */
  readonly gridImages: number
  readonly seed: number
  /** Images per call of sampler and rewards; also how often a checkpoint is offered. */
  readonly chunk: number
}

/** Defaults for small images and a few dozen sampling steps, where a path takes tens of milliseconds. */
export const ENTROPY_DEFAULTS: EntropySettings = {
  target: 'guided',
  estimator: 'auto',
  gamma: 10,
  lambdaRange: [0.01, 10],
  tolerance: 2,
  through: 'network',
  minimumAlphaBar: 2e-3,
  maxEvaluations: 400_000,
  explorePaths: 32,
  curvePoints: 9,
  curvePaths: 64,
  particles: 128,
  gridImages: 8,
  seed: 0,
  chunk: 32,
}

const WHOLE = ['explorePaths', 'curvePoints', 'curvePaths', 'particles', 'gridImages', 'chunk'] as const
const AT_LEAST: Readonly<Record<(typeof WHOLE)[number], number>> = {
  explorePaths: 8,
  curvePoints: 5,
  curvePaths: 8,
  particles: 8,
  gridImages: 1,
  chunk: 1,
}

/**
 * Settings with the rest at the defaults.
 * @throws `entropy.range`, `entropy.target`, `entropy.settings` naming the setting that is outside its range
 * @example entropySettings({ lambdaRange: [0.1, 5], tolerance: 1.5 }).target // 'guided'
 */
export function entropySettings(options: Partial<EntropySettings> = {}): EntropySettings {
  const settings = { ...ENTROPY_DEFAULTS, ...options }
  checkEntropySettings(settings)
  return settings
}

/** @throws as `entropySettings` */
export function checkEntropySettings(settings: EntropySettings): void {
  const refuse = (name: keyof EntropySettings, rule: string) => {
    throw inputError('entropy.settings', `${name} must be ${rule}, got ${JSON.stringify(settings[name])}`)
  }
  checkRange(settings.lambdaRange)
  checkTarget(settings)
  if (!(settings.tolerance > 1 && Number.isFinite(settings.tolerance))) refuse('tolerance', 'a ratio above 1')
  if (!(settings.gamma > 0 && Number.isFinite(settings.gamma))) refuse('gamma', 'above 0')
  if (!(settings.minimumAlphaBar >= 0 && settings.minimumAlphaBar < 1)) refuse('minimumAlphaBar', 'in [0, 1)')
  if (!(settings.maxEvaluations >= 1)) refuse('maxEvaluations', 'at least 1')
  for (const name of WHOLE) {
    const least = AT_LEAST[name]
    if (!(Number.isInteger(settings[name]) && settings[name] >= least)) refuse(name, `a whole number from ${least}`)
  }
  if (!(Number.isSafeInteger(settings.seed) && settings.seed >= 0)) refuse('seed', 'a whole number from 0')
}

/** The sizes that values of rewards may have. */
const [LEAST_LAMBDA, MOST_LAMBDA] = [1e-30, 1e30]

function checkRange([low, high]: readonly [number, number]): void {
  if (low >= LEAST_LAMBDA && low < high && high <= MOST_LAMBDA) return
  const what = `lambdaRange must be [low, high] with 0 < low < high, within ${LEAST_LAMBDA} to ${MOST_LAMBDA}`
  throw inputError(
    'entropy.range',
    `${what}, got [${low}, ${high}]; lambda = 1/(guidance scale), in the units of the reward`,
  )
}

function checkTarget({ target, estimator, through }: EntropySettings): void {
  if (!ENTROPY_TARGETS.includes(target)) {
    throw inputError('entropy.target', `target must be one of ${ENTROPY_TARGETS.join(', ')}, got ${target}`)
  }
  if (!ESTIMATORS_OF[target].includes(estimator)) {
    const known = ESTIMATORS_OF[target].join(', ')
    throw inputError(
      'entropy.target',
      `target ${target} has the estimators ${known}, got ${estimator}; choose one of them`,
    )
  }
  if (through !== 'network' && through !== 'reward') {
    throw inputError('entropy.settings', `through must be network or reward, got ${through}`)
  }
  if (through === 'reward' && target === 'guided') {
    const why = 'guidance through the reward only is biased and serves as a weighted proposal'
    throw inputError('entropy.target', `${why}, got through reward with target guided; choose target tilt or penalty`)
  }
}
