import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BilevelError } from '../../base/index.ts'
import { samplerSettings } from '../samplers/settings.ts'
import { flowLevelOf } from '../schedules/level.ts'
import { samplingSchedule } from '../schedules/samplingSchedule.ts'
import { readSamplingSchedule, writeSamplingSchedule } from './scheduleFile.ts'

const saved = {
  schedule: samplingSchedule({ timesteps: 1000, logSnr: [-8.25, 1 / 3, 4], times: [999, 512.75, 0] }),
  settings: samplerSettings({ eta: 0.25, clip: [-1, 1], clippedNoise: 'recompute' }),
  learnedFor: { features: 'lenet', hash: 'ab12' },
}

test('a file reads back as what was written, digit by digit', () => {
  expect(readSamplingSchedule(writeSamplingSchedule(saved), 'x')).toEqual(saved)
  const plain = { ...saved, learnedFor: null, settings: samplerSettings({ sampler: 'ddpm', clip: null }) }
  expect(readSamplingSchedule(writeSamplingSchedule(plain), 'x')).toEqual(plain)
})

test('numbers of the exponential step are in the file where there are some, and nowhere else', () => {
  const solver = {
    tau: [0.1 + 0.2, 0],
    weight: [1, 1 / 3],
    scale: [0.98, 1, 1.01],
    clipBounds: [0.5, 1, 1.25],
    output: -0.16,
    history: [[], [0.07]],
    guidance: [1, 3.5, 1 / 3],
  }
  const numbers = {
    ...saved,
    schedule: { ...saved.schedule, solver },
    settings: samplerSettings({ sampler: 'exponential' }),
  }
  expect(readSamplingSchedule(writeSamplingSchedule(numbers), 'x')).toEqual(numbers)
  const some = { ...numbers, schedule: { ...saved.schedule, solver: { tau: [0.3, 0.2] } } }
  expect(readSamplingSchedule(writeSamplingSchedule(some), 'x')).toEqual(some)
  expect(Object.keys(JSON.parse(writeSamplingSchedule(saved)))).not.toContain('tau')
  const other = JSON.stringify({ ...JSON.parse(writeSamplingSchedule(some)), sampler: 'ddim' })
  expect(() => readSamplingSchedule(other, 'a.json')).toThrow(
    'a.json is not a sampling schedule at tau: only sampler exponential takes tau, got ddim; name that sampler, or leave them out',
  )
})

test.each([
  [{ levels: [-1, -2, 3] }, /levels log\(signal\^2\/noise\^2\) must rise strictly.*step 2 of 3 has -2 after -1/],
  [{ times: [999, 999.5, 0] }, /told times must lie in \[0, 999\] and not rise; step 2 of 3 has 999.5/],
  [{ times: [10, 20, 0] }, /step 2 of 3 has 20 after 10/],
  [{ times: [10] }, /got 3 levels and 1 times/],
  [{ sampler: 'euler' }, /schedule.json is not a sampling schedule at sampler/],
  [{ eta: 3 }, /eta must lie in \[0, 1\], got 3/],
  [{ clip: [-1] }, /at clip/],
  [{ colour: 'red' }, /colour/],
  [{ sampler: 'exponential', eta: 0, tau: [0.3] }, /tau must have 2 numbers for 3 steps \(all but the last\), got 1/],
  [{ sampler: 'exponential', eta: 0, tau: [0.3, -1] }, /tau must be in \[0, 10\], got -1 at step 2/],
  [{ sampler: 'exponential', eta: 0, history: [[], ['a']] }, /at history.1.0/],
  [{ sampler: 'exponential', eta: 0, guidance: [1, 2, -1] }, /guidance must be at least 0, got -1 at step 3/],
  [{ sampler: 'exponential', eta: 0, guidance: [3] }, /guidance must have 3 numbers for 3 steps, got 1/],
  [{ T: undefined }, /at T/],
])('%o', (change, message) => {
  const text = JSON.stringify({ ...JSON.parse(writeSamplingSchedule(saved)), ...change })
  const read = () => readSamplingSchedule(text, 'schedule.json')
  expect(read).toThrow(message)
  expect(read).toThrow(/^schedule\.json/)
})

test('a file cut anywhere is one clear error', () => {
  const text = writeSamplingSchedule(saved).trimEnd()
  fc.assert(
    fc.property(fc.integer({ min: 0, max: text.length - 1 }), (length) => {
      expect(() => readSamplingSchedule(text.slice(0, length), 'cut.json')).toThrow(BilevelError)
    }),
    { seed: 2 },
  )
})

test('levels of a flow are named so in the file, and are read as such', () => {
  const levels = [1, 0.75, 0.3].map(flowLevelOf)
  const logSnr = levels.map((level) => level.logSnr)
  const schedule = samplingSchedule({ timesteps: 1001, logSnr, times: [1000, 712.5, 300], path: 'flow' })
  const flow = { ...saved, schedule }
  const text = writeSamplingSchedule(flow)
  expect(JSON.parse(text)).toMatchObject({ T: 1001, process: 'flow' })
  expect(readSamplingSchedule(text, 'x')).toEqual(flow)
  expect(JSON.parse(writeSamplingSchedule(saved))).not.toHaveProperty('process')
  const other = JSON.stringify({ ...JSON.parse(text), process: 'diffusion' })
  expect(() => readSamplingSchedule(other, 'a.json')).toThrow(
    'a.json is not a sampling schedule at process: must be "flow", or left out where signal^2 + noise^2 = 1',
  )
})
