/** UniPC: the paper's linear system, the real class, its derivative, its order. */
import { describe, expect, test } from 'vitest'
import { readScheduler } from '../files/diffusersScheduler.ts'
import { exportScheduler } from '../files/export.ts'
import type { Level } from '../schedules/level.ts'
import { flowLevel, levelOfLogSnr } from '../schedules/level.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingSchedule, samplingScheduleFrom } from '../schedules/samplingSchedule.ts'
import { uniPC as classStep, runUniPC } from './classMultistep.ts'
import type { ClassPlan } from './classPlan.ts'
import {
  cotangentOf,
  expectCentralDifferences,
  LOG_SNR,
  network,
  PREDICTIONS,
  START,
  TIMES,
  valueAt,
} from './derivative.fixture.ts'
import { solverScalars } from './dpmSolver.ts'
import { expectOrder } from './order.fixture.ts'
import { sample, sampleVjp } from './sample.ts'
import { samplerSettings } from './settings.ts'
import { correctorScalars } from './uniPC.ts'

const settings = samplerSettings({ sampler: 'unipc' })
const exact = ({ logSnr }: Level) => logSnr / 2
const BH2 = { predictsImage: true, type: 'bh2' } as const

/** log-SNRs of u, v, w: usual gaps, wide ones, ones so near that the two terms of T cancel. */
const TRIPLES = [
  [-4.1, -1.9, -0.7],
  [-9, -2.5, 6],
  [0.2, 0.21, 0.2301],
  [1, 1.5, 1.60001],
  [-1, -0.99, 4],
]

describe.each([
  ['variance preserving', levelOfLogSnr],
  ['flow', (logSnr: number) => flowLevel(1 / (1 + Math.exp(logSnr / 2)))],
])('%s levels', (_, levelOf) => {
  test.each(TRIPLES)('the closed form is the solution of the linear system: %d, %d, %d', (...triple) => {
    const [u, v, w] = triple.map(levelOf)
    const near = (got: readonly number[], want: readonly number[]) => {
      expect(got).toHaveLength(want.length)
      for (const [k, value] of got.entries())
        expect(Math.abs(value - want[k])).toBeLessThan(1e-10 * (1 + Math.abs(value)))
    }
    for (const before of [u, undefined]) {
      const at = before ? [v, before] : [v]
      const predictor = solverScalars(before, v, w)
      const predicted = classStep(BH2, at, w, false, exact)
      const { value: G } = predictor.gain
      const p = predictor.slope.value
      near([predictor.carry.value, G * (1 + p), -G * p], [predicted.carry, ...predicted.gains, 0].slice(0, 3))
      const { carry, gain, newest, slope } = correctorScalars(before, v, w)
      const corrected = classStep(BH2, at, w, true, exact)
      const gains = [newest.value, 1 - newest.value + slope.value, -slope.value].map((value) => gain.value * value)
      near([carry.value, ...gains], [corrected.carry, ...corrected.gains, 0].slice(0, 4))
    }
  })
})

test.each(TRIPLES)('the derivatives of q and p are central differences: %d, %d, %d', (...triple) => {
  const at = (moved: readonly number[]) => {
    const [u, v, w] = moved.map(levelOfLogSnr)
    return correctorScalars(u, v, w)
  }
  for (const [k, key] of (['before', 'here', 'next'] as const).entries()) {
    const d = 1e-4 * Math.min(triple[2] - triple[1], triple[1] - triple[0])
    const [up, down] = [at(triple.with(k, triple[k] + d)), at(triple.with(k, triple[k] - d))]
    for (const name of ['newest', 'slope'] as const) {
      const difference = (up[name].value - down[name].value) / (2 * d)
      expect(Math.abs(at(triple)[name][key] - difference)).toBeLessThan(1e-5 * (1 + Math.abs(difference)))
    }
  }
})

test.each(PREDICTIONS)(
  'is the class UniPCMultistepScheduler, whose levels are in float32, %s prediction',
  async (prediction) => {
    const denoiser = network(prediction)
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
    const { levels, times } = schedule
    const plan: ClassPlan = {
      className: 'UniPCMultistepScheduler',
      prediction,
      levels,
      told: times,
      to: [...levels.slice(1), null],
      clean: { clip: [-1, 1], threshold: null },
      solver: { kind: 'unipc', order: 2, ...BH2, lowerOrderFinal: true, uncorrected: [] },
      startScale: 1,
      scaled: false,
    }
    const theirs = await runUniPC(plan, {
      start: START.data,
      noise: () => START.data,
      predict: async (i, x) => (await denoiser.predict({ ...START, data: x } as typeof START, times[i])).data,
    })
    const { images, evaluations } = await sample({ denoiser, schedule, settings, start: START, seed: 0 })
    expect(evaluations).toBe(3 * LOG_SNR.length)
    for (const [j, value] of theirs.entries()) expect(Math.abs(images.data[j] - value)).toBeLessThan(1e-5)
    // It is not DPM-Solver++, whose predictor it shares.
    const plain = await sample({
      denoiser,
      schedule,
      settings: samplerSettings({ sampler: 'dpm-solver++' }),
      start: START,
      seed: 0,
    })
    expect(Math.max(...plain.images.data.map((value, j) => Math.abs(value - images.data[j])))).toBeGreaterThan(1e-3)
  },
)

describe('the derivative is the central difference', () => {
  test.each(
    PREDICTIONS.flatMap((prediction) => ([[-1, 1], [-0.4, 0.9], null] as const).map((clip) => ({ prediction, clip }))),
  )('$prediction prediction, clip $clip', ({ prediction, clip }) =>
    expectCentralDifferences(samplerSettings({ sampler: 'unipc', clip }), prediction),
  )

  test.each([1, 2, 3, 5])('of the last %i steps, what enters them held', async (through) => {
    const denoiser = network('noise')
    const first = LOG_SNR.length - through
    const whole = await valueAt(denoiser, settings, LOG_SNR, TIMES)
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
    const options = { denoiser, settings, start: START, seed: 3, firstItem: 2 }
    const { tape, images } = await sample({ ...options, schedule, through })
    const back = await sampleVjp(tape!, cotangentOf(images))
    expect(back.dStart).toBeNull()
    // Told times of the steps before it change nothing; of the steps with gradient they act from there on alone.
    const all = await sampleVjp(whole.tape!, cotangentOf(whole.images))
    for (let i = 0; i < LOG_SNR.length; i++) {
      if (i < first) expect(back.dTimes![i]).toBe(0)
      else expect(back.dTimes![i]).toBeCloseTo(all.dTimes![i], 12)
    }
    // A level moves the network's answer at its own step and every scalar it stands in: those of steps from `first` on.
    for (let i = first + 2; i < LOG_SNR.length; i++) expect(back.dLogSnr[i]).toBeCloseTo(all.dLogSnr[i], 12)
  })
})

test('has order 3: the correction adds one to that of the prediction', () => expectOrder('unipc', 3))

test.each([
  ['unipc', 'UniPCMultistepScheduler', false],
  ['sde-dpm-solver++', 'DPMSolverMultistepScheduler', true],
] as const)(
  '%s: the exported file, run as its class runs it, gives the images',
  async (sampler, className, pixelPipeline) => {
    const denoiser = network('noise')
    const schedule = samplingScheduleFrom(noiseSchedule({ family: 'cosine', tau: 1.3 }), 'trailing', 5)
    const written = exportScheduler({ schedule, settings: samplerSettings({ sampler }), prediction: 'noise' })
    expect(written).toMatchObject({ timesteps: null, pixelPipeline, config: { _class_name: className } })
    const own = readScheduler(JSON.stringify(written.config), 'the file').planOf({ steps: 5 })
    expect(own.told).toEqual(schedule.times)
    const shared = { denoiser, settings: samplerSettings({ sampler }), start: START, seed: 3 }
    const ours = await sample({ ...shared, schedule })
    const theirs = await sample({ ...shared, schedule: { timesteps: 1000, levels: own.levels, times: own.told }, own })
    for (const [j, value] of ours.images.data.entries())
      expect(Math.abs(theirs.images.data[j] - value)).toBeLessThan(1e-3)
  },
)

test('one step is x0Hat', async () => {
  const shared = { denoiser: network('noise'), start: START, seed: 0 }
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: [0.4], times: [500] })
  const ours = await sample({ ...shared, schedule, settings })
  expect(ours.images).toEqual((await sample({ ...shared, schedule, settings: samplerSettings() })).images)
})
