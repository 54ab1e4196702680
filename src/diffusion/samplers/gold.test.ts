/** The samplers against gold values and gradients of Gaussian data, and against the exact probability-flow solution. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { continuousCosine, gaussianDenoiser, linearDenoiser } from '../denoisers/gaussian.ts'
import { noiseFamily } from '../schedules/families/noiseParameters.ts'
import { levelOfLogSnr } from '../schedules/level.ts'
import type { FamilySchedule } from '../schedules/noiseSchedule.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import { samplingSchedule, samplingScheduleAt } from '../schedules/samplingSchedule.ts'
import { stepList } from '../schedules/stepList.ts'
import { imagesOf } from './anyBatch.ts'
import { expectOrder } from './order.fixture.ts'
import { sample, sampleVjp } from './sample.ts'
import { samplerSettings } from './settings.ts'

const column = (values: ArrayLike<number>) => imagesOf(Float64Array.from(values), values.length, [1, 1, 1])
const UNCLIPPED = { clip: null } as const

interface ClippedGold {
  samples: number[]
  value: number
  dValue_dLogSnr: number[]
  dValue_dTimes: number[]
}
interface GoldCase {
  sampler: 'ddim' | 'dpm-solver++'
  logSnr: number[]
  times: number[]
  frechet: number
  mean: number
  slope: number
  dFrechet_dLogSnr: number[]
  dFrechet_dTimes: number[]
  clipped: {
    clip: number
    std: number
    logSnr: number[]
    start: number[]
    weights: number[]
    recompute: ClippedGold
    keep?: ClippedGold
  }
}
const gold = JSON.parse(readFileSync('test/gold/sampling_schedule.json', 'utf8')) as {
  T: number
  mean: number
  std: number
  cases: GoldCase[]
}

function expectNear(got: ArrayLike<number>, want: readonly number[], tolerance: number) {
  expect(got.length).toBe(want.length)
  for (const [i, value] of want.entries())
    expect(Math.abs(got[i] - value)).toBeLessThan(tolerance * (1 + Math.abs(value)))
}

describe.each(gold.cases)('gold: $sampler over $times.length free levels and told times', (row) => {
  const networkOf = (std: number) => gaussianDenoiser({ mean: gold.mean, std, logSnrAt: continuousCosine(gold.T) })

  test('unclipped: samples are slope start + mean; gradient of the Fréchet distance', async () => {
    const { mean, std, T: timesteps } = gold
    const schedule = samplingSchedule({ timesteps, logSnr: row.logSnr, times: row.times })
    const settings = samplerSettings({ sampler: row.sampler, ...UNCLIPPED })
    const start = column([0, 1])
    const { images, tape } = await sample({
      denoiser: networkOf(std),
      schedule,
      settings,
      start,
      seed: 0,
      through: 'all',
    })
    const [offset, one] = images.data
    const slope = one - offset
    expectNear([offset, slope], [row.mean, row.slope], 1e-9)
    expectNear([(offset - mean) ** 2 + (slope - std) ** 2], [row.frechet], 1e-9)
    const [dOffset, dSlope] = [2 * (offset - mean), 2 * (slope - std)]
    const back = await sampleVjp(tape!, column([dOffset - dSlope, dSlope]))
    expectNear(back.dLogSnr, row.dFrechet_dLogSnr, 1e-6)
    expectNear(back.dTimes!, row.dFrechet_dTimes, 1e-6)
  })

  const { recompute, keep } = row.clipped
  const rules = [['recompute', recompute] as const, ...(keep ? [['keep', keep] as const] : [])]
  test.each(rules)('clipped, %s: samples and the gradient of a weighted value', async (clippedNoise, want) => {
    const { clip, std, logSnr, start, weights } = row.clipped
    const schedule = samplingSchedule({ timesteps: gold.T, logSnr, times: row.times })
    const settings = samplerSettings({ sampler: row.sampler, clip: [-clip, clip], clippedNoise })
    const options = {
      denoiser: networkOf(std),
      schedule,
      settings,
      start: column(start),
      seed: 0,
      through: 'all',
    } as const
    const { images, tape } = await sample(options)
    expectNear(images.data, want.samples, 1e-9)
    const back = await sampleVjp(tape!, column(weights.map((w, i) => w + images.data[i])))
    expectNear(back.dLogSnr, want.dValue_dLogSnr, 1e-6)
    expectNear(back.dTimes!, want.dValue_dTimes, 1e-6)
  })
})

interface TiedRow {
  family: 'cosine' | 'sigmoid' | 'sigmoid-published' | 'linear'
  start: number
  end: number
  tau: number
  epsilon: number
  T: number
  steps: number
  spacing: 'linspace' | 'trailing'
  data_std: number
  sample_std: number
  frechet: number
  gradient: number[] | null
}
const tied = JSON.parse(readFileSync('test/gold/gaussian_ddim.json', 'utf8')) as {
  rows: TiedRow[]
  optimum: { T: number; steps: number; data_std: number; end: number; frechet: number }
}

/** Fréchet distance at weights re-solved for the schedule, and its total gradient in the schedule's parameters. */
async function tiedFrechet(noise: FamilySchedule, times: number[], std: number) {
  const weights = noise.logSnr.map((value) => {
    const level = levelOfLogSnr(value)
    return level.noise / ((level.signal * std) ** 2 + level.noise ** 2)
  })
  const schedule = samplingScheduleAt(noise, times)
  const settings = samplerSettings(UNCLIPPED)
  const options = { denoiser: linearDenoiser({ weights }), schedule, settings, start: column([1]), seed: 0 }
  const { images, tape } = await sample({ ...options, through: 'all' })
  const slope = images.data[0]
  const back = await sampleVjp(tape!, column([2 * (slope - std)]), { weights: true })
  const dLogSnr = new Float64Array(noise.timesteps)
  for (const [i, time] of times.entries()) {
    const { signal, noise: n } = levelOfLogSnr(noise.logSnr[time])
    const D = (signal * std) ** 2 + n * n
    // dw/dlogSnr = -n (signal std)^2 ... by the quotient rule: w = n/D, dn = -n s^2/2, dD = s^2 n^2 (std^2 - 1)
    const dw = (-n * signal ** 2) / 2 / D - (n * signal ** 2 * n ** 2 * (std ** 2 - 1)) / D ** 2
    dLogSnr[time] = back.dLogSnr[i] + back.dWeights![time] * dw
  }
  return { slope, frechet: (slope - std) ** 2, dLogSnr }
}

test.each(tied.rows)(
  'gold: $family($start, $end, $tau, $epsilon), $steps $spacing steps, std $data_std',
  async (row) => {
    const { family, start, end, tau, epsilon, T: timesteps } = row
    const rest = family === 'linear' ? {} : { tau, epsilon }
    const noise = noiseSchedule({ family, start, end, ...rest, timesteps })
    const { slope, frechet, dLogSnr } = await tiedFrechet(noise, stepList(row.spacing, noise, row.steps), row.data_std)
    expectNear([slope, frechet], [row.sample_std, row.frechet], 1e-9)
    if (!row.gradient) return
    const gradient = noiseFamily({ family, timesteps }).pullBack(noise.parameters, dLogSnr)
    expectNear(gradient, row.gradient.slice(0, gradient.length), 1e-6)
  },
)

test('gold: the total gradient in `end` vanishes at the interior optimum', async () => {
  const { T: timesteps, steps, data_std, end, frechet } = tied.optimum
  const at = async (e: number) => {
    const noise = noiseSchedule({ family: 'cosine', end: e, timesteps })
    return { noise, ...(await tiedFrechet(noise, stepList('linspace', noise, steps), data_std)) }
  }
  const { noise, dLogSnr, frechet: got } = await at(end)
  expect(got).toBeCloseTo(frechet, 9)
  const slope = noiseFamily({ family: 'cosine', timesteps }).pullBack(noise.parameters, dLogSnr)[1]
  expect(Math.abs(slope)).toBeLessThan(1e-4)
  expect(got).toBeLessThan(Math.min((await at(end - 0.002)).frechet, (await at(end + 0.002)).frechet))
})

describe('order of convergence on Gaussian data', () => {
  test.each([
    ['ddim', 1],
    ['dpm-solver++', 2],
  ] as const)('%s has order %i', async (sampler, order) => {
    await expectOrder(sampler, order)
  })
})
