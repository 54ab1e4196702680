/** Lists of sigmas, by hand: a published list, levels far out, flows. */
import { expect, test } from 'vitest'
import { samplerSettings } from '../samplers/settings.ts'
import { flowLevel } from '../schedules/level.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { flowMatchSigmas } from './exportFlow.ts'
import { exportForms } from './exportSteps.ts'
import { kDiffusionSigmas, sigmaJson, sigmaText } from './sigmaList.ts'

/** sigma^2 = noise^2/signal^2. */
const ofSigmas = (sigmas: readonly number[]) =>
  samplingSchedule({
    timesteps: 1000,
    logSnr: sigmas.map((sigma) => -2 * Math.log(sigma)),
    times: sigmas.map((_, i) => 999 - i),
  })

const FLOW = samplingSchedule({
  timesteps: 1001,
  path: 'flow',
  logSnr: [0.95, 0.6, 0.2].map((t) => flowLevel(t).logSnr),
  times: [950, 612.5, 200],
})

test('sigma is noise/signal, and 0 stands at the end', () => {
  const published = [14.615, 6.315, 3.771, 0.029]
  for (const [i, sigma] of kDiffusionSigmas(ofSigmas(published)).entries())
    expect(sigma).toBeCloseTo(published[i] ?? 0, 9)
  expect(kDiffusionSigmas(ofSigmas(published))).toHaveLength(5)
  expect(sigmaText(ofSigmas(published))).toBe('14.615, 6.315, 3.771, 0.029, 0.0\n')
  expect(JSON.parse(sigmaJson(ofSigmas(published)))).toEqual(kDiffusionSigmas(ofSigmas(published)))
})

test('sigmas.txt is plain decimals that read back as the same float32, however far out', () => {
  const far = [2e22, 12345.678, 1 / 3, 1e-5, 3.1e-9]
  const text = sigmaText(ofSigmas(far))
  expect(text).not.toMatch(/e/)
  const read = text.split(', ').map(Number)
  expect(read).toHaveLength(6)
  for (const [i, sigma] of far.entries()) expect(read[i] / sigma).toBeCloseTo(1, 8)
})

test('of a flow sigma is the noise itself', () => {
  for (const [i, sigma] of kDiffusionSigmas(FLOW).entries()) expect(sigma).toBeCloseTo([0.95, 0.6, 0.2, 0][i], 12)
})

test('a scheduler with a shift of its own is given what its shift takes back to the levels', () => {
  for (const shift of [1, 3, 0.5]) {
    const given = flowMatchSigmas(FLOW, shift)
    const shifted = given.map((sigma) => (shift * sigma) / (1 + (shift - 1) * sigma))
    for (const [i, sigma] of shifted.entries()) expect(sigma).toBeCloseTo([0.95, 0.6, 0.2][i], 12)
  }
  expect(() => flowMatchSigmas(FLOW, 0)).toThrow('shift must be above 0, got 0')
  expect(() => flowMatchSigmas(ofSigmas([2, 1]))).toThrow(/signal \+ noise = 1/)
})

test("a flow's Euler steps go to FlowMatchEuler with its sigmas and told times; what that cannot take does not", () => {
  const formsOf = (settings: Parameters<typeof samplerSettings>[0], prediction: 'velocity' | 'noise' = 'velocity') =>
    exportForms({ schedule: FLOW, settings: samplerSettings(settings), prediction })
  const { plain, steps, reason } = formsOf({ clip: null })
  expect(plain?.config).toMatchObject({
    _class_name: 'FlowMatchEulerDiscreteScheduler',
    num_train_timesteps: 1000,
    shift: 1,
  })
  expect(plain?.sigmas?.map((sigma) => Number(sigma.toFixed(12)))).toEqual([0.95, 0.6, 0.2])
  expect(plain?.timesteps).toEqual([950, 612.5, 200])
  expect([steps, reason]).toEqual([null, null])
  for (const [settings, came] of [
    [{}, 'clip [-1,1]'],
    [{ clip: null, eta: 0.5 }, 'eta 0.5'],
    [{ clip: null, sampler: 'dpm-solver++' }, 'sampler dpm-solver++'],
  ] as const) {
    const forms = formsOf(settings)
    expect(forms.plain).toBeNull()
    expect(forms.reason).toContain(`got ${came}; bilevel_scheduler.py takes it`)
    expect(forms.ownClass?.config).toMatchObject({ process: 'flow', prediction_type: 'flow_prediction' })
  }
  expect(formsOf({ clip: null }, 'noise').reason).toContain('got a network that predicts noise')
})
