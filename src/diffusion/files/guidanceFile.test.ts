import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BilevelError } from '../../base/index.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { flowLevel } from '../schedules/level.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import type { SavedGuidance } from './guidanceFile.ts'
import { readGuidance, writeGuidance } from './guidanceFile.ts'

const saved: SavedGuidance = {
  entropyStrength: { value: 0.7, low: 1 / 3, high: 0.9, resolved: true },
  target: 'guided',
  reward: 'log-probability:3@features',
  rewardHash: 'ab12',
  judge: 'log-probability:3@judge + 5*typicality@features',
  through: 'network',
  minimumAlphaBar: 5e-3,
  settings: samplerSettings({ eta: 0.75, clip: [-1, 1], clippedNoise: 'recompute' }),
  samplingSchedule: samplingSchedule({ timesteps: 1000, logSnr: [-8.25, 1 / 3, 4], times: [999, 512.75, 0] }),
  learnedFor: 'c0ffee',
  class: 3,
  rewardSettings: { data: 'digits', features: 'auto', featuresRange: [0, 1], rewardRange: null },
}
const text = writeGuidance(saved)

test('a file reads back as what was written, digit by digit', () => {
  expect(readGuidance(text, 'x')).toEqual(saved)
  expect(JSON.parse(text)).toMatchObject({ version: 1, scale: 1 / 0.7, eta: 0.75, samplingSchedule: { T: 1000 } })
  const named: SavedGuidance = {
    ...saved,
    target: 'tilt',
    through: 'reward',
    settings: samplerSettings({ sampler: 'ddpm', variance: 'large', noisyLastStep: true, clip: null }),
    samplingSchedule: { name: 'trailing', steps: 25 },
  }
  expect(readGuidance(writeGuidance(named), 'x')).toEqual(named)
})

test.each([
  [{ version: 2 }, 'guidanceFile.version', /must be guidance of version 1, got version 2/],
  [{ version: undefined }, 'guidanceFile.invalid', /g.json is not a guidance file at version/],
  [{ scale: 3 }, 'guidanceFile.scale', /scale must be 1\/entropyStrength.value, got scale 3 beside the value 0.7/],
  [
    { entropyStrength: { value: 2, low: 0.5, high: 0.9, resolved: true } },
    'guidanceFile.strength',
    /0 < low <= value <= high, got 0.5, 2, 0.9/,
  ],
  [{ entropyStrength: { value: 0.7 } }, 'guidanceFile.invalid', /at entropyStrength/],
  [{ target: 'gided' }, 'guidanceFile.invalid', /at target/],
  [{ minimumAlphaBar: 1 }, 'guidanceFile.invalid', /at minimumAlphaBar/],
  [{ eta: 3 }, 'sampler.eta', /eta must lie in \[0, 1\], got 3/],
  [{ samplingSchedule: { name: 'trailing' } }, 'guidanceFile.invalid', /at samplingSchedule/],
  [{ samplingSchedule: { T: 9, levels: [1, 0], times: [8, 0] } }, 'samplingSchedule.levels', /must rise strictly/],
  [{ colour: 'red' }, 'guidanceFile.invalid', /colour/],
] as const)('%o', (change, code, message) => {
  const changed = JSON.stringify({ ...JSON.parse(text), ...change })
  const read = () => readGuidance(changed, 'g.json')
  expect(read).toThrow(message)
  expect(read).toThrow(expect.objectContaining({ code, kind: 'input' }))
})

test('a file cut anywhere, or of another kind, is one clear error', () => {
  const whole = text.trimEnd()
  fc.assert(
    fc.property(fc.integer({ min: 0, max: whole.length - 1 }), (length) => {
      expect(() => readGuidance(whole.slice(0, length), 'cut.json')).toThrow(BilevelError)
    }),
    { seed: 2 },
  )
  for (const other of ['null', '[]', '3', '"x"'])
    expect(() => readGuidance(other, 'x')).toThrow(/is not a guidance file/)
})

test('a flow stays one', () => {
  const logSnr = [flowLevel(0.9).logSnr, flowLevel(0.2).logSnr]
  const flow = samplingSchedule({ timesteps: 10, logSnr, times: [9, 2], path: 'flow' })
  const text = writeGuidance({ ...saved, samplingSchedule: flow })
  expect(JSON.parse(text).samplingSchedule.process).toBe('flow')
  expect(readGuidance(text, 'x').samplingSchedule).toEqual(flow)
})

test('what cannot be read is not written', () => {
  const strength = { value: 0, low: 0, high: 1, resolved: false }
  expect(() => writeGuidance({ ...saved, entropyStrength: strength })).toThrow(/got 0, 0, 1/)
})
