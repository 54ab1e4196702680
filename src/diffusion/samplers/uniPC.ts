/**
 * UniPC of order 2 with B_2(h) = e^-h - 1 (Zhao et al. 2023, arXiv 2302.04867), in the image, and its derivative. With ell = log(signal/noise) =
 * logSnr/2, h = ell_w - ell_v, g = ell_v - ell_u and D = x0Hat, a step from v to w, u before v, predicts as DPM-Solver++(2M) does,
 *
 *     x = (noise_w/noise_v) c_v + G (D_v + h/(2g) (D_v - D_u)),     G = signal_w (1 - e^-h)        first step: D_v alone
 *
 * and, once the network has been asked there, corrects what the next step starts from, without another evaluation:
 *
 *     c_w = (noise_w/noise_v) c_v + G (D_v + q (D_w - D_v) + p (D_v - D_u)),
 *     T = coth(h/2) - 2/h,  q = (1 + T)/2 - T/(g + h),  p = T h/(g (g + h))                  first step: q = 1/2, p = 0
 *
 * which are the rho of the paper's linear system in closed form, p with the sign of D_v - D_u. The last step, of lower order, returns x0Hat: what was
 * corrected for it is not used.
 */
import type { ImageData } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import type { Chain, ReverseChain } from './chain.ts'
import { dot, ruleAt } from './chain.ts'
import { cleanOf, denoisedVjp, like } from './denoised.ts'
import { PLAIN_CALLS } from './diffusersFields.ts'
import type { SolverScalar, SolverScalars } from './dpmSolver.ts'
import { constantScalar, solverFields, solverScalars } from './dpmSolver.ts'
import type { Sampler, SchedulerFields } from './sampler.ts'
import type { StepSettings } from './stepSettings.ts'

export const uniPC: Sampler<'unipc'> = {
  name: 'unipc',
  candidate: true,
  // It takes no predicted noise at all: recorded, and without a part in anything.
  usualClippedNoise: 'keep',
  takes: [],
  evaluations: (steps) => steps,
  ancestral: null,
  noisy: () => false,
  run: solve,
  pullBack: solveVjp,
  words: () => 'unipc, second order predictor and corrector',
  toDiffusers: {
    ...PLAIN_CALLS,
    takesGenerator: false,
    ownTimesOnly: 'UniPCMultistepScheduler',
    plain: ({ settings }) => classFields(settings),
    inLoop: ({ settings }) => ({ fields: classFields(settings), stepArguments: {}, aboveZero: null }),
    ownClass: () => null,
  },
}

/** c_w = carry c_v + gain (D_v + newest (D_w - D_v) + slope (D_v - D_u)). */
interface CorrectorScalars extends SolverScalars {
  readonly newest: SolverScalar
}

/** T(h) = coth(h/2) - 2/h, twice the Langevin function of h/2, and its derivative; by its series where the two terms are nearly equal. */
function langevin(h: number): { readonly value: number; readonly slope: number } {
  const y = h / 2
  const y2 = y * y
  if (y < 0.05) {
    return {
      value: y * (1 / 3 - y2 * (1 / 45 - y2 * (2 / 945 - y2 / 4725))),
      slope: 0.5 * (1 / 3 - y2 * (1 / 15 - y2 * (2 / 189 - y2 / 675))),
    }
  }
  const coth = 1 / Math.tanh(y)
  return { value: coth - 1 / y, slope: 0.5 * (1 - coth * coth + 1 / y2) }
}

/** Of the correction of a step from `here` to `next`. */
export function correctorScalars(before: Level | undefined, here: Level, next: Level): CorrectorScalars {
  const { carry, gain } = solverScalars(before, here, next)
  if (!before) return { carry, gain, newest: constantScalar(0.5), slope: constantScalar(0) }
  const [h, g] = [(next.logSnr - here.logSnr) / 2, (here.logSnr - before.logSnr) / 2]
  const { value: T, slope: dT } = langevin(h)
  const whole = g + h
  // In h and in g, each half a log-SNR.
  const scalar = (value: number, inH: number, inG: number): SolverScalar => ({
    value,
    before: -inG / 2,
    here: (inG - inH) / 2,
    next: inH / 2,
  })
  const curve = T / (whole * whole)
  const slope = (T * h) / (g * whole)
  return {
    carry,
    gain,
    newest: scalar((1 + T) / 2 - T / whole, dT / 2 - dT / whole + curve, curve),
    slope: scalar(slope, (dT * h) / (g * whole) + curve, -slope / g - slope / whole),
  }
}

/** carry c + gain (D_v + newest (D_w - D_v) + slope (D_v - D_u)); without a prediction at w the term is 0. */
function advance(
  { carry, gain, slope, newest }: SolverScalars & { readonly newest?: SolverScalar },
  c: ImageData,
  { D, earlier, later = D }: { readonly D: ImageData; readonly earlier: ImageData; readonly later?: ImageData },
): ImageData {
  const [K, G, p, q] = [carry.value, gain.value, slope.value, newest?.value ?? 0]
  const next = like(c)
  for (let j = 0; j < next.length; j++) {
    next[j] = K * c[j] + G * (D[j] + q * (later[j] - D[j]) + p * (D[j] - earlier[j]))
  }
  return next
}

/** The method. Returns the images. */
async function solve(chain: Chain): Promise<ImageData> {
  const { levels } = chain.schedule
  const clean = new Map<number, ImageData>()
  let x = chain.start
  let corrected = x
  for (let i = 0; i < levels.length; i++) {
    const x0Hat = cleanOf(ruleAt(chain, i), x, await chain.predict(i, x))
    chain.remember(i, clean, corrected)
    if (i === levels.length - 1) return x0Hat
    const [D, earlier] = [clean.get(i - 1), clean.get(i - 2)]
    if (D) {
      const scalars = correctorScalars(levels[i - 2], levels[i - 1], levels[i])
      corrected = advance(scalars, corrected, { D, earlier: earlier ?? D, later: x0Hat })
    }
    x = advance(solverScalars(levels[i - 1], levels[i], levels[i + 1]), corrected, { D: x0Hat, earlier: D ?? x0Hat })
    clean.set(i, x0Hat)
    clean.delete(i - 2)
  }
  return x
}

/** The method backwards: each x0Hat passes its cotangent to the step that made it, each correction its own to the one before. */
async function solveVjp(chain: ReverseChain, dImages: ImageData): Promise<ImageData> {
  const { levels } = chain.schedule
  const { dLogSnr, first } = chain
  const last = levels.length - 1
  const clean = new Map(chain.before)
  for (let i = first; i <= last; i++) {
    const [{ x, prediction }] = chain.step(i)
    clean.set(i, cleanOf(ruleAt(chain, i), x, prediction))
  }
  const at = (step: number) => clean.get(step) as ImageData
  /** What steps start from, by step: of the first, what it is given. */
  const corrected = new Map<number, ImageData>()
  for (let i = first; i < last; i++) {
    if (i === 0) corrected.set(0, chain.step(0)[0].x)
    else {
      const scalars = correctorScalars(levels[i - 2], levels[i - 1], levels[i])
      const c = (i === first ? chain.corrected : corrected.get(i - 1)) as ImageData
      corrected.set(i, advance(scalars, c, { D: at(i - 1), earlier: clean.get(i - 2) ?? at(i - 1), later: at(i) }))
    }
  }

  const dClean = new Map<number, Float64Array>()
  /** What comes back to an x0Hat before `first` ends there. */
  const toClean = (step: number, factor: number, g: ImageData) => {
    if (step < first || factor === 0) return
    const sum = dClean.get(step) ?? new Float64Array(g.length)
    dClean.set(step, sum)
    for (let j = 0; j < g.length; j++) sum[j] += factor * g[j]
  }
  const backThrough = (
    { carry, gain, slope, newest }: SolverScalars & { readonly newest?: SolverScalar },
    g: ImageData,
    { c, v, inLevels }: { readonly c: ImageData; readonly v: number; readonly inLevels: readonly number[] },
  ) => {
    const [D, earlier] = [at(v), clean.get(v - 1)]
    const q = newest?.value ?? 0
    const inD = dot(g, D)
    const inSlope = earlier ? inD - dot(g, earlier) : 0
    const inNewest = newest ? dot(g, at(v + 1)) - inD : 0
    const inGain = inD + q * inNewest + slope.value * inSlope
    const inCarry = dot(g, c)
    for (const [k, key] of (['before', 'here', 'next'] as const).entries()) {
      if (inLevels[k] < 0) continue
      const along = inCarry * carry[key] + inGain * gain[key] + gain.value * inSlope * slope[key]
      dLogSnr[inLevels[k]] += along + gain.value * inNewest * (newest?.[key] ?? 0)
    }
    toClean(v, gain.value * (1 - q + slope.value), g)
    toClean(v - 1, -gain.value * slope.value, g)
    toClean(v + 1, gain.value * q, g)
  }

  let g = dImages
  /** Of the corrected state of step i + 1. */
  let dLater: ImageData = like(g)
  let carryLater = 0
  for (let i = last; i >= first; i--) {
    const [evaluation] = chain.step(i)
    let dCorrected: ImageData = like(g)
    if (i === last) toClean(i, 1, g)
    else {
      const c = corrected.get(i) as ImageData
      const predictor = solverScalars(levels[i - 1], levels[i], levels[i + 1])
      backThrough(predictor, g, { c, v: i, inLevels: [i - 1, i, i + 1] })
      dCorrected = g.map((value, j) => predictor.carry.value * value + carryLater * dLater[j]) as ImageData
      carryLater = 0
      if (i > 0) {
        const corrector = correctorScalars(levels[i - 2], levels[i - 1], levels[i])
        const start = (i === first ? chain.corrected : corrected.get(i - 1)) as ImageData
        backThrough(corrector, dCorrected, { c: start, v: i - 1, inLevels: [i - 2, i - 1, i] })
        carryLater = corrector.carry.value
      }
    }
    const { x, prediction } = evaluation
    const back = denoisedVjp(ruleAt(chain, i), x, prediction, dClean.get(i) ?? new Float64Array(x.length), null)
    dLogSnr[i] += back.dLogSnr
    const throughNetwork = await chain.vjp(evaluation, back.dp)
    // The first state is its own correction.
    g = back.dx.map((value, j) => value + throughNetwork[j] + (i === 0 ? dCorrected[j] : 0)) as ImageData
    dLater = dCorrected
  }
  return g
}

/** Fields of the class without numbers of its own at each step. @throws `export.clip` */
function classFields(settings: StepSettings): SchedulerFields {
  const { final_sigmas_type, lower_order_final, thresholding, dynamic_thresholding_ratio, sample_max_value } =
    solverFields(settings, 'UniPCMultistepScheduler')
  return {
    _class_name: 'UniPCMultistepScheduler',
    solver_order: 2,
    solver_type: 'bh2',
    predict_x0: true,
    disable_corrector: [],
    solver_p: null,
    lower_order_final,
    final_sigmas_type,
    thresholding,
    dynamic_thresholding_ratio,
    sample_max_value,
    use_karras_sigmas: false,
    use_exponential_sigmas: false,
    use_beta_sigmas: false,
    use_flow_sigmas: false,
    flow_shift: 1,
    use_dynamic_shifting: false,
    time_shift_type: 'exponential',
    sigma_min: null,
    sigma_max: null,
    shift_terminal: null,
  }
}
