/**
 * The steps of diffusers' scheduler classes as those classes take them, for schedules that other people's files describe: where each step
 * goes is given, as a level or null for the clean image, and so is what becomes of x0Hat. Some of it is a sampler of this project at other
 * levels; the rest is here alone. There is no derivative: what is learned goes through `samplers.ts`.
 *
 * x is kept at signal x0 + noise eps throughout. Classes that keep x/signal differ by that factor, and by the size of the start.
 */
import { inputError } from '../../base/index.ts'
import type { ImageData } from '../denoiser.ts'
import { runMultistep, runUniPC } from './classMultistep.ts'
import type { ClassChain, ClassPlan, ClassSolver } from './classPlan.ts'
import { cleanAt } from './classPlan.ts'
import { ddpmScalars } from './ddpm.ts'

/** Draws the images. The chain's schedule must be the plan's: levels, and told times. */
export async function runClass(plan: ClassPlan, chain: ClassChain): Promise<ImageData> {
  const { solver, startScale, scaled, to } = plan
  const start = startScale === 1 ? chain.start : chain.start.map((value) => value * startScale)
  const data = await RUNS[solver.kind](plan, { ...chain, start })
  const last = to[to.length - 1]
  return scaled && last ? data.map((value) => value / last.signal) : data
}

type Run = (plan: ClassPlan, chain: ClassChain) => Promise<ImageData>

const RUNS: Readonly<Record<ClassSolver['kind'], Run>> = {
  ddim: (plan, chain) => runOneStep(plan, chain, 'keep', ddimStep),
  ddpm: (plan, chain) => runOneStep(plan, chain, 'recompute', ddpmStep),
  euler: (plan, chain) => runOneStep(plan, chain, 'recompute', ddimStep),
  'euler-ancestral': (plan, chain) => runOneStep(plan, chain, 'recompute', ancestralStep),
  heun: runHeun,
  dpm: runMultistep,
  unipc: runUniPC,
  'flow-euler': (plan, chain) => runOneStep(plan, chain, 'recompute', flowStep),
  'flow-heun': runFlowHeun,
}

/** x' = image x0Hat + noise epsHat + sigma z. */
interface OneStep {
  readonly image: number
  readonly noise: number
  readonly sigma: number
}
const CLEAN: OneStep = { image: 1, noise: 0, sigma: 0 }

type StepOf = (plan: ClassPlan, i: number) => OneStep

async function runOneStep(
  plan: ClassPlan,
  chain: ClassChain,
  clippedNoise: 'keep' | 'recompute',
  stepOf: StepOf,
): Promise<ImageData> {
  let x = chain.start
  for (let i = 0; i < plan.levels.length; i++) {
    const { image, noise, sigma } = stepOf(plan, i)
    const { x0Hat, epsHat } = cleanAt(plan, i, x, await chain.predict(i, x), { clippedNoise, count: chain.count })
    const z = sigma > 0 ? chain.noise(i) : null
    x = x.map((_, j) => image * x0Hat[j] + noise * epsHat[j] + (z ? sigma * z[j] : 0))
  }
  return x
}

/** DDIM at eta 0, and Euler's step in sigma, which is the same where the noise is that of x0Hat. */
const ddimStep: StepOf = ({ to }, i) => {
  const next = to[i]
  return next ? { image: next.signal, noise: next.noise, sigma: 0 } : CLEAN
}

const ddpmStep: StepOf = ({ levels, to, solver }, i) => {
  if (solver.kind !== 'ddpm') throw inputError('sampler.class', `DDPM's step needs its variance, got ${solver.kind}`)
  const { image, noise, sigma } = ddpmScalars(solver)(levels[i], to[i] ?? undefined)
  return { image: image.value, noise: noise.value, sigma: sigma.value }
}

/**
 * With sigma = noise/signal: down to sigma'^2/sigma, up again by sigma' sqrt(1 - (sigma'/sigma)^2). The class takes the first as the root of a
 * difference in float32, which keeps five digits of it where the step is long.
 */
const ancestralStep: StepOf = ({ levels, to }, i) => {
  const next = to[i]
  if (!next) return CLEAN
  const f = Math.fround
  const [from, target] = [levels[i], next].map(({ signal, noise }) => f(f(noise / signal) ** 2))
  const up = f(Math.sqrt(f(f(target * f(from - target)) / from)))
  const down = f(Math.sqrt(f(target - f(up * up))))
  return { image: next.signal, noise: next.signal * down, sigma: next.signal * up }
}

/** x + (sigma' - sigma) v is signal' x0Hat + noise' epsHat; stochastic: fresh noise in the place of epsHat. */
const flowStep: StepOf = (plan, i) => {
  const step = ddimStep(plan, i)
  const stochastic = plan.solver.kind === 'flow-euler' && plan.solver.stochastic
  return stochastic ? { image: step.image, noise: 0, sigma: step.noise } : step
}

/** Heun's method in sigma = noise/signal; the last step, to the clean image, is Euler's. See `heun.ts`. */
async function runHeun(plan: ClassPlan, chain: ClassChain): Promise<ImageData> {
  const { levels, to } = plan
  const rule = { clippedNoise: 'recompute', count: chain.count } as const
  let x = chain.start
  for (let i = 0; i < levels.length; i++) {
    const { x0Hat, epsHat: d } = cleanAt(plan, i, x, await chain.predict(i, x), rule)
    const next = to[i]
    if (!next) return x0Hat
    const [from, down] = [levels[i], next].map(({ logSnr }) => Math.exp(-logSnr / 2))
    const k = (next.signal * (down - from)) / 2
    const xE = x.map((_, j) => next.signal * x0Hat[j] + next.noise * d[j])
    const { epsHat: dE } = cleanAt(plan, i + 1, xE, await chain.predict(i, xE, i + 1), rule)
    x = xE.map((value, j) => value + k * (dE[j] - d[j]))
  }
  return x
}

/** Heun's method on a flow, in sigma = noise: x + (sigma' - sigma) (v + v')/2. */
async function runFlowHeun({ levels, to }: ClassPlan, chain: ClassChain): Promise<ImageData> {
  let x = chain.start
  for (let i = 0; i < levels.length; i++) {
    const v = await chain.predict(i, x)
    const next = to[i]
    const step = (next?.noise ?? 0) - levels[i].noise
    const xE = x.map((value, j) => value + step * v[j])
    if (!next) return xE
    const vE = await chain.predict(i, xE, i + 1)
    x = x.map((value, j) => value + (step * (v[j] + vE[j])) / 2)
  }
  return x
}
