/**
 * The exponential second-order step with stochasticity tau and second-order weight w of its own at each step, and its derivative. With
 * ell = log(signal/noise) = logSnr/2 at the levels u (before), v (here), w (next), h = ell_w - ell_v, and omega = weight h / (2 (ell_v - ell_u)):
 *
 *     D  = x0Hat_v + omega (x0Hat_v - x0Hat_u) + sum_j history_j (x0Hat_v - x0Hat_j)            first step: D = x0Hat_v
 *     x' = (noise_w/noise_v) e^(-tau^2 h) x - signal_w expm1(-(1 + tau^2) h) D + noise_w sqrt(-expm1(-2 tau^2 h)) z
 *     last step: x' = clip(x0Hat_v + output (x0Hat_v - x0Hat_u))
 *
 * It holds for any signal and noise. tau, weight = 0, 0 is DDIM (`recompute`) and Euler on a flow; 0, 1 DPM-Solver++(2M) (Lu et al. 2022,
 * arXiv 2211.01095); 1, 0 DDPM with the posterior's variance; 1, 1 SDE-DPM-Solver++(2M); tau^2 = -log(1 - eta^2 (1 - e^-2h))/(2h), 0 is
 * DDIM(eta). The terms of `history` are those of S4S (arXiv 2502.17423). Every number has its pathwise derivative, z held; the factor of z is
 * written tau sqrt(2h) sqrt(-expm1(-u)/u), u = 2 tau^2 h, which is smooth at tau = 0.
 */
import { inputError } from '../../base/index.ts'
import type { ImageData } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr } from '../schedules/level.ts'
import type { SolverNumbers } from '../schedules/solverNumbers.ts'
import { namesOfSolver } from '../schedules/solverNumbers.ts'
import type { Chain, ReverseChain } from './chain.ts'
import { dot } from './chain.ts'
import type { DenoisingRule } from './denoised.ts'
import { cleanOf, denoisedVjp, like } from './denoised.ts'
import { PLAIN_CALLS } from './diffusersFields.ts'
import { solverFields } from './dpmSolver.ts'
import type { OwnClassFields, Sampler, SchedulerFields, ToldSampler } from './sampler.ts'

export const exponential: Sampler<'exponential'> = {
  name: 'exponential',
  // Without numbers of its own it is dpm-solver++, which is one.
  candidate: false,
  // It takes no predicted noise at all: recorded, and without a part in anything.
  usualClippedNoise: 'keep',
  takes: [],
  solverNumbers: true,
  evaluations: (steps) => steps,
  ancestral: null,
  noisy: () => false,
  run: solve,
  pullBack: solveVjp,
  words: () => 'exponential, second order multistep with numbers of its own at each step',
  toDiffusers: {
    ...PLAIN_CALLS,
    ownTimesOnly: null,
    plain: toldFields,
    inLoop: (told) => ({ fields: toldFields(told), stepArguments: {}, aboveZero: null }),
    ownClass: ownFields,
  },
}

/** A scalar and its derivatives in the log-SNR of u, v and w, and in the step's own number. */
interface Scalar {
  readonly value: number
  readonly before: number
  readonly here: number
  readonly next: number
  readonly own: number
}

/** x' = carry x + gain D + sigma z, their own number tau; omega, its own number the weight. */
interface StepScalars {
  readonly carry: Scalar
  readonly gain: Scalar
  readonly sigma: Scalar
  readonly omega: Scalar
}

/** The numbers of the step from level i, where nothing is said at those of DPM-Solver++(2M). */
function scalarsAt({ schedule: { levels, solver } }: Pick<Chain, 'schedule'>, i: number): StepScalars {
  const [tau, weight] = [solver?.tau?.[i] ?? 0, solver?.weight?.[i] ?? 1]
  return stepScalars({ before: levels[i - 1], here: levels[i], next: levels[i + 1], tau, weight })
}

/** Of the step from `here`. */
export function stepScalars(step: {
  readonly before: Level | undefined
  readonly here: Level
  readonly next: Level
  readonly tau: number
  readonly weight: number
}): StepScalars {
  const { before, here, next, tau, weight } = step
  const h = (next.logSnr - here.logSnr) / 2
  const square = tau * tau
  const ratio = (next.noise / here.noise) * Math.exp(-square * h)
  const carry = {
    value: ratio,
    before: 0,
    here: (-ratio * dNoiseDLogSnr(here)) / here.noise + (square / 2) * ratio,
    next: (dNoiseDLogSnr(next) / here.noise) * Math.exp(-square * h) - (square / 2) * ratio,
    own: -2 * tau * h * ratio,
  }
  const share = -Math.expm1(-(1 + square) * h)
  const left = next.signal * Math.exp(-(1 + square) * h)
  const dShare = ((1 + square) * left) / 2
  const gain = {
    value: next.signal * share,
    before: 0,
    here: -dShare,
    next: dSignalDLogSnr(next) * share + dShare,
    own: 2 * tau * h * left,
  }
  return { carry, gain, sigma: noiseScalar(h, tau, next), omega: orderScalar(before, here, next, weight) }
}

/** noise_w tau sqrt(2h) sqrt(phi), phi = -expm1(-u)/u, u = 2 tau^2 h: its square is noise_w^2 (1 - e^-u). */
function noiseScalar(h: number, tau: number, next: Level): Scalar {
  const u = 2 * tau * tau * h
  const phi = u === 0 ? 1 : -Math.expm1(-u) / u
  const root = Math.sqrt(2 * h * phi)
  const inH = (next.noise * tau * Math.exp(-u)) / root
  return {
    value: next.noise * tau * root,
    before: 0,
    here: -inH / 2,
    next: dNoiseDLogSnr(next) * tau * root + inH / 2,
    own: next.noise * 2 * h * (Math.exp(-u) / root),
  }
}

function orderScalar(before: Level | undefined, here: Level, next: Level, weight: number): Scalar {
  if (!before) return { value: 0, before: 0, here: 0, next: 0, own: 0 }
  const gap = here.logSnr - before.logSnr
  const one = (next.logSnr - here.logSnr) / 2 / gap
  const omega = weight * one
  const slope = weight / 2 / gap
  return { value: omega, before: omega / gap, here: -slope - omega / gap, next: slope, own: one }
}

/** The denoising rule at step i, by the numbers of the step. */
function ruleAt({ prediction, schedule, settings }: Pick<Chain, 'prediction' | 'schedule' | 'settings'>, i: number) {
  const { scale, clipBounds } = schedule.solver ?? {}
  const rule: DenoisingRule = {
    prediction,
    level: schedule.levels[i],
    clip: clipBounds ? [-clipBounds[i], clipBounds[i]] : settings.clip,
    clippedNoise: settings.clippedNoise,
    ...(scale && { scale: scale[i] }),
  }
  return rule
}

/** Coefficients of D in x0Hat of step i and of the earlier steps, by step. */
export function coefficients(omega: number, history: readonly number[] | undefined, i: number): Map<number, number> {
  const of = new Map([[i, 1]])
  const add = (j: number, value: number) => {
    if (value === 0) return
    of.set(i, (of.get(i) ?? 0) + value)
    of.set(j, (of.get(j) ?? 0) - value)
  }
  if (i > 0) add(i - 1, omega)
  for (const [j, value] of (history ?? []).entries()) add(j, value)
  return of
}

type CleanAt = (step: number) => ImageData

/** D of step i. */
function combined(of: ReadonlyMap<number, number>, cleanAt: CleanAt, size: number): Float64Array {
  const D = new Float64Array(size)
  for (const [step, factor] of of) {
    const x0Hat = cleanAt(step)
    for (let j = 0; j < D.length; j++) D[j] += factor * x0Hat[j]
  }
  return D
}

/** The method. Returns the images. */
async function solve(chain: Chain): Promise<ImageData> {
  const { levels, solver } = chain.schedule
  const clean = new Map<number, ImageData>()
  const cleanAt: CleanAt = (step) => clean.get(step) as ImageData
  let x = chain.start
  for (let i = 0; i < levels.length; i++) {
    const rule = ruleAt(chain, i)
    const x0Hat = cleanOf(rule, x, await chain.predict(i, x))
    chain.remember(i, clean)
    clean.set(i, x0Hat)
    if (i === levels.length - 1) return lastImage(rule, x0Hat, clean.get(i - 1), solver?.output)
    const { carry, gain, sigma, omega } = scalarsAt(chain, i)
    const D = combined(coefficients(omega.value, solver?.history?.[i], i), cleanAt, x0Hat.length)
    const z = sigma.value > 0 ? chain.noise(i) : null
    const next = like(x)
    for (let j = 0; j < next.length; j++) {
      next[j] = carry.value * x[j] + gain.value * D[j] + (z ? sigma.value * z[j] : 0)
    }
    x = next
    if (!solver?.history) clean.delete(i - 1)
  }
  return x
}

/** clip(x0Hat + output (x0Hat - before)). */
function lastImage(
  { clip }: DenoisingRule,
  x0Hat: ImageData,
  before: ImageData | undefined,
  output: number | undefined,
) {
  if (output === undefined || !before) return x0Hat
  const [low, high] = clip ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  const image = like(x0Hat)
  for (let j = 0; j < image.length; j++) {
    image[j] = Math.min(high, Math.max(low, x0Hat[j] + output * (x0Hat[j] - before[j])))
  }
  return image
}

/** The method backwards: each x0Hat passes its cotangent to the step that made it. */
async function solveVjp(chain: ReverseChain, dImages: ImageData): Promise<ImageData> {
  const { levels, solver } = chain.schedule
  const { dLogSnr, dSolver, first } = chain
  const clean = new Map(chain.before)
  for (let i = first; i < levels.length; i++) {
    const [{ x, prediction }] = chain.step(i)
    clean.set(i, cleanOf(ruleAt(chain, i), x, prediction))
  }
  const cleanAt: CleanAt = (step) => clean.get(step) as ImageData
  const dClean = new Map<number, Float64Array>()
  /** What comes back to an x0Hat before `first` ends there. */
  const toClean = (step: number, factor: number, g: ImageData) => {
    if (step < first) return
    const sum = dClean.get(step) ?? new Float64Array(g.length)
    dClean.set(step, sum)
    for (let j = 0; j < g.length; j++) sum[j] += factor * g[j]
  }
  /** <g, x0Hat_i - x0Hat_j>. */
  const along = (g: ImageData, i: number, j: number) => dot(g, cleanAt(i)) - dot(g, cleanAt(j))

  let g = dImages
  for (let i = levels.length - 1; i >= first; i--) {
    const [evaluation] = chain.step(i)
    const { x, prediction } = evaluation
    let carried = 0
    if (i === levels.length - 1) {
      const inside = lastImageVjp(ruleAt(chain, i), cleanAt(i), clean.get(i - 1), solver?.output, g)
      if (inside) {
        dSolver.output[0] += along(inside.g, i, i - 1)
        dSolver.clipBounds[i] += inside.dBound
        toClean(i, 1 + inside.output, inside.g)
        toClean(i - 1, -inside.output, inside.g)
      } else toClean(i, 1, g)
    } else {
      const { carry, gain, sigma, omega } = scalarsAt(chain, i)
      const history = solver?.history?.[i]
      const of = coefficients(omega.value, history, i)
      const inCarry = dot(g, x)
      const inGain = dot(g, combined(of, cleanAt, g.length))
      // At tau 0 the image has no noise, and still a derivative in tau.
      const inSigma = solver?.tau ? dot(g, chain.noise(i)) : 0
      const inOmega = i > 0 ? gain.value * along(g, i, i - 1) : 0
      for (const step of (history ?? []).keys()) dSolver.history[i][step] += gain.value * along(g, i, step)
      dSolver.tau[i] += inCarry * carry.own + inGain * gain.own + inSigma * sigma.own
      dSolver.weight[i] += inOmega * omega.own
      for (const [key, at] of [
        ['before', i - 1],
        ['here', i],
        ['next', i + 1],
      ] as const) {
        if (at < 0) continue
        dLogSnr[at] += inCarry * carry[key] + inGain * gain[key] + inSigma * sigma[key] + inOmega * omega[key]
      }
      for (const [step, factor] of of) toClean(step, gain.value * factor, g)
      carried = carry.value
    }
    const back = denoisedVjp(ruleAt(chain, i), x, prediction, dClean.get(i) ?? like(x), null)
    dClean.delete(i)
    dLogSnr[i] += back.dLogSnr
    dSolver.scale[i] += back.dScale
    dSolver.clipBounds[i] += back.dBound
    const throughNetwork = await chain.vjp(evaluation, back.dp)
    const { dx } = back
    for (let j = 0; j < dx.length; j++) dx[j] += carried * g[j] + throughNetwork[j]
    g = dx
  }
  return g
}

/** The part of g that passes the output's clipping, and the derivative in its bound; null where the image is x0Hat itself. */
function lastImageVjp(
  { clip }: DenoisingRule,
  x0Hat: ImageData,
  before: ImageData | undefined,
  output: number | undefined,
  g: ImageData,
) {
  if (output === undefined || !before) return null
  const [low, high] = clip ?? [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]
  let dBound = 0
  const inside = Float64Array.from(g, (value, j) => {
    const raw = x0Hat[j] + output * (x0Hat[j] - before[j])
    // On the bound with x0Hat: x0Hat carries the bound's derivative.
    if (raw >= low && raw <= high) return value
    dBound += raw > high ? value : -value
    return 0
  })
  return { output, g: inside, dBound }
}

/** @throws `export.solver` */
function toldFields({ settings, solver }: ToldSampler): SchedulerFields {
  if (!solver) return solverFields(settings)
  throw inputError('export.solver', lossOf(solver))
}

/** Guidance is none of a scheduler's: a pipeline guides before its scheduler sees the prediction. */
function ownFields({ solver }: ToldSampler): OwnClassFields | null {
  return solver?.guidance ? null : { clippedNoise: 'recompute', ...solver }
}

const lossOf = (solver: SolverNumbers): string =>
  solver.guidance
    ? `no scheduler takes ${namesOfSolver(solver).join(', ')}: pipelines of diffusers guide by one guidance_scale, before the scheduler; bilevel sample ` +
      '--schedule takes the sampling_schedule.json'
    : `no scheduler of diffusers takes ${namesOfSolver(solver).join(', ')} of its own at each step; bilevel_scheduler.py does, and bilevel sample --schedule ` +
      'with the sampling_schedule.json; or learn levels and times alone (--free levels,times)'
