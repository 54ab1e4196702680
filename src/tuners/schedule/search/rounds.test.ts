/** How far starts are tuned before the better half goes on, counted by hand. */
import { expect, test } from 'vitest'
import { iterationsOfStarts, roundEnd } from './rounds.ts'

test.each([
  // alive, iterations, end of the round
  [1, 30, 30],
  [2, 30, 15],
  [3, 30, 8],
  [4, 30, 8],
  [5, 30, 4],
  [8, 30, 4],
  [16, 30, 2],
  [4, 10, 3],
  [2, 10, 5],
  [16, 3, 1],
  [2, 1, 1],
  [4, 0, 0],
])('%i starts of %i iterations are tuned to iteration %i', (alive, iterations, end) => {
  expect(roundEnd(alive, iterations)).toBe(end)
})

test.each([
  [1, 10, 10],
  [1, 0, 0],
  // 2 to 5, 1 to 10
  [2, 10, 2 * 5 + 5],
  // 3 to 8 (30/4 rounded), 2 to 15, 1 to 30
  [3, 30, 3 * 8 + 2 * 7 + 15],
  // 4 to 3, 2 to 5, 1 to 10
  [4, 10, 4 * 3 + 2 * 2 + 5],
  // 5 to 4, 3 to 8, 2 to 15, 1 to 30
  [5, 30, 5 * 4 + 3 * 4 + 2 * 7 + 15],
  // 4 to 1, 2 stay, 1 to 2
  [4, 2, 4 + 0 + 1],
  // 16 to 1, 8, 4 and 2 stay: all that there is
  [16, 1, 16],
  [4, 0, 0],
])('%i starts of %i iterations: %i in all', (starts, iterations, all) => {
  expect(iterationsOfStarts(starts, iterations)).toBe(all)
})
