/** Everything that decides an entropy strength job apart from its model and rewards: plain data, as config files hold it. */
import { z } from 'zod'
import { inputError, MOST } from '../../base/index.ts'
import { GUIDANCE_THROUGH } from '../../diffusion/index.ts'
import { checkDeclared, defaultsOf, setting, valuesOf, withDefault } from '../declared.ts'
import { drawingShape } from '../schedule/settings/index.ts'

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

const fromLeast = (least: number, most: number) => z.int().min(least).max(most)

/** Where lambda, the KL strength, is looked for, 0 < low < high, and how well it must be known. The guidance scale is s = 1/lambda. */
export const lambdaShape = {
  lambdaRange: setting(z.tuple([z.number(), z.number()]).readonly(), {
    group: 'What is tuned',
    description: 'where lambda, the entropy strength, is looked for',
    default: [0.01, 10],
  }),
  tolerance: setting(z.number().gt(1), {
    group: 'What is tuned',
    description: 'widest interval of lambda that counts as resolved, high over low',
    default: 2,
    rule: 'a ratio above 1',
  }),
}

/** How it is looked for. */
export const estimatingShape = {
  estimator: setting(z.enum(['auto', 'importance', 'paths', 'score-function', 'paired-differences', 'smc']), {
    group: 'Estimating',
    description: 'how gradients in lambda are found; auto: what has the smallest standard error',
    default: 'auto',
  }),
  through: setting(z.enum(GUIDANCE_THROUGH), {
    group: 'Estimating',
    description:
      'what guidance is differentiated through; reward, of a model of latents decoder (reward and decoder): all but the network, a cheaper proposal, for target tilt',
    default: 'network',
  }),
  minimumAlphaBar: setting(z.number().min(0).lt(1), {
    group: 'Estimating',
    description: 'steps are guided only where signal^2 is above this',
    default: 2e-3,
  }),
  maxEvaluations: setting(fromLeast(1, MOST.evaluations), {
    group: 'Estimating',
    description: 'most network evaluations for finding and confirming lambda; the curve comes on top',
    default: 400_000,
    rule: 'at least 1',
  }),
  explorePaths: setting(fromLeast(8, MOST.images), {
    group: 'Estimating',
    description: 'images at each lambda of the first look over the range',
    default: 32,
  }),
  curvePoints: setting(fromLeast(5, MOST.entries), {
    group: 'Estimating',
    description: 'values of lambda on the trade-off curve',
    default: 9,
  }),
  curvePaths: setting(fromLeast(8, MOST.images), {
    group: 'Estimating',
    description: 'images at each of them',
    default: 64,
  }),
  particles: setting(fromLeast(8, MOST.images), {
    group: 'Estimating',
    description: 'smc: particles of one repetition',
    default: 128,
  }),
  gridImages: setting(fromLeast(1, MOST.entries), {
    group: 'Estimating',
    description: 'images of each sample grid',
    default: 8,
  }),
}

/** Beside target and gamma, which the command line takes in words of its own. `chunk`: also how often a checkpoint is offered. */
export const entropyShape = {
  ...lambdaShape,
  ...estimatingShape,
  chunk: withDefault(drawingShape.chunk, 32),
  seed: drawingShape.seed,
}

export interface EntropySettings extends Readonly<z.output<z.ZodObject<typeof entropyShape>>> {
  readonly target: EntropyTarget
  /** Penalty constant, target `penalty` only. */
  readonly gamma: number
}

/** Defaults for small images and a few dozen sampling steps, where a path takes tens of milliseconds. */
export const ENTROPY_DEFAULTS: EntropySettings = { target: 'guided', gamma: 10, ...defaultsOf(entropyShape) }

/** The part of some settings that tuning reads, beside target and gamma. */
export const entropySettingsAmong = (settings: Omit<EntropySettings, 'target' | 'gamma'>) =>
  valuesOf(entropyShape, settings)

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
  checkRange(settings.lambdaRange)
  checkTarget(settings)
  // Those say more of themselves above.
  const { lambdaRange: _range, estimator: _estimator, through: _through, ...shape } = entropyShape
  checkDeclared({ ...shape, gamma: z.number().positive() }, { ...settings }, 'entropy.settings')
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
  if (!GUIDANCE_THROUGH.includes(through)) {
    throw inputError('entropy.settings', `through must be ${GUIDANCE_THROUGH.join(', ')}, got ${through}`)
  }
  if (through !== 'network' && target === 'guided') {
    const why = `guidance through the ${through} only is biased and serves as a weighted proposal`
    throw inputError(
      'entropy.target',
      `${why}, got through ${through} with target guided; choose target tilt or penalty`,
    )
  }
}
