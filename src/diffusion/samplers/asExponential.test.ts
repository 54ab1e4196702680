/** Other samplers' steps as numbers of the exponential step: the same images. */
import { describe, expect, test } from 'vitest'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { asExponential } from './asExponential.ts'
import { network, START } from './derivative.fixture.ts'
import { sample } from './sample.ts'
import type { SamplerName } from './samplers.ts'
import { samplerSettings } from './settings.ts'

const LOG_SNR = [-9, -5.2, -4.1, -1.3, 0.4, 1.1, 3.9]

describe.each([
  ['ddim', { clip: null }],
  ['ddim', { clip: [-0.8, 0.8], clippedNoise: 'recompute' }],
  ['ddim', { clip: [-0.8, 0.8], clippedNoise: 'recompute', eta: 0.6 }],
  ['ddpm', { clip: [-0.8, 0.8], clippedNoise: 'recompute' }],
  ['dpm-solver++', { clip: [-0.8, 0.8] }],
  ['sde-dpm-solver++', { clip: [-0.8, 0.8] }],
  ['unipc', { clip: [-0.8, 0.8] }],
  ['unipc', { clip: null }],
] as const)('%s with %j', (sampler: SamplerName, given) => {
  test.each([1, 2, 3, 5, 7])('is an exponential step at %i steps', async (steps) => {
    const times = Array.from({ length: steps }, (_, i) => 900 - 110 * i)
    const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR.slice(0, steps), times })
    const settings = samplerSettings({ sampler, ...given })
    const solver = asExponential(settings, schedule)
    if (!solver) throw new Error('no numbers')
    const request = { denoiser: network('noise'), start: START, seed: 3 }
    const { images: want } = await sample({ ...request, schedule, settings })
    const own = samplerSettings({ sampler: 'exponential', clip: settings.clip })
    const { images: got } = await sample({ ...request, schedule: { ...schedule, solver }, settings: own })
    const most = Math.max(...Array.from(got.data, (value, i) => Math.abs(value - want.data[i])))
    expect(most).toBeLessThan(1e-12)
  })
})

test('a sampler of another order, or with the noise of unclipped images, has none', () => {
  const schedule = samplingSchedule({ timesteps: 1000, logSnr: LOG_SNR, times: LOG_SNR.map((_, i) => 900 - 100 * i) })
  expect(asExponential(samplerSettings({ sampler: 'heun' }), schedule)).toBeNull()
  expect(asExponential(samplerSettings({ sampler: 'ddim', clip: [-1, 1], clippedNoise: 'keep' }), schedule)).toBeNull()
})
