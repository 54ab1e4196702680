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
console.log(JSON.stringify({ sample: figure, small: { trainStep: figure }, job: { trainSeconds: 7, tuneSeconds: 3 } }))`,
)

const says = (values: object) => ['-e', `console.log(${JSON.stringify(JSON.stringify(values))})`, '--']
const python = { command: process.execPath, torch: '', blas: '' }
const options = { python, script, data: join(folder, 'data'), rounds: 3 }
const peer = says({ wall: [8, 4, 5], cpu: [12, 20, 16] })
const one: Case = { name: 'paperSample', what: 'it', section: 'sample', ours: [], peer, required: 2.2, aim: 3 }

test('by the clock: medians; by processor time: minima; theirs over ours', () => {
  const wall = race(one, { ...options, clock: 'wall' })
  expect(wall).toMatchObject({ ratio: 2.5, holds: true, clock: 'wall' })
  expect(wall.rounds).toEqual(Array.from({ length: 3 }, () => ({ ours: 2, peer: 5, ratio: 2.5 })))
  const cpu = race({ ...one, required: 3.1, section: 'smallTrainStep' }, { ...options, clock: 'cpu' })
  expect(cpu).toMatchObject({ ratio: 3, holds: false })
})

test('the job: training and tuning together, in as many rounds as it may have, told where its data is', () => {
  const job = says({ train: { wall: 11, cpu: 1 }, tune: { wall: 4, cpu: 1 } })
  const raced = race(
    { ...one, name: 'job', section: 'job', peer: job, data: true, mostRounds: 2 },
    { ...options, clock: 'wall' },
  )
  expect(raced.rounds).toEqual([1, 2].map(() => ({ ours: 10, peer: 15, ratio: 1.5 })))
  expect(raced.commands.peer).toMatch(/--data DATA$/)
})
