/**
 * Guidance of a flow against that of a variance-preserving process: x / sqrt(signal^2 + noise^2) takes one to the other exactly, so images, A, B and
 * weights are the same.
 */
import { describe, expect, test } from 'vitest'
import type { Denoiser, Images } from '../denoiser.ts'
import { imagesOf } from '../samplers/anyBatch.ts'
import type { SamplerSettings } from '../samplers/settings.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { nonlinearDenoiser, nonlinearReward } from './guided.fixture.ts'
import { generateGuided } from './guided.ts'
import { sequentialMonteCarlo } from './smc.ts'

// At the first level both processes are noise alone.
const LOG_SNR = [-60, -3.1, -1.2, 0.4, 2.2, 4.5]
const TIMES = [990, 760.5, 610, 433, 250, 90]
const turning = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES })
const straight = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: TIMES, path: 'flow' })

type Form = 'noise' | 'sample' | 'velocity'

/** The network of the turning process, shown a flow's x: eps and x0 are the same there, and eps - x0 is what a flow's predicts. */
function onFlow(form: Form): Denoiser {
  const inner = nonlinearDenoiser(form === 'noise' ? 'noise' : 'sample')
  const lengthAt = (time: number) => {
    const { signal, noise } = straight.levels[TIMES.indexOf(time)]
    return { length: Math.hypot(signal, noise), noise }
  }
  const over = ({ data, shape }: Images, by: number): Images =>
    imagesOf(
      Float64Array.from(data, (v) => v / by),
      shape[0],
      shape.slice(1),
    )
  return {
    ...inner,
    prediction: form,
    async predict(x, time, condition) {
      const { length, noise } = lengthAt(time)
      const came = await inner.predict(over(x, length), time, condition)
      if (form !== 'velocity') return came
      // eps - x0 = (x - x0)/noise
      const data = Float64Array.from(came.data, (clean, j) => (x.data[j] - clean) / noise)
      return imagesOf(data, x.shape[0], x.shape.slice(1))
    },
    async vjp(x, time, condition, cotangent) {
      const { length, noise } = lengthAt(time)
      const { dx } = await inner.vjp(over(x, length), time, condition, cotangent)
      const data = Float64Array.from(dx.data, (d, j) =>
        form === 'velocity' ? (cotangent.data[j] - d / length) / noise : d / length,
      )
      return { dx: imagesOf(data, x.shape[0], x.shape.slice(1)), dtime: null }
    },
  }
}

const SETTINGS: [string, Partial<SamplerSettings>][] = [
  ['ddim, eta 1', { eta: 1, clip: null }],
  ['ddim, eta .4, clipped', { eta: 0.4, clip: [-0.7, 1], clippedNoise: 'recompute' }],
  ['ddpm', { sampler: 'ddpm', clip: [-1, 1] }],
]

describe.each(SETTINGS)('%s', (_, options) => {
  const settings = samplerSettings(options)
  const shared = { settings, count: 5, seed: 7, firstItem: 3 }

  // Predicted noise gives no image at the first level but a clipped one.
  const forms: Form[] = settings.clip ? ['sample', 'velocity', 'noise'] : ['sample', 'velocity']
  test.each(forms)('guided paths, %s prediction', async (form) => {
    for (const through of ['network', 'reward'] as const) {
      const guidance = { reward: nonlinearReward, scale: 0.6, minimumAlphaBar: 0.02, through }
      const turned = nonlinearDenoiser(form === 'noise' ? 'noise' : 'sample')
      const base = await generateGuided({ ...shared, denoiser: turned, schedule: turning, guidance })
      const flow = await generateGuided({ ...shared, denoiser: onFlow(form), schedule: straight, guidance })
      expect(flow.guidedSteps).toBe(base.guidedSteps)
      for (const [j, value] of base.images.data.entries()) expect(flow.images.data[j]).toBeCloseTo(value, 10)
      for (const n of base.a.keys()) {
        expect(flow.b[n]).toBeCloseTo(base.b[n], 9)
        expect(flow.a[n]).toBeCloseTo(base.a[n], 9)
        if (through === 'network') expect(base.b[n]).toBeGreaterThan(0)
      }
    }
  })

  test('particles', async () => {
    const asked = { reward: async (x: Images) => (await nonlinearReward(x)).values, scale: 1.5, minimumAlphaBar: 0.02 }
    const [base, flow] = await Promise.all([
      sequentialMonteCarlo({
        ...shared,
        ...asked,
        count: 30,
        denoiser: nonlinearDenoiser('sample'),
        schedule: turning,
      }),
      sequentialMonteCarlo({ ...shared, ...asked, count: 30, denoiser: onFlow('velocity'), schedule: straight }),
    ])
    expect([flow.resampled, ...flow.ancestors]).toEqual([base.resampled, ...base.ancestors])
    expect(flow.logZ).toBeCloseTo(base.logZ, 9)
    for (const [n, weight] of base.logWeights.entries()) expect(flow.logWeights[n]).toBeCloseTo(weight, 9)
    for (const [j, value] of base.images.data.entries()) expect(flow.images.data[j]).toBeCloseTo(value, 9)
  })
})
