import { expect, test } from 'vitest'
import { tableRows } from './foreignClasses.ts'

/** A table of so many rows, with the numbers that it was asked for. */
function table(rows: number, message: (label: number) => string) {
  const asked: number[] = []
  const take = async (label: number) => {
    asked.push(label)
    if (label >= rows) throw new Error(message(label))
  }
  return { asked, take }
}

test.each([1, 2, 5, 11, 1001])('%i rows are as many, whatever the error says', async (rows) => {
  const engine = table(rows, (label) => `idx=${label} must be within the inclusive range [-${rows},${rows - 1}]`)
  expect(await tableRows(engine.take)).toBe(rows)
  // What is said is checked at both sides of it.
  expect(engine.asked).toHaveLength(3)
  for (const message of ['out of bounds', 'range [-7,6] of something else']) {
    const silent = table(rows, () => message)
    expect(await tableRows(silent.take)).toBe(rows)
    expect(silent.asked.length).toBeLessThan(30)
  }
})

test('where every number is taken, or more than any table has, nothing is known', async () => {
  expect(await tableRows(async () => undefined)).toBeNull()
  expect(await tableRows(table(2 ** 25, () => 'out of bounds').take)).toBeNull()
})
