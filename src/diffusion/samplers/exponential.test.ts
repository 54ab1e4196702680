/** The exponential step: gold values and gradients, the samplers that are its settings, its derivative, its order. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import type { Denoiser, ImageData, Prediction } from '../denoiser.ts'
import { exportForms, exportSteps } from '../files/exportSteps.ts'
import type { Level } from '../schedules/level.ts'
import { dNoiseDLogSnr, dSignalDLogSnr, flowLevel, levelOfLogSnr } from '../schedules/level.ts'
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import type { SolverNumbers } from '../schedules/solverNumbers.ts'
import { solverCotangent } from '../schedules/solverNumbers.ts'
import type { Chain, Evaluation, ReverseChain } from './chain.ts'
import { dot } from './chain.ts'
import { cotangentOf, LOG_SNR, network, PREDICTIONS, START, TIMES, WEIGHTS } from './derivative.fixture.ts'
import { exponential } from './exponential.ts'
import { expectOrder } from './order.fixture.ts'
import { sample, sampleVjp } from './sample.ts'
import type { SamplerSettings } from './settings.ts'
import { samplerSettings } from './settings.ts'

interface GoldCase {
  name: string
  level: 'vp' | 'flow'
  clip: number | null
  logSnr: number[]
  toldTime: number[]
  tau: number[]
  weight: number[]
  states: number[][]
  objective: number
  gradient: { logSnr: number[]; toldTime: number[]; tau: number[] | null; weight: number[] }
}
const gold = JSON.parse(readFileSync('test/gold/solver.json', 'utf8')) as {
  dataStd: number
  start: number[]
  cases: GoldCase[]
}

const flowOf = (logSnr: number): Level => flowLevel(1 / (1 + Math.exp(logSnr / 2)))

function expectNear(got: ArrayLike<number>, want: ArrayLike<number>, tolerance: number) {
  expect(got.length).toBe(want.length)
  for (let i = 0; i < want.length; i++)
    expect(Math.abs(got[i] - want[i])).toBeLessThan(tolerance * (1 + Math.abs(want[i])))
}

/** The gold network at a level: gain of x and its derivatives in the told time and in the level's log-SNR. */
function goldGain(level: Level, time: number) {
  const angle = (t: number) => (((t + 0.008) / 1.008) * Math.PI) / 2
  const alpha = (t: number) => (Math.cos(angle(t)) / Math.cos(angle(0))) ** 2
  const a = Math.min(1 - 1e-6, Math.max(1e-6, alpha(time)))
  const dA = (-alpha(time) * 2 * Math.tan(angle(time)) * (Math.PI / 2)) / 1.008
  const length = Math.hypot(level.signal, level.noise)
  const dLength = (level.signal * dSignalDLogSnr(level) + level.noise * dNoiseDLogSnr(level)) / length
  const D = a * gold.dataStd ** 2 + 1 - a
  const gain = Math.sqrt(1 - a) / D
  const dGain = -0.5 / Math.sqrt(1 - a) / D - (Math.sqrt(1 - a) / D ** 2) * (gold.dataStd ** 2 - 1)
  return { value: gain / length, inTime: (dGain * dA) / length, inLevel: (-gain / length ** 2) * dLength }
}

test.each(gold.cases)(
  'gold: $name, states and gradients',
  async ({ level, clip, logSnr, toldTime, tau, weight, ...row }) => {
    const levels = logSnr.map(level === 'flow' ? flowOf : levelOfLogSnr)
    const schedule: SamplingSchedule = { timesteps: 2, levels, times: toldTime, solver: { tau, weight } }
    const settings = samplerSettings({ sampler: 'exponential', clip: clip === null ? null : [-clip, clip] })
    const start = Float64Array.from(gold.start)
    const noise = (k: number) => start.map((_, j) => Math.sin(1.7 * k + 0.9 * j + 0.4))
    const evaluations: Evaluation[] = []
    const shared = { prediction: 'noise' as const, schedule, settings, noise }
    const chain: Chain = {
      ...shared,
      start,
      async predict(step, x, at = step) {
        const { value } = goldGain(levels[at], toldTime[at])
        const prediction = x.map((v: number) => value * v) as ImageData
        evaluations.push({ step, at, x, prediction })
        return prediction
      },
      remember: () => undefined,
    }
    const images = await exponential.run(chain)
    const states = [...evaluations.slice(1).map(({ x }) => x), images]
    for (const [i, state] of states.entries()) expectNear(state, row.states[i], 1e-12)
    const target = start.map((_, j) => -0.5 + (1.2 * j) / (start.length - 1))
    expect(target.reduce((sum, v, j) => sum + (images[j] - v) ** 2, 0)).toBeCloseTo(row.objective, 12)

    const dLogSnr = new Float64Array(levels.length)
    const dTimes = new Float64Array(levels.length)
    const dSolver = solverCotangent(levels.length)
    const back: ReverseChain = {
      ...shared,
      first: 0,
      before: new Map(),
      dLogSnr,
      dSolver,
      step: (i) => evaluations.filter(({ step }) => step === i),
      async vjp({ at, x }, cotangent) {
        const { value, inTime, inLevel } = goldGain(levels[at], toldTime[at])
        dTimes[at] += inTime * dot(cotangent, x)
        dLogSnr[at] += inLevel * dot(cotangent, x)
        return cotangent.map((g: number) => value * g) as ImageData
      },
    }
    await exponential.pullBack(back, images.map((v, j) => 2 * (v - target[j])) as ImageData)
    expectNear(dLogSnr, row.gradient.logSnr, 1e-10)
    expectNear(dTimes, row.gradient.toldTime, 1e-10)
    if (row.gradient.tau) expectNear(dSolver.tau, row.gradient.tau, 1e-10)
    expectNear(dSolver.weight, row.gradient.weight, 1e-10)
  },
)

const BETWEEN = LOG_SNR.length - 1
const all = (value: number, length = BETWEEN) => Array.from({ length }, () => value)
const scheduleOf = (solver: SolverNumbers, logSnr: number[] = LOG_SNR, times: number[] = TIMES) =>
  samplingSchedule({ timesteps: 1000, logSnr, times, solver })

/** tau of DDIM's eta at each step. */
const tauOfEta = (eta: number) =>
  LOG_SNR.slice(1).map((next, i) => {
    const twice = next - LOG_SNR[i]
    return Math.sqrt(-Math.log1p(eta * eta * Math.expm1(-twice)) / twice)
  })

describe('samplers that are its settings, to 1e-12', () => {
  test.each<[string, SolverNumbers, Partial<SamplerSettings>]>([
    ['ddim, recompute', { tau: all(0), weight: all(0) }, { sampler: 'ddim', clippedNoise: 'recompute' }],
    [
      'ddim, recompute, eta .6',
      { tau: tauOfEta(0.6), weight: all(0) },
      { sampler: 'ddim', clippedNoise: 'recompute', eta: 0.6 },
    ],
    ['dpm-solver++', {}, { sampler: 'dpm-solver++' }],
    ['dpm-solver++, said', { tau: all(0), weight: all(1), scale: all(1, 6), output: 0 }, { sampler: 'dpm-solver++' }],
    ['sde-dpm-solver++', { tau: all(1), weight: all(1) }, { sampler: 'sde-dpm-solver++' }],
    ['ddpm, small', { tau: all(1), weight: all(0), clipBounds: all(1, 6) }, { sampler: 'ddpm' }],
  ])('%s', async (_, solver, other) => {
    for (const prediction of PREDICTIONS) {
      const shared = { denoiser: network(prediction), start: START, seed: 3, firstItem: 2, through: 'all' as const }
      const [ours, theirs] = await Promise.all([
        sample({ ...shared, schedule: scheduleOf(solver), settings: samplerSettings({ sampler: 'exponential' }) }),
        sample({ ...shared, schedule: scheduleOf({}), settings: samplerSettings(other) }),
      ])
      expectNear(ours.images.data, theirs.images.data, 1e-12)
      const [back, others] = [
        await sampleVjp(ours.tape!, cotangentOf(ours.images)),
        await sampleVjp(theirs.tape!, cotangentOf(ours.images)),
      ]
      // tau moves with the levels where it is an eta.
      if (other.eta === undefined) expectNear(back.dLogSnr, others.dLogSnr, 1e-11)
      expectNear(back.dTimes!, others.dTimes!, 1e-12)
      expectNear(back.dStart!.data, others.dStart!.data, 1e-11)
    }
  })

  test('sde-dpm-solver++, by its own formula', async () => {
    const denoiser = network('noise')
    const schedule = scheduleOf({ tau: all(1), weight: all(1) })
    const settings = samplerSettings({ sampler: 'exponential' })
    const states: Float64Array[] = []
    const clean: Float64Array[] = []
    const noises = (await noiseOfSteps(schedule)) as Float64Array[]
    let x = START.data as Float64Array
    for (const [i, { signal: s, noise: n, logSnr }] of schedule.levels.entries()) {
      const eps = (await denoiser.predict({ ...START, data: x } as typeof START, schedule.times[i])).data
      clean.push(x.map((v, j) => Math.min(1, Math.max(-1, (v - n * eps[j]) / s))))
      const next = schedule.levels[i + 1]
      if (!next) break
      // Lu et al. 2022, SDE-DPM-Solver++(2M): lambda = logSnr/2, r0 = h_before/h
      const h = (next.logSnr - logSnr) / 2
      const r0 = i > 0 ? (logSnr - schedule.levels[i - 1].logSnr) / 2 / h : 1
      const [D0, before] = [clean[i], clean[i - 1] ?? clean[i]]
      const share = 1 - Math.exp(-2 * h)
      x = x.map((v, j) => {
        const D1 = (D0[j] - before[j]) / r0
        const mean = (next.noise / n) * Math.exp(-h) * v + next.signal * share * D0[j] + 0.5 * next.signal * share * D1
        return mean + next.noise * Math.sqrt(share) * noises[i][j]
      })
      states.push(x)
    }
    const { images } = await sample({ denoiser, schedule, settings, start: START, seed: 3, firstItem: 2 })
    expectNear(images.data, clean[5], 1e-12)
  })
})

/** Noise that a chain of three images from item 2, seed 3, takes at each step. */
async function noiseOfSteps({ levels }: SamplingSchedule): Promise<ImageData[]> {
  const { stepNoise } = await import('./sample.ts')
  return levels.map((_, step) => stepNoise(new Float64Array(12), { count: 3, seed: 3, firstItem: 2, step }))
}

/** Every number away from where it changes nothing, and steps that have next to no noise, or none. */
const FULL: SolverNumbers = {
  tau: [0.3, 0.9, 0, 1.2, 0.05],
  weight: [1, 0.6, 1.3, -0.2, 0.9],
  scale: [1.05, 0.97, 1, 0.9, 1.1, 0.98],
  clipBounds: [0.8, 1.1, 0.6, 0.9, 1.3, 0.7],
  output: 0.4,
  history: [[], [0.1], [-0.2, 0.15], [0.05, 0, 0.3], [0.1, -0.1, 0.2, -0.05]],
}

interface Numbers {
  logSnr: number[]
  times: number[]
  solver: SolverNumbers
}

async function valueFor(
  denoiser: Denoiser,
  settings: SamplerSettings,
  { logSnr, times, solver }: Numbers,
  flow: boolean,
  through: number | 'all' = 'all',
) {
  const made = scheduleOf(solver, logSnr, times)
  const schedule = flow ? { ...made, levels: logSnr.map(flowOf) } : made
  const sampled = await sample({ denoiser, schedule, settings, start: START, seed: 3, firstItem: 2, through })
  const value = Array.from(sampled.images.data).reduce((sum, x, i) => sum + WEIGHTS[i] * x + (x * x) / 2, 0)
  return { ...sampled, value }
}

/** Every number of a schedule as [how to move it, its derivative]. */
function* movable(
  at: Numbers,
  back: Awaited<ReturnType<typeof sampleVjp>>,
): Generator<[string, (d: number) => Numbers, number]> {
  for (const i of LOG_SNR.keys()) {
    yield [`level ${i}`, (d) => ({ ...at, logSnr: at.logSnr.with(i, at.logSnr[i] + d) }), back.dLogSnr[i]]
    yield [`time ${i}`, (d) => ({ ...at, times: at.times.with(i, at.times[i] + 1e3 * d) }), 1e3 * back.dTimes![i]]
  }
  const { solver } = at
  for (const name of ['tau', 'weight', 'scale', 'clipBounds'] as const) {
    const list = solver[name]
    for (const [i, value] of (list ?? []).entries()) {
      // The derivative at tau 0 is from the right; the image is smooth in a tau of either sign.
      if (name === 'tau' && value === 0) continue
      yield [
        `${name} ${i}`,
        (d) => ({ ...at, solver: { ...solver, [name]: list!.with(i, value + d) } }),
        back.dSolver[name][i],
      ]
    }
  }
  if (solver.output !== undefined) {
    yield ['output', (d) => ({ ...at, solver: { ...solver, output: solver.output! + d } }), back.dSolver.output[0]]
  }
  for (const [i, row] of (solver.history ?? []).entries()) {
    for (const [j, value] of row.entries()) {
      const moved = (d: number) => ({
        ...at,
        solver: { ...solver, history: solver.history!.with(i, row.with(j, value + d)) },
      })
      yield [`history ${i} ${j}`, moved, back.dSolver.history[i][j]]
    }
  }
}

describe.each<[string, Partial<SamplerSettings>, boolean]>([
  ['clipped', {}, false],
  ['lopsided clip', { clip: [-0.4, 0.9] }, false],
  ['unclipped', { clip: null }, false],
  ['clipped flow', {}, true],
  ['unclipped flow', { clip: null }, true],
])('the derivative in every number, %s, is the central difference', (_, options, flow) => {
  const settings = samplerSettings({ sampler: 'exponential', ...options })
  const { clipBounds: _bounds, ...withoutBounds } = FULL
  test.each(
    PREDICTIONS.flatMap((prediction) =>
      [FULL, withoutBounds, {}].map((solver) => ({
        prediction,
        solver,
        names: Object.keys(solver).join(' ') || 'nothing',
      })),
    ),
  )(
    '$prediction prediction, $names',
    async ({ prediction, solver }: { prediction: Prediction; solver: SolverNumbers }) => {
      const denoiser = network(prediction)
      const at = { logSnr: LOG_SNR, times: TIMES, solver }
      const base = await valueFor(denoiser, settings, at, flow)
      const back = await sampleVjp(base.tape!, cotangentOf(base.images))
      const h = 1e-5
      for (const [name, moved, slope] of movable(at, back)) {
        const [up, down] = [
          await valueFor(denoiser, settings, moved(h), flow),
          await valueFor(denoiser, settings, moved(-h), flow),
        ]
        const difference = (up.value - down.value) / (2 * h)
        expect(Math.abs(slope - difference), name).toBeLessThan(2e-6 * (1 + Math.abs(difference)))
      }
    },
  )
})

test('in the last steps alone, what enters them is a constant', async () => {
  const settings = samplerSettings({ sampler: 'exponential' })
  const denoiser = network('noise')
  const at = { logSnr: LOG_SNR, times: TIMES, solver: FULL }
  for (const through of [1, 2, 4]) {
    const first = LOG_SNR.length - through
    const { tape, images } = await valueFor(denoiser, settings, at, false, through)
    const back = await sampleVjp(tape!, cotangentOf(images))
    // The same from the state before, held: a chain that starts there, its earlier x0Hat given, must have these derivatives.
    const whole = await valueFor(denoiser, settings, at, false)
    const held = new Map<number, ImageData>()
    const earlier = whole.tape!.evaluations.slice(0, first)
    for (const { step, x, prediction } of earlier) {
      const { signal, noise } = whole.tape!.options.schedule.levels[step]
      const r = FULL.clipBounds![step]
      held.set(
        step,
        x.map((v: number, j: number) => {
          const raw = (v - noise * FULL.scale![step] * prediction[j]) / signal
          return Math.min(r, Math.max(-r, raw))
        }) as ImageData,
      )
    }
    const tailOf = async (solver: SolverNumbers) => {
      const schedule = scheduleOf(solver)
      let x = whole.tape!.evaluations[first].x
      const clean = new Map(held)
      // The formula of the method, written again.
      for (let i = first; i < LOG_SNR.length; i++) {
        const { signal, noise, logSnr } = schedule.levels[i]
        const eps = (await denoiser.predict({ ...START, data: x } as typeof START, TIMES[i])).data
        const r = solver.clipBounds![i]
        const here = x.map((v: number, j: number) =>
          Math.min(r, Math.max(-r, (v - noise * solver.scale![i] * eps[j]) / signal)),
        ) as ImageData
        clean.set(i, here)
        const before = clean.get(i - 1)!
        if (i === LOG_SNR.length - 1) {
          x = here.map((v: number, j: number) =>
            Math.min(r, Math.max(-r, v + solver.output! * (v - before[j]))),
          ) as ImageData
          continue
        }
        const next = schedule.levels[i + 1]
        const h = (next.logSnr - logSnr) / 2
        const omega = (solver.weight![i] * h) / (logSnr - schedule.levels[i - 1].logSnr)
        const t = solver.tau![i]
        const z = (await noiseOfSteps(schedule))[i]
        x = x.map((v: number, j: number) => {
          let D = here[j] + omega * (here[j] - before[j])
          for (const [k, b] of solver.history![i].entries()) D += b * (here[j] - clean.get(k)![j])
          const mean = (next.noise / noise) * Math.exp(-t * t * h) * v - next.signal * Math.expm1(-(1 + t * t) * h) * D
          return mean + next.noise * Math.sqrt(-Math.expm1(-2 * t * t * h)) * z[j]
        }) as ImageData
      }
      return Array.from(x).reduce((sum, v, j) => sum + WEIGHTS[j] * v + (v * v) / 2, 0)
    }
    expect(await tailOf(FULL)).toBeCloseTo(whole.value, 12)
    const h = 1e-5
    for (const [name, moved, slope] of movable(at, back)) {
      if (/level|time/.test(name)) continue
      const difference = ((await tailOf(moved(h).solver)) - (await tailOf(moved(-h).solver))) / (2 * h)
      expect(Math.abs(slope - difference), `${name} of the last ${through}`).toBeLessThan(2e-6)
    }
  }
})

test('at tau 0 the derivative in tau is that from the right', async () => {
  const settings = samplerSettings({ sampler: 'exponential' })
  const at = { logSnr: LOG_SNR, times: TIMES, solver: FULL }
  const denoiser = network('noise')
  const base = await valueFor(denoiser, settings, at, false)
  const { dSolver } = await sampleVjp(base.tape!, cotangentOf(base.images))
  const right = async (d: number) =>
    (await valueFor(denoiser, settings, { ...at, solver: { ...FULL, tau: FULL.tau!.with(2, d) } }, false)).value
  const h = 1e-6
  // Second order from one side.
  const difference = (4 * (await right(h)) - (await right(2 * h)) - 3 * base.value) / (2 * h)
  expect(Math.abs(dSolver.tau[2])).toBeGreaterThan(0.01)
  expect(dSolver.tau[2]).toBeCloseTo(difference, 4)
})

test.each([
  [0, 1],
  [1, 2],
])('weight %d at tau 0 has order %i', (weight, order) => expectOrder('exponential', order, weight))

test('one step is x0Hat, whatever the numbers', async () => {
  const shared = { denoiser: network('noise'), start: START, seed: 0 }
  const one = samplingSchedule({ timesteps: 1000, logSnr: [0.4], times: [500], solver: { scale: [1] } })
  const ours = await sample({ ...shared, schedule: one, settings: samplerSettings({ sampler: 'exponential' }) })
  const { solver: _, ...plain } = one
  const theirs = await sample({ ...shared, schedule: plain, settings: samplerSettings() })
  expect(ours.images).toEqual(theirs.images)
})

test.each<[SolverNumbers, RegExp]>([
  [{ tau: all(0.3, 6) }, /tau must have 5 numbers for 6 steps \(all but the last\), got 6/],
  [{ tau: [0.3, -0.1, 0, 0, 0] }, /tau must be in \[0, 10\], got -0.1 at step 2/],
  [{ weight: [1, 1, Number.NaN, 1, 1] }, /weight must be finite, got NaN at step 3/],
  [{ scale: all(1) }, /scale must have 6 numbers for 6 steps, got 5/],
  [{ clipBounds: all(0, 6) }, /clipBounds must be above 0, got 0 at step 1/],
  [{ output: Number.POSITIVE_INFINITY }, /output must be a number, got Infinity/],
  [{ history: [[], [1]] }, /history must have 5 rows for 6 steps/],
  [
    { history: [[], [1], [1], [0, 0, 0], [0, 0, 0, 0]] },
    /row 3 of history must have 2 finite numbers, one an earlier step, got \[1\]/,
  ],
])('%j is refused', (solver, message) => {
  expect(() => scheduleOf(solver)).toThrow(
    expect.objectContaining({ code: 'samplingSchedule.solver', message: expect.stringMatching(message) }),
  )
})

test('another sampler is told that the numbers are not its own', async () => {
  const run = sample({
    denoiser: network('noise'),
    schedule: scheduleOf({ tau: all(0.2) }),
    settings: samplerSettings(),
    start: START,
    seed: 0,
  })
  await expect(run).rejects.toMatchObject({
    code: 'sampler.solver',
    message:
      'a schedule with tau is for sampler exponential, got ddim; leave sampler out, or use the levels and times alone',
  })
})

test('diffusers takes it without numbers, as DPM-Solver++(2M), and is told why it does not with them', () => {
  const told = (solver: SolverNumbers, sampler: 'exponential' | 'dpm-solver++' = 'exponential') => ({
    schedule: scheduleOf(solver),
    settings: samplerSettings({ sampler }),
    prediction: 'noise' as const,
  })
  expect(exportSteps(told({}))).toEqual(exportSteps(told({}, 'dpm-solver++')))
  const { plain, steps, reason } = exportForms(told({ tau: all(0.3), output: 0.1 }))
  expect([plain, steps]).toEqual([null, null])
  expect(reason).toMatch(
    /^no scheduler of diffusers takes tau, output of its own at each step; bilevel_scheduler\.py does, .* \(--free levels,times\)$/,
  )
})
