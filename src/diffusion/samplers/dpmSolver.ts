/**
 * DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095) and its derivative. With ell = log(signal/noise) = logSnr/2 at the levels
 * u (before), v (here), w (next), and h = ell_w - ell_v:
 *
 *     D  = x0Hat_v + r (x0Hat_v - x0Hat_u),  r = h / (2 (ell_v - ell_u))        first step: D = x0Hat_v
 *     x' = (noise_w/noise_v) x - signal_w (e^-h - 1) D                           last step: x' = x0Hat_v
 */
import { inputError } from '../../base/index.ts'
import type { ImageData } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr } from '../schedules/level.ts'
import type { Chain, ReverseChain } from './chain.ts'
import { dot, ruleAt } from './chain.ts'
import { cleanOf, denoisedVjp, like } from './denoised.ts'
import { PLAIN_CALLS } from './diffusersFields.ts'
import type { Sampler } from './sampler.ts'
import type { StepSettings } from './stepSettings.ts'

export const dpmSolver: Sampler<'dpm-solver++'> = {
  name: 'dpm-solver++',
  candidate: true,
  // It takes no predicted noise at all: recorded, and without a part in anything.
  usualClippedNoise: 'keep',
  takes: [],
  evaluations: (steps) => steps,
  ancestral: null,
  noisy: () => false,
  run: solve,
  pullBack: solveVjp,
  words: () => 'dpm-solver++, second order multistep',
  toDiffusers: {
    ...PLAIN_CALLS,
    ownTimesOnly: null,
    plain: ({ settings }) => solverFields(settings),
    inLoop: ({ settings }) => ({ fields: solverFields(settings), stepArguments: {}, aboveZero: null }),
    ownClass: () => ({ clippedNoise: 'recompute' }),
  },
}

/** A scalar and its derivatives in the log-SNR of u, v and w. */
export interface SolverScalar {
  readonly value: number
  readonly before: number
  readonly here: number
  readonly next: number
}

/** x' = carry x + gain (x0Hat_v + slope (x0Hat_v - x0Hat_u)). */
export interface SolverScalars {
  readonly carry: SolverScalar
  readonly gain: SolverScalar
  readonly slope: SolverScalar
}

export const constantScalar = (value: number): SolverScalar => ({ value, before: 0, here: 0, next: 0 })

/** Of the step from `here` to `next`, undefined: to the clean image. */
export function solverScalars(before: Level | undefined, here: Level, next: Level | undefined): SolverScalars {
  if (!next) return { carry: constantScalar(0), gain: constantScalar(1), slope: constantScalar(0) }
  const h = (next.logSnr - here.logSnr) / 2
  const ratio = next.noise / here.noise
  const carry = {
    value: ratio,
    before: 0,
    here: (-ratio * dNoiseDLogSnr(here)) / here.noise,
    next: dNoiseDLogSnr(next) / here.noise,
  }
  const share = -Math.expm1(-h)
  const dGain = (next.signal * Math.exp(-h)) / 2
  const gain = { value: next.signal * share, before: 0, here: -dGain, next: dSignalDLogSnr(next) * share + dGain }
  if (!before) return { carry, gain, slope: constantScalar(0) }
  const gap = here.logSnr - before.logSnr
  const r = h / gap
  return { carry, gain, slope: { value: r, before: r / gap, here: -0.5 / gap - r / gap, next: 0.5 / gap } }
}

/** The solver. Returns the images. */
async function solve(chain: Chain): Promise<ImageData> {
  const { levels } = chain.schedule
  let x = chain.start
  let before: ImageData | null = null
  for (let i = 0; i < levels.length; i++) {
    const { carry, gain, slope } = solverScalars(levels[i - 1], levels[i], levels[i + 1])
    const prediction = await chain.predict(i, x)
    const x0Hat = cleanOf(ruleAt(chain, i), x, prediction)
    chain.remember(i, new Map(before && [[i - 1, before]]))
    const earlier: ImageData = before ?? x0Hat
    const [ofX, ofD, r] = [carry.value, gain.value, slope.value]
    const next = like(x)
    for (let j = 0; j < next.length; j++) {
      const D = x0Hat[j] + r * (x0Hat[j] - earlier[j])
      next[j] = ofX * x[j] + ofD * D
    }
    x = next
    before = x0Hat
  }
  return x
}

/** The solver backwards; x0Hat_u passes its cotangent to the step before. */
async function solveVjp(chain: ReverseChain, dImages: ImageData): Promise<ImageData> {
  const { levels } = chain.schedule
  const cleanAt = (i: number) => {
    const [{ x, prediction }] = chain.step(i)
    return cleanOf(ruleAt(chain, i), x, prediction)
  }
  let g = dImages
  let fromLater: ImageData = like(g)
  let x0Hat = cleanAt(levels.length - 1)
  for (let i = levels.length - 1; i >= chain.first; i--) {
    const { carry, gain, slope } = solverScalars(levels[i - 1], levels[i], levels[i + 1])
    const [evaluation] = chain.step(i)
    const { x, prediction } = evaluation
    const earlier: ImageData = i > chain.first ? cleanAt(i - 1) : (chain.before.get(i - 1) ?? x0Hat)
    const inCarry = dot(g, x)
    const alongClean = dot(g, x0Hat)
    const alongChange = alongClean - dot(g, earlier)
    const inSlope = gain.value * alongChange
    const inGain = alongClean + slope.value * alongChange
    const toClean = gain.value * (1 + slope.value)
    const toEarlier = -gain.value * slope.value
    const dX0Hat = fromLater
    const forEarlier = like(g)
    for (let j = 0; j < g.length; j++) {
      dX0Hat[j] += toClean * g[j]
      forEarlier[j] = toEarlier * g[j]
    }
    fromLater = forEarlier
    const { dx, dp, dLogSnr } = denoisedVjp(ruleAt(chain, i), x, prediction, dX0Hat, null)
    const along = (key: 'before' | 'here' | 'next') => inCarry * carry[key] + inGain * gain[key] + inSlope * slope[key]
    chain.dLogSnr[i] += dLogSnr + along('here')
    if (i > 0) chain.dLogSnr[i - 1] += along('before')
    if (i + 1 < levels.length) chain.dLogSnr[i + 1] += along('next')
    const throughNetwork = await chain.vjp(evaluation, dp)
    const carried = carry.value
    for (let j = 0; j < dx.length; j++) dx[j] += carried * g[j] + throughNetwork[j]
    g = dx
    x0Hat = earlier
  }
  return g
}

/** Stands for "no bound": JSON has no -Infinity. */
const NO_LAMBDA_CLIP = -1e9

/** Fields of the class without numbers of its own at each step. @throws `export.clip` */
export function solverFields({ clip }: StepSettings, className = 'DPMSolverMultistepScheduler') {
  if (clip && !(clip[0] === -1 && clip[1] === 1)) {
    throw inputError('export.clip', `${className} clips x0Hat to [-1, 1] only, got [${clip}]`)
  }
  return {
    _class_name: 'DPMSolverMultistepScheduler',
    algorithm_type: 'dpmsolver++',
    solver_order: 2,
    solver_type: 'midpoint',
    lower_order_final: true,
    euler_at_final: false,
    final_sigmas_type: 'zero',
    // With sample_max_value 1 the dynamic threshold is 1 for every image: plain clipping to [-1, 1].
    thresholding: clip !== null,
    dynamic_thresholding_ratio: 0.995,
    sample_max_value: 1,
    lambda_min_clipped: NO_LAMBDA_CLIP,
    variance_type: null,
    use_karras_sigmas: false,
    use_exponential_sigmas: false,
    use_beta_sigmas: false,
    use_lu_lambdas: false,
    use_flow_sigmas: false,
    flow_shift: 1,
    use_dynamic_shifting: false,
    time_shift_type: 'exponential',
  }
}
