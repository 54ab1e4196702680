/** What diffusers' classes do with an exported config, written from their rules alone: told times, levels, steps. */
import { roundHalfEven } from '../schedules/stepList.ts'

/** A loop of steps without its scheduler. */
export interface Loop {
  readonly start: ArrayLike<number>
  /** The noise that the network predicts at step i. */
  predict(x: number, i: number): number
  /** Standard normal numbers of step i. */
  noise(i: number): ArrayLike<number>
}

export interface Config {
  _class_name: string
  num_train_timesteps: number
  trained_betas: number[]
  clip_sample?: boolean
  clip_sample_range?: number
  thresholding: boolean
  variance_type?: string
}

export const asRead = (config: object) => JSON.parse(JSON.stringify(config)) as Config

/** alphas_cumprod in float32, rounding at each step. */
export function cumulative({ trained_betas }: Config): Float32Array {
  let product = Math.fround(1)
  return Float32Array.from(trained_betas, (beta) => {
    product = Math.fround(product * Math.fround(1 - Math.fround(beta)))
    return product
  })
}

/** np.arange(T, 0, -T/N).round() - 1 in floating point, as diffusers takes trailing times. */
export function numpyTrailing(T: number, N: number): number[] {
  const step = -T / N
  const length = Math.ceil((0 - T) / step)
  const delta = T + step - T
  return Array.from({ length }, (_, i) => roundHalfEven(T + i * delta) - 1)
}

/** What a `step` of the real classes does with one number, in float64. */
interface Stepped {
  readonly x: number
  readonly output: number
  /** alphaBar here and at the next timestep, 1 after the last. */
  readonly a: number
  readonly b: number
  readonly z: number
}

const clamped = ({ clip_sample, clip_sample_range = 1 }: Config, value: number) =>
  clip_sample ? Math.max(-clip_sample_range, Math.min(clip_sample_range, value)) : value

function ddimStep(config: Config, { x, output, a, b, z }: Stepped, arguments_: Record<string, unknown>): number {
  const eta = Number(arguments_.eta ?? 0)
  const clean = clamped(config, (x - Math.sqrt(1 - a) * output) / Math.sqrt(a))
  const noise = arguments_.use_clipped_model_output ? (x - Math.sqrt(a) * clean) / Math.sqrt(1 - a) : output
  const sigma = eta * Math.sqrt(((1 - b) / (1 - a)) * (1 - a / b))
  return Math.sqrt(b) * clean + Math.sqrt(1 - b - sigma ** 2) * noise + (eta > 0 ? sigma * z : 0)
}

function ddpmStep(config: Config, { x, output, a, b, z }: Stepped, timestep: number): number {
  const clean = clamped(config, (x - Math.sqrt(1 - a) * output) / Math.sqrt(a))
  const beta = 1 - a / b
  const mean = ((Math.sqrt(b) * beta) / (1 - a)) * clean + ((Math.sqrt(a / b) * (1 - b)) / (1 - a)) * x
  const small = Math.max(1e-20, ((1 - b) / (1 - a)) * beta)
  return mean + (timestep > 0 ? Math.sqrt(config.variance_type === 'fixed_large' ? beta : small) * z : 0)
}

/** The loop that a page prints, with DDIM's or DDPM's class, over the scheduler's own timesteps. */
export function loopByRule(
  config: Config,
  timesteps: readonly number[],
  stepArguments: Record<string, unknown>,
  { start, predict, noise }: Loop,
): Float64Array {
  const alphaBar = cumulative(config)
  let x = Float64Array.from(start)
  for (const [i, t] of timesteps.entries()) {
    const next = timesteps[i + 1]
    const [a, b] = [alphaBar[t], next === undefined ? 1 : alphaBar[next]]
    const z = noise(i)
    x = x.map((value, j) => {
      const here = { x: value, output: predict(value, i), a, b, z: z[j] }
      return config._class_name === 'DDPMScheduler' ? ddpmStep(config, here, t) : ddimStep(config, here, stepArguments)
    })
  }
  return x
}

/** DPMSolverMultistepScheduler: dpmsolver++, order 2, midpoint, final sigma zero, in its sigma form. */
export function solverByRule(config: Config, times: readonly number[], { start, predict }: Loop): Float64Array {
  const alphaBar = cumulative(config)
  const sigmas = [...times.map((time) => Math.sqrt((1 - alphaBar[time]) / alphaBar[time])), 0]
  const alphaSigma = (sigma: number) => [1 / Math.sqrt(sigma * sigma + 1), sigma / Math.sqrt(sigma * sigma + 1)]
  const lambda = (sigma: number) => Math.log(alphaSigma(sigma)[0]) - Math.log(alphaSigma(sigma)[1])
  let x = Float64Array.from(start)
  let earlier: Float64Array | null = null
  for (const i of times.keys()) {
    const [alpha, sigma] = alphaSigma(sigmas[i])
    const m0: Float64Array = x.map((v) => {
      const clean = (v - sigma * predict(v, i)) / alpha
      return config.thresholding ? Math.max(-1, Math.min(1, clean)) : clean
    })
    const [nextAlpha, nextSigma] = alphaSigma(sigmas[i + 1])
    const h = lambda(sigmas[i + 1]) - lambda(sigmas[i])
    const first = earlier === null || i === times.length - 1
    const r0 = first ? 1 : (lambda(sigmas[i]) - lambda(sigmas[i - 1])) / h
    const m1: Float64Array = earlier ?? m0
    x = x.map((v, j) => {
      const D1 = first ? 0 : (m0[j] - m1[j]) / r0
      const factor = nextAlpha * (Math.exp(-h) - 1)
      return (nextSigma / sigma) * v - factor * m0[j] - 0.5 * factor * D1
    })
    earlier = m0
  }
  return x
}
