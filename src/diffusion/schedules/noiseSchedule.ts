/**
 * Noise schedules: T levels from a family of a few parameters, from betas, or from a diffusers config (see
 * `diffusersScheduler.ts`), and the derivative of every level in the family's parameters.
 *
 * alphaBar_t = prod_{s <= t} (1 - beta_s) is kept as its logarithm, a cumulative sum, so that alphaBar survives below
 * float64's range and 1 - alphaBar keeps its digits near 0: logSnr = log alphaBar - log(-expm1(log alphaBar)).
 */
import { inputError } from '../../base/index.ts'
import type { Level } from './level.ts'
import { LOG_SNR_LIMIT, levelOfLogSnr, logSnrOfLogAlphaBar } from './level.ts'
import type { FamilyParameter, NoiseFamilyName } from './noiseFamilies.ts'
import { NOISE_FAMILIES } from './noiseFamilies.ts'

/** Largest beta of a family. */
const MAX_BETA = 0.999
const MIN_LOG_ALPHA = Math.log1p(-MAX_BETA)

/** log alphaBar that stands for no signal at all. */
const NO_SIGNAL = -100

/** T noise levels. Index t = 0..T-1 is the time a network is told; larger is noisier. */
export interface NoiseSchedule {
  readonly timesteps: number
  readonly betas: Float64Array
  /** prod (1 - beta); 0 where it leaves float64: `logSnr` does not. */
  readonly alphaBar: Float64Array
  readonly logSnr: Float64Array
  /** `flow`: levels on the straight path, signal + noise = 1 (`flowSchedule.ts`). Absent: variance preserving. */
  readonly path?: 'flow'
  /** The schedule that this one's signals were stretched from, so that the last one is none (`withZeroTerminalSnr`). Absent: they were not. */
  readonly stretchedFrom?: NoiseSchedule
  /** The level at time t in [0, T-1]; between integers, straight lines in log-SNR (flow: in sigma). @throws `schedule.time` */
  level(t: number): Level
}

/** A schedule of a family, with its derivative. */
export interface FamilySchedule extends NoiseSchedule {
  readonly family: NoiseFamilyName
  /** Values in the family's order. */
  readonly parameters: Float64Array
  /** Per parameter, d logSnr_t / d parameter, length T; 0 through a clipped beta. */
  readonly jacobian: readonly Float64Array[]
}

/** What names a family schedule. Parameters left out take the family's defaults. */
export interface FamilyOptions {
  readonly family: NoiseFamilyName
  /** T. Default 1000. */
  readonly timesteps?: number
  readonly start?: number
  readonly end?: number
  readonly tau?: number
  readonly epsilon?: number
}

/**
 * The noise schedule of a family.
 * @throws `schedule.family`, `schedule.timesteps`, `schedule.box` naming the rule that a parameter breaks
 */
export function noiseSchedule(options: FamilyOptions): FamilySchedule {
  const rule = familyRule(options.family)
  const names = rule.parameters.map(({ name }) => name)
  for (const name of ['start', 'end', 'tau', 'epsilon'] as const) {
    if (options[name] !== undefined && !names.includes(name)) {
      throw inputError(
        'schedule.box',
        `the ${options.family} schedule has no parameter ${name}; it has ${names.join(', ')}`,
      )
    }
  }
  const parameters = rule.parameters.map(({ name, initial }) => options[name] ?? initial)
  return familySchedule(options.family, parameters, options.timesteps ?? 1000)
}

/** The noise schedule of a family from its parameters in the family's order (the form that tuners use). */
export function familySchedule(family: NoiseFamilyName, values: ArrayLike<number>, timesteps: number): FamilySchedule {
  const rule = familyRule(family)
  checkTimesteps(timesteps)
  const parameters = Float64Array.from(values)
  checkBox(family, rule.parameters, parameters)
  const logAlpha = new Float64Array(timesteps)
  const jacobian = rule.parameters.map(() => new Float64Array(timesteps))
  const running = new Float64Array(parameters.length)
  let logAlphaBar = 0
  for (let t = 0; t < timesteps; t++) {
    const { value, gradient } = rule.logAlpha(t + 1, timesteps, [...parameters])
    const free = value > MIN_LOG_ALPHA && value <= 0
    logAlpha[t] = free ? value : value > 0 ? 0 : MIN_LOG_ALPHA
    logAlphaBar += logAlpha[t]
    // d logSnr = d log alphaBar / (1 - alphaBar)
    const noise2 = -Math.expm1(logAlphaBar)
    for (let p = 0; p < running.length; p++) {
      if (free) running[p] += gradient[p]
      jacobian[p][t] = running[p] / noise2
    }
  }
  return { ...scheduleOfLogAlpha(logAlpha), family, parameters, jacobian }
}

/** J^T dLogSnr: pulls a cotangent of all T log-SNRs back to the family's parameters. */
export function pullBackToParameters({ jacobian }: FamilySchedule, dLogSnr: ArrayLike<number>): Float64Array {
  return Float64Array.from(jacobian, (row) => row.reduce((sum, d, t) => sum + d * dLogSnr[t], 0))
}

/** The noise schedule of given betas (`trained_betas`, other people's models). @throws `schedule.betas` unless all lie in [0, 1) */
export function noiseScheduleFromBetas(betas: ArrayLike<number>): NoiseSchedule {
  if (betas.length === 0) throw inputError('schedule.betas', 'a schedule needs at least one beta, got none')
  const logAlpha = new Float64Array(betas.length)
  for (let t = 0; t < betas.length; t++) {
    const beta = betas[t]
    if (!(beta >= 0 && beta < 1)) {
      const why = beta === 1 ? ' (beta 1 is a level without signal, which noise prediction cannot start from)' : ''
      throw inputError('schedule.betas', `betas must lie in [0, 1), got ${beta} at index ${t}${why}`)
    }
    logAlpha[t] = Math.log1p(-beta)
  }
  return scheduleOfLogAlpha(logAlpha)
}

/**
 * The schedule with its signals shifted and stretched so that the last one is none (Lin et al. 2023, arXiv 2305.08891, algorithm 1).
 * @param lastAlphaBar what stands for alphaBar_T; 0 is kept as e^-100: a signal of 2e-22, at which x0Hat of a velocity is -v to all
 * digits, and whose powers are levels still
 */
export function withZeroTerminalSnr(schedule: NoiseSchedule, lastAlphaBar: number): NoiseSchedule {
  const { alphaBar } = schedule
  const signal = alphaBar.map(Math.sqrt)
  const [first, last] = [signal[0], signal[signal.length - 1]]
  const logAlphaBar = signal.map((value) => 2 * Math.log((value - last) * (first / (first - last))))
  logAlphaBar[signal.length - 1] = Math.max(NO_SIGNAL, Math.log(lastAlphaBar))
  const stretched = scheduleOfLogAlpha(logAlphaBar.map((value, t) => value - (t === 0 ? 0 : logAlphaBar[t - 1])))
  return lastAlphaBar === 0 ? { ...stretched, stretchedFrom: schedule } : stretched
}

function scheduleOfLogAlpha(logAlpha: Float64Array): NoiseSchedule {
  let sum = 0
  const logAlphaBar = logAlpha.map((value) => {
    sum += value
    return sum
  })
  const logSnr = logAlphaBar.map(logSnrOfLogAlphaBar)
  return {
    timesteps: logAlpha.length,
    betas: logAlpha.map((value) => -Math.expm1(value)),
    alphaBar: logAlphaBar.map(Math.exp),
    logSnr,
    level: (t) => levelAt(logSnr, t),
  }
}

function levelAt(logSnr: Float64Array, t: number): Level {
  if (!(t >= 0 && t <= logSnr.length - 1)) {
    throw inputError('schedule.time', `a time must lie in [0, ${logSnr.length - 1}], got ${t}`)
  }
  const below = Math.floor(t)
  const rest = t - below
  const value = rest === 0 ? logSnr[below] : logSnr[below] * (1 - rest) + logSnr[below + 1] * rest
  if (Math.abs(value) > LOG_SNR_LIMIT) {
    const rule = `log(signal^2/noise^2) must lie within ±${LOG_SNR_LIMIT}`
    throw inputError('schedule.level', `${rule}, got ${value} at time ${t}; take a smaller tau or a smaller end`)
  }
  return levelOfLogSnr(value)
}

function familyRule(family: NoiseFamilyName): (typeof NOISE_FAMILIES)[NoiseFamilyName] {
  const rule = Object.hasOwn(NOISE_FAMILIES, family) ? NOISE_FAMILIES[family] : undefined
  if (rule) return rule
  throw inputError(
    'schedule.family',
    `a noise schedule family is one of ${Object.keys(NOISE_FAMILIES).join(', ')}, got ${family}`,
  )
}

function checkTimesteps(timesteps: number): void {
  if (!Number.isInteger(timesteps) || timesteps < 1) {
    throw inputError('schedule.timesteps', `timesteps must be an integer of at least 1, got ${timesteps}`)
  }
}

function checkBox(family: NoiseFamilyName, rules: readonly FamilyParameter[], values: Float64Array): void {
  if (values.length !== rules.length) {
    const names = rules.map(({ name }) => name).join(', ')
    throw inputError('schedule.box', `the ${family} schedule has parameters ${names}, got ${values.length} values`)
  }
  for (const [i, { name, low, high, lowOpen }] of rules.entries()) {
    const value = values[i]
    if (value >= low && value <= high && !(lowOpen && value === low)) continue
    const interval = `${lowOpen ? '(' : '['}${low}, ${high}]`
    throw inputError('schedule.box', `${family} schedule: ${name} must lie in ${interval}, got ${value}`)
  }
  if (!(values[0] < values[1])) {
    const came = `start ${values[0]}, end ${values[1]}`
    throw inputError(
      'schedule.box',
      `${family} schedule: start must be below end, got ${came}; exchange them or widen the range`,
    )
  }
}
