/** A race between two programs that say known times: which figure is read, by which clock, and what the ratio is. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import type { Case } from './cases.ts'
import { race } from './race.ts'

const folder = mkdtempSync(join(tmpdir(), 'bilevel-race-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** In the place of our benchmark: three runs of everything. */
const script = join(folder, 'bench.mjs')
const FIGURE = { runs: { wall: [3, 1, 2], cpu: [5, 4, 6] } }
writeFileSync(
  script,
  `const figure = ${JSON.stringify(FIGURE)}
const exportForward = process.argv.at(-1).endsWith('unet.onnx') ? { runs: { wall: [1], cpu: [1] } } : undefined
console.log(JSON.stringify({ residentMiB: 100, sample: figure, exportForward, small: { trainStep: figure }, job: { trainSeconds: 7, tuneSeconds: 3 } }))`,
)

/** In the place of a PyTorch program: seconds by form. */
const says = (values: object) => [
  '-e',
  `const form = process.argv.at(-1)
const values = ${JSON.stringify(values)}
console.log(JSON.stringify({ peakMemoryMiB: 200, ...values[form] }))`,
  '--',
]
const python = { command: process.execPath, torch: '', build: '' }
const options = { python, script, data: join(folder, 'data'), rounds: 3 }
const peer = says({
  eager: { wall: [8, 4, 5], cpu: [12, 20, 16] },
  channels_last: { wall: [4, 5, 3], cpu: [20, 21, 22] },
  compiled: { wall: [9, 9, 9], cpu: [9, 9, 9] },
  compiled_channels_last: { wall: [7, 7, 7], cpu: [7, 8, 9] },
})
const one: Case = { name: 'paperSample', what: 'it', section: 'sample', ours: [], peer, required: 1.9, aim: 3 }

test('by the clock: medians; by processor time: minima; theirs over ours, by the best of their forms', () => {
  const wall = race(one, { ...options, clock: 'wall' })
  expect(wall).toMatchObject({
    best: 'channels_last',
    ratio: 2,
    spread: [2, 2],
    memory: 0.5,
    holds: true,
    clock: 'wall',
  })
  expect(wall.ratios).toEqual({ eager: 2.5, channels_last: 2, compiled: 4.5, compiled_channels_last: 3.5 })
  expect(wall.rounds).toHaveLength(3)
  expect(wall.rounds[0].ours).toEqual({ seconds: 2, peakMemoryMiB: 100 })
  const cpu = race({ ...one, required: 3.1, section: 'smallTrainStep' }, { ...options, rounds: 1, clock: 'cpu' })
  expect(cpu).toMatchObject({ best: 'compiled_channels_last', ratio: 7 / 4, holds: false })
  const few = race(one, { ...options, rounds: 1, clock: 'wall', forms: ['eager', 'compiled'] })
  expect([few.best, Object.keys(few.ratios)]).toEqual(['eager', ['eager', 'compiled']])
})

test('the job: training and tuning together, in as many rounds as it may have, told where its data is', () => {
  const job = says({ eager: { train: { wall: 11, cpu: 1 }, tune: { wall: 4, cpu: 1 } } })
  const raced = race(
    { ...one, name: 'job', section: 'job', peer: job, data: true, mostRounds: 2, forms: ['eager'] },
    { ...options, clock: 'wall' },
  )
  expect(raced.rounds.map(({ ours, peer: turns }) => [ours.seconds, turns.eager?.seconds])).toEqual([
    [10, 15],
    [10, 15],
  ])
  expect(raced.ratio).toBe(1.5)
  expect(raced.commands.peer).toMatch(/--data DATA --form eager$/)
})

test('a case about the exported file: ours is given it, and the command that is kept names no folder', () => {
  const eager = says({ eager: { wall: [4], cpu: [1] } })
  const about: Case = { ...one, section: 'exportForward', peer: eager, exported: true, forms: ['eager'] }
  const { rounds, commands } = race(about, {
    ...options,
    rounds: 1,
    clock: 'wall',
    exported: join(folder, 'unet.onnx'),
  })
  expect(rounds[0].ours.seconds).toBe(1)
  expect(commands.ours).toMatch(/--clock wall --file FILE\.onnx$/)
})
