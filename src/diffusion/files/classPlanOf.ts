/** How a class with betas samples by itself in N steps: its levels, told times and solver, from the fields of its config. */
import { inputError } from '../../base/index.ts'
import type { Prediction } from '../denoiser.ts'
import type { ClassPlan, ClassSolver, CleanRule } from '../samplers/classPlan.ts'
import type { Level } from '../schedules/level.ts'
import { flowLevelOf } from '../schedules/level.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'
import { roundHalfEven } from '../schedules/stepList.ts'
import {
  float32AlphaBars,
  float32Sigmas,
  linspace,
  respaced,
  sigmaOfTime,
  timeOfSigma,
  trailingTimes,
} from './classSigmas.ts'
import { shifted, stretched } from './flowSigmas.ts'
import type { SchedulerClass, SchedulerField } from './schedulerClasses.ts'
import type { ClassedConfig } from './schedulerConfig.ts'
import { respacingOf } from './schedulerConfig.ts'

/** Steps that are asked for: how many, or at which times or sigmas (noisiest first; the last sigma is where the last step ends). */
export interface ClassRequest {
  readonly steps?: number
  readonly timesteps?: readonly number[]
  readonly sigmas?: readonly number[]
  /** mu of a flow with a dynamic shift, or the number of tokens of an image that it is of. */
  readonly mu?: number
  readonly tokens?: number
}

/** A config, and what was read from it. */
export interface ReadConfig extends ClassedConfig {
  readonly schedule: NoiseSchedule
  readonly prediction: Prediction
  readonly spacing: 'leading' | 'linspace' | 'trailing'
  /** Noisiest training times that are left out. */
  readonly skipped: number
}

/** Levels and told times of a class in N steps, and where its last step ends (null: at the clean image). */
export interface ClassLevels {
  readonly levels: readonly Level[]
  readonly told: readonly number[]
  readonly final: Level | null
}

/** @throws `steps.count` on numbers of steps at which the real class fails, `scheduler.own` where its solver is none of those here */
export function classPlanOf(read: ReadConfig, request: ClassRequest): ClassPlan {
  const { name, rule, prediction, spacing } = read
  const { levels, told, final } = firstOnce(read, classLevels(read, request))
  if (rule.steps === null) {
    throw inputError('scheduler.own', `${name} takes ${rule.ownSteps}, which are not here; take one of the samplers`)
  }
  const scaled = rule.scaled
  const sigma = Math.exp(Math.max(...levels.map(({ logSnr }) => -logSnr)) / 2)
  // Where the class starts from: the largest sigma, or with `leading` times its root with 1.
  const size = spacing === 'leading' ? Math.sqrt(sigma * sigma + 1) : sigma
  const next = levels.map((_, i) => levels[i + 1] ?? final)
  return {
    className: name,
    prediction,
    levels,
    told,
    to: rule.steps === 'ddim' ? ddimTargets(read, told) : next,
    clean: cleanRule(read),
    solver: solverOf(read, told),
    startScale: scaled ? size * levels[0].signal : 1,
    scaled,
  }
}

/** DDIM goes from t to t - T // N, whatever the next time of its list is; below 0 to the image, or to level 0. */
function ddimTargets(read: ReadConfig, told: readonly number[]): (Level | null)[] {
  const { schedule, rule, config } = read
  const level = trainingLevels(read)
  const stride = Math.floor(schedule.timesteps / told.length)
  const end = (config.set_alpha_to_one ?? rule.alphaToOne ?? true) ? null : level(0)
  return told.map((time) => (time - stride >= 0 ? level(time - stride) : end))
}

function cleanRule({ rule, config }: ReadConfig): CleanRule {
  const has = (field: SchedulerField) => rule.fields.includes(field)
  const max = config.sample_max_value
  if (has('thresholding') && config.thresholding) {
    if (max === 1) return { clip: [-1, 1], threshold: null }
    return { clip: null, threshold: { ratio: Number(config.dynamic_thresholding_ratio), max } }
  }
  const clips = rule.clipSample !== null && (config.clip_sample ?? rule.clipSample)
  return { clip: clips ? [-config.clip_sample_range, config.clip_sample_range] : null, threshold: null }
}

function solverOf({ rule, config }: ReadConfig, told: readonly number[]): ClassSolver {
  const order = config.solver_order
  const lowerOrderFinal = config.lower_order_final
  switch (rule.steps) {
    case 'ddpm': {
      const variance = config.variance_type?.startsWith('fixed_large') ? 'large' : 'small'
      return { kind: 'ddpm', variance, noisyLastStep: variance === 'large' && told[told.length - 1] > 0 }
    }
    case 'dpm': {
      const algorithm = config.algorithm_type === 'deis' ? 'dpmsolver++' : config.algorithm_type
      return {
        kind: 'dpm',
        algorithm: algorithm as 'dpmsolver++',
        order,
        type: config.solver_type === 'heun' ? 'heun' : 'midpoint',
        lowerOrderFinal,
        eulerAtFinal: config.euler_at_final,
      }
    }
    case 'unipc':
      return {
        kind: 'unipc',
        order,
        type: config.solver_type === 'bh1' ? 'bh1' : 'bh2',
        predictsImage: config.predict_x0,
        lowerOrderFinal,
        uncorrected: config.disable_corrector,
      }
    default:
      return { kind: rule.steps ?? 'ddim' }
  }
}

/** alphaBar as the class holds it; with no signal at the last level the betas do not say what stands there, the levels do. */
const alphaBarsOf = ({ schedule, rule, config }: ReadConfig): Float32Array =>
  config.rescale_betas_zero_snr && rule.zeroSnr !== null
    ? Float32Array.from(schedule.alphaBar)
    : float32AlphaBars(schedule.betas)

const trainingSigmas = (read: ReadConfig): Float32Array => float32Sigmas(alphaBarsOf(read))

/** The training level at a whole time. */
function trainingLevels(read: ReadConfig): (time: number) => Level {
  const alphaBars = alphaBarsOf(read)
  const sigmas = read.rule.bySigma ? float32Sigmas(alphaBars) : null
  return (time) => {
    if (sigmas) return levelOfSigma(read.rule, sigmas[time])
    const alphaBar = alphaBars[time]
    if (!(alphaBar > 0 && alphaBar < 1)) return read.schedule.level(time)
    return levelOf(Math.fround(Math.sqrt(alphaBar)), Math.fround(Math.sqrt(Math.fround(1 - alphaBar))))
  }
}

/**
 * A level of signal and noise as the class holds them, rounded to float32: where the signal is 5e-5, as at the end of a cosine schedule, x0Hat
 * depends on their last digit.
 */
const levelOf = (signal: number, noise: number): Level => ({ logSnr: 2 * Math.log(signal / noise), signal, noise })

function levelOfSigma({ scaled }: Pick<SchedulerClass, 'scaled'>, sigma: number): Level {
  const float32 = Math.fround(sigma)
  const root = Math.fround(Math.sqrt(Math.fround(Math.fround(float32 * float32) + 1)))
  // x/signal is what the first keep, and sigma its noise; the others have both.
  if (scaled) return levelOf(1 / root, float32 / root)
  const signal = Math.fround(1 / root)
  return levelOf(signal, Math.fround(float32 * signal))
}

/** @throws `steps.count`, naming the class and what it does there */
export function classLevels(read: ReadConfig, request: ClassRequest): ClassLevels {
  const { name, rule, config } = read
  if (rule.fields.includes('use_flow_sigmas') && config.use_flow_sigmas) return flowLevels(read, request)
  const respacing = respacingOf(read)
  const times = timesOf(read, request, respacing !== null)
  const level = trainingLevels(read)
  const sigmas = trainingSigmas(read)
  const whole = times.every(Number.isInteger)
  const at = (time: number) => (whole ? level(time) : levelOfSigma(rule, sigmaOfTime(time, sigmas)))
  const end = config.final_sigmas_type === 'sigma_min' && rule.fields.includes('final_sigmas_type')
  const final = end ? level(0) : null
  if (!respacing && !request.sigmas && config.interpolation_type === 'linear') {
    return { levels: times.map(at), told: times, final }
  }
  const [least, most] = [sigmas[0], sigmas[sigmas.length - 1]]
  let chosen: number[]
  let last = final
  if (request.sigmas) {
    chosen = request.sigmas.slice(0, -1)
    const ends = request.sigmas[request.sigmas.length - 1]
    last = ends > 0 ? levelOfSigma(rule, ends) : null
  } else {
    const steps = request.steps ?? times.length
    // N + 1 sigmas for N times: the last one is where the last step ends.
    const logLinear = config.interpolation_type === 'log_linear' && rule.fields.includes('interpolation_type')
    const inner = logLinear ? respaced('exponential', most, least, steps + 1) : times.map((t) => sigmaOfTime(t, sigmas))
    const range = rule.respacesTimes ? [inner[0], inner[inner.length - 1]] : [most, least]
    const [max, min] = bounds(read, range)
    chosen = respacing ? respaced(respacing, max, min, steps) : inner.slice(0, steps)
    if (logLinear && !respacing) last = levelOfSigma(rule, inner[steps])
    if (end && respacing && rule.steps === 'unipc') last = levelOfSigma(rule, chosen[steps - 1])
  }
  const interpolated = !respacing && !request.sigmas
  const told = interpolated ? times : chosen.map((sigma) => toldOf(read, timeOfSigma(sigma, sigmas)))
  if (chosen.some((sigma, i) => !(sigma > 0) || (i > 0 && !(sigma < chosen[i - 1])))) {
    throw inputError('steps.count', `${name} has no ${chosen.length} falling sigmas: it got [${chosen}]`)
  }
  return { levels: chosen.map((sigma) => levelOfSigma(rule, sigma)), told, final: last }
}

/** sigma_max and sigma_min where it has them and they are given. */
function bounds({ rule, config }: ReadConfig, [max, min]: readonly number[]): readonly [number, number] {
  if (!rule.fields.includes('sigma_min')) return [max, min]
  return [Number(config.sigma_max ?? max), Number(config.sigma_min ?? min)]
}

/** As the class keeps it: real-valued, or rounded, or rounded and cut. */
function toldOf({ rule, config }: ReadConfig, time: number): number {
  if (rule.realTimes) return Math.fround(time)
  const karras = config.use_karras_sigmas
  const cosine = config.beta_schedule === 'squaredcos_cap_v2'
  const rounds = rule.steps === 'unipc' ? karras : (karras || config.use_lu_lambdas) && !cosine
  return Math.trunc(rounds ? roundHalfEven(time) : time)
}

/** The class finds its first step by its time: where that is told twice, it begins at the second one and runs out of steps. */
function firstOnce({ name, rule }: ReadConfig, found: ClassLevels): ClassLevels {
  const { told } = found
  if (!rule.byIndex || told.filter((time) => time === told[0]).length === 1) return found
  const why = `told time ${told[0]} comes more than once at its start, where the real class begins at the second one and fails in its last step`
  throw inputError(
    'steps.count',
    `${name} cannot take ${told.length} steps: ${why}; take another number of steps or spacing`,
  )
}

/** The times that were asked for, or those of N steps; of sigmas that are spread anew, only the ends of their range matter, if anything. */
function timesOf(
  read: ReadConfig,
  { steps = 0, timesteps, sigmas }: ClassRequest,
  respaced: boolean,
): readonly number[] {
  if (timesteps || sigmas) return timesteps ?? []
  const T = read.schedule.timesteps
  if (!respaced) return checkedTimes(read, steps)
  if (Number.isInteger(steps) && steps >= 1 && steps <= T)
    return read.rule.respacesTimes ? spacedTimes(read, steps) : []
  throw inputError('steps.count', `${read.name} takes 1 to ${T} steps, got ${steps}`)
}

/** The times of N steps as the class's arithmetic gives them. */
function spacedTimes({ rule, config, schedule, spacing, skipped }: ReadConfig, steps: number): number[] {
  const T = schedule.timesteps
  const last = T - skipped
  if (spacing === 'trailing') return trailingTimes(last, T, steps)
  if (spacing === 'leading') {
    const offset = rule.fields.includes('steps_offset') ? config.steps_offset : 0
    const count = rule.inner ? steps + 1 : steps
    const all = Array.from({ length: count }, (_, i) => i * Math.floor(last / count) + offset).reverse()
    return rule.inner ? all.slice(0, -1) : all
  }
  const points = linspace(0, last - 1, rule.inner ? steps + 1 : steps)
  const all = points.map((time) => (rule.realTimes ? Math.fround(time) : roundHalfEven(time))).reverse()
  return rule.inner ? all.slice(0, -1) : all
}

/** @throws `steps.count` where the real class has other than N times, or times that it does not have */
function checkedTimes(read: ReadConfig, steps: number): number[] {
  const { name, rule, schedule, spacing } = read
  const T = schedule.timesteps
  const last = T - read.skipped
  const fail = (why: string) =>
    inputError('steps.count', `${name} cannot take ${steps} ${spacing} steps of ${T}: ${why}; take another number`)
  if (!Number.isInteger(steps) || steps < 1 || steps > last) throw fail(`there are ${last} training times`)
  const times = spacedTimes(read, steps)
  if (times.length !== steps) {
    throw fail(`by the rounding of ${T}/${steps} it takes ${times.length}, the last one ${times[times.length - 1]}`)
  }
  const wrong = times.find((time, i) => !(time >= 0 && time < T) || (i > 0 && !(time < times[i - 1])))
  if (wrong !== undefined) throw fail(`its times must be distinct and within 0 to ${T - 1}, one is ${wrong}`)
  if (spacing === 'linspace' && steps === 1 && !rule.inner) throw fail('its one time is 0, the least noisy one')
  return times
}

/** Flow sigmas of DPM-Solver and UniPC: told T sigma, cut to an integer. */
function flowLevels(read: ReadConfig, { steps = 0, mu, tokens }: ClassRequest): ClassLevels {
  const { name, rule, config } = read
  const T = config.num_train_timesteps
  if (!Number.isInteger(steps) || steps < 1 || steps > T) {
    throw inputError('steps.count', `${name} takes 1 to ${T} steps, got ${steps}`)
  }
  const unipc = rule.steps === 'unipc'
  const sigmas = unipc ? unipcSigmas(read, steps, mu, tokens) : dpmSigmas(config.flow_shift, T, steps)
  const least = unipc ? sigmas[steps - 1] : trainingSigmas(read)[0]
  return {
    levels: sigmas.map(flowLevelOf),
    told: sigmas.map((sigma) => Math.trunc(sigma * T)),
    final: config.final_sigmas_type === 'sigma_min' ? flowLevelOf(least) : null,
  }
}

const dpmSigmas = (shift: number, T: number, steps: number): number[] =>
  linspace(1, 1 / T, steps + 1)
    .map((alpha) => shifted(1 - alpha, shift))
    .reverse()
    .slice(0, -1)

function unipcSigmas(read: ReadConfig, steps: number, mu?: number, tokens?: number): number[] {
  const { name, config } = read
  const T = config.num_train_timesteps
  if (config.use_karras_sigmas) {
    const all = trainingSigmas(read)
    const [max, min] = bounds(read, [all[all.length - 1], all[0]])
    return respaced('karras', max, min, steps).map((sigma) => sigma / (sigma + 1))
  }
  if (config.use_dynamic_shifting && mu === undefined) {
    const came = tokens === undefined ? 'none came' : `${tokens} tokens came, for which it has no rule`
    throw inputError('scheduler.own', `${name} with use_dynamic_shifting needs mu, ${came}`)
  }
  const shift = config.use_dynamic_shifting && mu !== undefined ? Math.exp(mu) : config.flow_shift
  const moved = linspace(1, 1 / T, steps + 1)
    .slice(0, -1)
    .map((sigma) => shifted(sigma, shift))
  const sigmas = config.shift_terminal ? stretched(moved, config.shift_terminal) : moved
  // The class keeps away from sigma 1, where log(signal) is infinite.
  return sigmas.map((sigma, i) => (i === 0 && Math.abs(sigma - 1) < 1e-6 ? sigma - 1e-6 : sigma))
}
