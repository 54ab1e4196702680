/** The cost model: straight lines in batch and pixels, and the lines that were measured. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { shuffleUnet, unet } from '../../nn/index.ts'
import type { CostFit, ProgramSize } from './programCost.ts'
import { COST_FIT, memoryOfPrograms, PROGRAM_KINDS, programSize, secondsOfRun } from './programCost.ts'

/** Whether three sizes lie on a line: equal steps. */
function expectLine([a, b, c]: readonly ProgramSize[], keys: readonly (keyof ProgramSize)[]): void {
  for (const key of keys) expect((b[key] - a[key]) / (c[key] - b[key])).toBeCloseTo(1, 6)
}

test.each(PROGRAM_KINDS)('%s: counts are straight lines in the batch and in the pixels', (kind) => {
  const network = unet({ size: 8, channels: [8, 16], groups: 4 })
  const atBatches = (batches: readonly number[]) => batches.map((batch) => programSize(network, kind, batch))
  expectLine(atBatches([2, 5, 8]), ['operations', 'elements'])
  // With few images the weights' own work holds the most memory; from there on the images' does.
  expectLine(atBatches([60, 80, 100]), ['bytes'])
  const widths = [8, 16, 24].map((width) => unet({ size: [8, width], channels: [8, 16], groups: 4 }))
  expectLine(
    widths.map((one) => programSize(one, kind, 3)),
    ['operations', 'elements'],
  )
})

test('operations of the networks that are raced, as counted apart', () => {
  const paper = shuffleUnet({ sample_size: 28, base_dim: 64 })
  // 115 ms and 35 ms at 130 GFLOP/s
  expect(programSize(paper, 'predict', 64).operations / 130e9).toBeCloseTo(0.115, 2)
  expect(programSize(unet({ size: 16 }), 'predict', 100).operations / 130e9).toBeCloseTo(0.035, 3)
})

test('seconds and memory by hand, at another rate and fit', () => {
  const line = { perRun: 5, perOperation: 2, perElement: 10 }
  const fit: CostFit = { predict: line, derivative: line, trainStep: line, memory: { baseMiB: 100, perByte: 3 } }
  const size = { operations: 1000, elements: 7, bytes: 2 ** 20 }
  expect(secondsOfRun('trainStep', size, 500, fit)).toBeCloseTo((5 + 2000 + 70) / 500, 12)
  expect(memoryOfPrograms([size, { ...size, bytes: 2 ** 21 }], fit)).toBe(109)
})

test('the lines are those that were measured, and fit', () => {
  const { fit } = JSON.parse(readFileSync('docs/results/bench-cost.json', 'utf8'))
  for (const kind of PROGRAM_KINDS) {
    expect(fit[kind]).toMatchObject(COST_FIT[kind])
    expect(fit[kind].rSquared).toBeGreaterThan(0.95)
  }
  expect(fit.memory).toMatchObject(COST_FIT.memory)
})
