/** Every scheduler class that is read, against the real classes: test/gold/schedulers.json, test/gold/schedulerRuns.json. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { ClassPlan } from '../samplers/classPlan.ts'
import { classEvaluations } from '../samplers/classPlan.ts'
import { runClass } from '../samplers/classSteps.ts'
import type { Level } from '../schedules/level.ts'
import { levelOfLogSnr } from '../schedules/level.ts'
import { float32AlphaBars } from './classSigmas.ts'
import { readScheduler } from './diffusersScheduler.ts'

interface Case {
  readonly name: string
  readonly scheduler: string
  readonly config: Readonly<Record<string, unknown>>
  readonly steps: number
  readonly set_timesteps?: { readonly timesteps?: number[]; readonly sigmas?: number[]; readonly mu?: number }
  readonly raises?: string
  readonly timesteps?: readonly number[]
  readonly sigmas?: readonly number[]
  readonly initNoiseSigma?: number
  readonly states?: readonly (readonly (number | null)[])[]
}

interface Gold {
  readonly dataStd: number
  readonly start: readonly number[]
  readonly cases: readonly Case[]
}

const jsonOf = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const gold: Gold = jsonOf('test/gold/schedulers.json')
const more: Gold & { readonly fails: readonly (Omit<Case, 'name'> & { readonly fails: string })[] } =
  jsonOf('test/gold/schedulerRuns.json')

const read = ({ scheduler, config }: Case) =>
  readScheduler(JSON.stringify({ _class_name: scheduler, ...config }), 'gold.json')

const request = ({ steps, set_timesteps: set }: Case) =>
  set?.timesteps || set?.sigmas ? set : { steps, ...(set?.mu !== undefined && { mu: set.mu }) }

/** Exact for data N(0, dataStd^2) at the level of the told time. */
function predicted(kind: ClassPlan['prediction'], { signal, noise, path }: Level, x: ArrayLike<number>): Float64Array {
  const square = gold.dataStd ** 2
  const variance = signal ** 2 * square + noise ** 2
  return Float64Array.from(x, (value) => {
    const [x0, eps] = [(value * signal * square) / variance, (value * noise) / variance]
    if (kind === 'noise') return eps
    if (kind === 'sample') return x0
    return path === 'flow' ? eps - x0 : signal * eps - noise * x0
  })
}

/** Every state of a run, as the class keeps it. */
async function statesOf(
  one: Case,
): Promise<{ plan: ClassPlan; told: number[]; states: Float64Array[]; scales: number[] }> {
  const { schedule, prediction, planOf } = read(one)
  const plan = planOf(request(one))
  const flow = plan.levels[0].path === 'flow'
  const zero = one.config.rescale_betas_zero_snr === true
  const alphaBars = zero ? Float32Array.from(schedule.alphaBar) : float32AlphaBars(schedule.betas)
  const told: number[] = []
  const states: Float64Array[] = []
  const scales: number[] = []
  const scaleAt = ({ signal }: Level) => (plan.scaled ? 1 / signal : 1)
  const last = await runClass(plan, {
    start: Float64Array.from(gold.start),
    noise: (k) => Float64Array.from(gold.start, (_, j) => Math.sin(1.7 * k + 0.9 * j + 0.4)),
    async predict(i, x, at = i) {
      const time = plan.told[at]
      told.push(time)
      const scale = scaleAt(plan.levels[at])
      scales.push(scale)
      states.push(Float64Array.from(x, (value) => value * scale))
      // A flow's level is the sigma of the step, which a cut told time is not.
      const level = flow ? plan.levels[at] : between(alphaBars, time)
      return predicted(prediction, level, x)
    },
  })
  states.push(Float64Array.from(last))
  return { plan, told, states: states.slice(1), scales: [...scales.slice(1), 1] }
}

/** Straight in log-SNR between neighbours. */
function between(alphaBars: Float32Array, time: number): Level {
  const low = Math.min(Math.floor(time), alphaBars.length - 2)
  const share = time - low
  const [below, above] = [alphaBars[low], alphaBars[low + 1]].map((value) => Math.log(value / (1 - value)))
  // A product that is 0 stands for no signal: e^-100.
  const logSnr = share === 0 ? below : share === 1 ? above : below * (1 - share) + above * share
  return levelOfLogSnr(Math.max(-100, logSnr))
}

/** Not run to the digit: what is theirs of levels and times is checked, and that their own steps are refused. */
const READ_ALONE: readonly string[] = [
  'DEISMultistepScheduler',
  'PNDMScheduler',
  'LMSDiscreteScheduler',
  'KDPM2DiscreteScheduler',
  'DPMSolverSinglestepScheduler',
]
const REFUSED: readonly string[] = ['LCMScheduler']
/** Their noise is not the formula's: run again, the classes themselves give `schedulerRuns.json`. */
const OTHER_NOISE = ['ddpm-leading-5', 'euler-a-leading-5']
const fails = ({ raises, states = [] }: Case) => raises !== undefined || states.some((state) => state.includes(null))
const named = (cases: readonly Case[]) => cases.map((one) => [one.name, one] as const)
const alone = ({ scheduler }: Case) => READ_ALONE.includes(scheduler) || REFUSED.includes(scheduler)

describe('every state of a run', () => {
  const exact = gold.cases.filter((one) => !alone(one) && !fails(one) && !OTHER_NOISE.includes(one.name))
  test('of all but a few settings', () => expect([exact.length, more.cases.length]).toEqual([95, 48]))

  test.each(named([...exact, ...more.cases]))('%s', async (_, one) => {
    const { plan, told, states, scales } = await statesOf(one)
    expect(told.length).toBe(one.timesteps!.length)
    expect(told.length).toBe(classEvaluations(plan))
    for (const [k, time] of one.timesteps!.entries()) expect(Math.abs(told[k] - time), `time ${k}`).toBeLessThan(2e-4)
    expectStates(states, scales, one)
  })
})

describe('what the real class cannot run is refused', () => {
  const cases = [...gold.cases.filter(fails), ...more.fails].map(
    (one) => [`${one.scheduler}, ${JSON.stringify(one.config)}, ${one.steps} steps`, one] as const,
  )
  test.each(cases)('%s', (_, one) => {
    expect(() => read(one as Case).planOf(request(one as Case))).toThrow(/^gold.json: /)
  })
})

describe('levels and times of classes that take other steps', () => {
  test.each(named(gold.cases.filter(({ scheduler }) => READ_ALONE.includes(scheduler))))('%s', (_, one) => {
    const { planOf, timesOf, levelsOf, schedule, settings, notes } = read(one)
    expect(() => planOf(request(one))).toThrow(/^gold.json: \w+ takes .*, which are not here; take one of the samplers/)
    expect(notes.join()).toMatch(/takes .*, which no sampler here does/)
    expect(settings.clip).toBeNull()
    const found = levelsOf?.(request(one))
    const times = found?.told ?? timesOf(one.steps)
    const distinct = (values: readonly number[]) => values.filter((value, i) => i === 0 || value !== values[i - 1])
    // KDPM2 tells a time between two of its list, too.
    const own = one.scheduler.startsWith('KDPM2') ? one.timesteps!.filter((_, i) => i % 2 === 0) : one.timesteps!
    expect(times.length).toBe(one.steps)
    for (const [i, time] of distinct(own).entries()) expect(Math.abs(times[i] - time)).toBeLessThan(2e-4)
    const sigmas = distinct(one.sigmas ?? []).filter((sigma) => sigma > 0)
    if (one.scheduler.startsWith('KDPM2') || sigmas.length !== one.steps) return
    const levels = found?.levels ?? times.map((time) => schedule.level(time))
    for (const [i, { logSnr }] of levels.entries()) expect(Math.exp(-logSnr / 2) / sigmas[i]).toBeCloseTo(1, 5)
  })

  test.each(named(gold.cases.filter(({ scheduler }) => REFUSED.includes(scheduler))))('%s is refused', (_, one) => {
    expect(() => read(one)).toThrow(/LCMScheduler is for consistency models/)
  })
})

/** To 1e-5 of what the network sees: x/signal, where a class keeps that, is float32 numbers up to 400. */
function expectStates(states: readonly Float64Array[], scales: readonly number[], one: Case): void {
  expect(states.length).toBe(one.states!.length)
  for (const [k, state] of one.states!.entries()) {
    for (const [j, value] of state.entries()) {
      const size = Math.max(scales[k], Math.abs(value!))
      expect(Math.abs(states[k][j] - value!) / size, `state ${k}, element ${j}`).toBeLessThan(1e-5)
    }
  }
}
