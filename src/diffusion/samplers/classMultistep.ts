/**
 * Multistep methods of diffusers' classes: DPM-Solver (Lu et al. 2022, arXiv 2206.00927, 2211.01095) of orders 1 to 3, in the image or in the
 * noise, as an ODE or an SDE; UniPC (Zhao et al. 2023, arXiv 2302.04867). With ell = log(signal/noise) and h = ell' - ell a step is
 * x' = carry x + sum_k gain_k m_k + sigma z over the last predictions m_0, m_1, ...: images x0Hat, or noise epsHat.
 */
import type { ImageData } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import type { ClassChain, ClassPlan, MultistepSolver, UniPCSolver } from './classPlan.ts'
import { cleanAt } from './classPlan.ts'

interface LinearStep {
  readonly carry: number
  /** Of m_0 (now), m_1 (a step before), ... */
  readonly gains: readonly number[]
  readonly sigma: number
}

/** log(signal/noise) of a level. */
type Ell = (level: Level) => number

/** As the classes have it, in float32: in the noise, what is added and taken away is ten times the image, and a digit of h is seen. */
const ell: Ell = ({ signal, noise }: Level): number =>
  Math.fround(Math.fround(Math.log(signal)) - Math.fround(Math.log(noise)))

function advance({ carry, gains, sigma }: LinearStep, x: ImageData, m: readonly ImageData[], z: ImageData | null) {
  return x.map((value, j) => {
    let next = carry * value
    for (const [k, gain] of gains.entries()) next += gain * m[k][j]
    return z ? next + sigma * z[j] : next
  })
}

/** DPM-Solver's loop. The first steps, and near the end the last ones, are of lower order, for want of earlier predictions or for stability. */
export async function runMultistep(plan: ClassPlan, chain: ClassChain): Promise<ImageData> {
  const solver = plan.solver as MultistepSolver
  const { levels, to } = plan
  const inImage = solver.algorithm.endsWith('++')
  const few = levels.length < 15
  let x = chain.start
  let m: ImageData[] = []
  for (let i = 0; i < levels.length; i++) {
    const rule = { clippedNoise: plan.clean.threshold ? 'recompute' : 'keep', count: chain.count } as const
    const { x0Hat, epsHat } = cleanAt(plan, i, x, await chain.predict(i, x), rule)
    m = [inImage ? x0Hat : epsHat, ...m.slice(0, 2)]
    const left = levels.length - i
    const lower = solver.lowerOrderFinal && few
    const first = left === 1 && (solver.eulerAtFinal || lower || to[i] === null)
    const order = first ? 1 : Math.min(solver.order, i + 1, lower && left === 2 ? 2 : 3)
    const before = levels.slice(Math.max(0, i - order + 1), i + 1).reverse()
    const step = multistep(solver, before, to[i])
    x = advance(step, x, m, solver.algorithm.startsWith('sde') ? chain.noise(i) : null)
  }
  return x
}

/** A step of as many orders as levels: those of m_0, m_1, ... */
function multistep({ algorithm, type }: MultistepSolver, at: readonly Level[], next: Level | null): LinearStep {
  if (!next) return { carry: 0, gains: [1], sigma: 0 }
  const [here] = at
  const h = ell(next) - ell(here)
  const { carry, weights, sigma } = SCHEMES[algorithm](here, next, h)
  const [first, slope, bend] = weights
  if (at.length === 1) return { carry, gains: [first], sigma }
  const r0 = (ell(at[0]) - ell(at[1])) / h
  if (at.length === 2) {
    // D1 = (m_0 - m_1) / r0
    const w = (type === 'midpoint' ? first / 2 : slope) / r0
    return { carry, gains: [first + w, -w], sigma }
  }
  const r1 = (ell(at[1]) - ell(at[2])) / h
  // D1 = d_0 + r0/(r0 + r1) (d_0 - d_1), D2 = (d_0 - d_1)/(r0 + r1), d_0 = (m_0 - m_1)/r0, d_1 = (m_1 - m_2)/r1
  const share = (slope * r0 + bend) / (r0 + r1)
  const [w0, w1] = [(slope + share) / r0, share / r1]
  return { carry, gains: [first + w0, -w0 - w1, w1], sigma }
}

interface Scheme {
  readonly carry: number
  /** Of m_0, of its first and of its second difference. */
  readonly weights: readonly [number, number, number]
  readonly sigma: number
}

/** The integrals of the exponential methods. */
const SCHEMES: Readonly<Record<MultistepSolver['algorithm'], (here: Level, next: Level, h: number) => Scheme>> = {
  'dpmsolver++': (here, { signal, noise }, h) => {
    const a = Math.expm1(-h)
    return {
      carry: noise / here.noise,
      weights: [-signal * a, signal * (a / h + 1), -signal * ((a + h) / (h * h) - 0.5)],
      sigma: 0,
    }
  },
  dpmsolver: (here, { signal, noise }, h) => {
    const a = Math.expm1(h)
    return {
      carry: signal / here.signal,
      weights: [-noise * a, -noise * (a / h - 1), -noise * ((a - h) / (h * h) - 0.5)],
      sigma: 0,
    }
  },
  'sde-dpmsolver++': (here, { signal, noise }, h) => {
    const a = -Math.expm1(-2 * h)
    return {
      carry: (noise / here.noise) * Math.exp(-h),
      weights: [signal * a, signal * (1 - a / (2 * h)), signal * ((a - 2 * h) / (4 * h * h) - 0.5)],
      sigma: noise * Math.sqrt(a),
    }
  },
  // Of order 3 the class has none: such files are refused.
  'sde-dpmsolver': (here, { signal, noise }, h) => {
    const a = Math.expm1(h)
    return {
      carry: signal / here.signal,
      weights: [-2 * noise * a, -2 * noise * (a / h - 1), Number.NaN],
      sigma: noise * Math.sqrt(Math.expm1(2 * h)),
    }
  },
}

/** UniPC: each prediction first corrects the step that led to it, then predicts the next one from there. */
export async function runUniPC(plan: ClassPlan, chain: ClassChain): Promise<ImageData> {
  const solver = plan.solver as UniPCSolver
  const { levels, to } = plan
  let x = chain.start
  let corrected = x
  let m: ImageData[] = []
  let order = 0
  for (let i = 0; i < levels.length; i++) {
    const rule = { clippedNoise: 'keep', count: chain.count } as const
    const { x0Hat, epsHat } = cleanAt(plan, i, x, await chain.predict(i, x), rule)
    const now = solver.predictsImage ? x0Hat : epsHat
    if (i > 0 && !solver.uncorrected.includes(i - 1)) {
      const step = uniPC(solver, levels.slice(i - order, i).reverse(), levels[i], true)
      // The newest prediction comes first among the gains of a correction.
      x = advance(step, corrected, [now, ...m], null)
    }
    m = [now, ...m.slice(0, solver.order - 1)]
    const most = solver.lowerOrderFinal ? Math.min(solver.order, levels.length - i) : solver.order
    order = Math.min(most, i + 1)
    corrected = x
    x = advance(uniPC(solver, levels.slice(i - order + 1, i + 1).reverse(), to[i], false), x, m, null)
  }
  return x
}

/**
 * A step from at[0], with predictions at all of `at`, to `next`, and when it corrects, the prediction at `next` too:
 *
 *     x' = carry x - f expm1(u) m_0 - f B sum_k rho_k (m_k - m_0)/r_k,     u = -h (image) or h (noise),  B = u (bh1) or expm1(u) (bh2)
 */
export function uniPC(
  { predictsImage, type }: Pick<UniPCSolver, 'predictsImage' | 'type'>,
  at: readonly Level[],
  next: Level | null,
  corrects: boolean,
  ellOf: Ell = ell,
): LinearStep {
  if (!next) return { carry: 0, gains: [1], sigma: 0 }
  const [here] = at
  const h = ellOf(next) - ellOf(here)
  const u = predictsImage ? -h : h
  const [carry, factor] = predictsImage
    ? [next.noise / here.noise, next.signal]
    : [next.signal / here.signal, next.noise]
  const base = -factor * Math.expm1(u)
  const B = type === 'bh1' ? u : Math.expm1(u)
  const r = at.slice(1).map((level) => (ellOf(level) - ellOf(here)) / h)
  const rho = rhosOf(corrects ? [...r, 1] : r, u, B, corrects ? at.length === 1 : at.length === 2)
  const weights = r.map((rk, k) => (-factor * B * rho[k]) / rk)
  const newest = corrects ? -factor * B * rho[r.length] : 0
  const gains = [base - weights.reduce((sum, w) => sum + w, 0) - newest, ...weights]
  return { carry, gains: corrects ? [newest, ...gains] : gains, sigma: 0 }
}

/** rho of sum_k rho_k r_k^(i-1) = i! phi_{i+1}(u) u / B, i = 1..; 1/2 where there is one alone. */
function rhosOf(r: readonly number[], u: number, B: number, alone: boolean): readonly number[] {
  if (alone) return [0.5]
  const right: number[] = []
  let phi = Math.expm1(u) / u - 1
  let factorial = 1
  for (let i = 1; i <= r.length; i++) {
    right.push((phi * factorial) / B)
    factorial *= i + 1
    phi = phi / u - 1 / factorial
  }
  return solved(
    r.map((_, i) => r.map((rk) => rk ** i)),
    right,
  )
}

/** Of a small system of linear equations, by elimination with pivots. */
function solved(matrix: readonly (readonly number[])[], right: readonly number[]): number[] {
  const rows = matrix.map((row, i) => [...row, right[i]])
  for (let c = 0; c < rows.length; c++) {
    const pivot = rows.slice(c).reduce((best, row) => (Math.abs(row[c]) > Math.abs(best[c]) ? row : best))
    rows.splice(rows.indexOf(pivot), 1)
    rows.splice(c, 0, pivot)
    for (const [i, row] of rows.entries()) {
      if (i === c) continue
      const times = row[c] / pivot[c]
      for (let k = c; k < row.length; k++) row[k] -= times * pivot[k]
    }
  }
  return rows.map((row, i) => row[rows.length] / row[i])
}
