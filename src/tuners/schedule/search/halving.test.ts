/** Successive halving on numbers that are known: who goes on, on how many samples, and in which order they come back. */
import { describe, expect, test } from 'vitest'
import type { Ranked } from './halving.ts'
import { halved, roundsOf, samplesOfRounds } from './halving.ts'

describe('rounds', () => {
  test.each([
    // An eighth, a quarter, a half, all; a third goes on, four at the least, who go to all at once.
    [46, 192, ['24 x 46', '48 x 16', '96 x 6', '192 x 4']],
    [36, 256, ['32 x 36', '64 x 12', '256 x 4']],
    // Four or fewer are compared on all at once.
    [4, 192, ['192 x 4']],
    [1, 192, ['192 x 1']],
    [5, 192, ['24 x 5', '192 x 4']],
    [9, 100, ['16 x 9', '100 x 4']],
    // Sixteen is the fewest that says anything, and no round is there twice.
    [46, 40, ['16 x 46', '20 x 16', '40 x 6']],
    [46, 32, ['16 x 46', '32 x 16']],
    [46, 16, ['16 x 46']],
    [46, 12, ['12 x 46']],
  ] as const)('of %i entrants on %i samples', (entrants, samples, wanted) => {
    const rounds = roundsOf(entrants, samples)
    expect(rounds.map((round) => `${round.samples} x ${round.entrants}`)).toEqual(wanted)
    const sum = wanted.map((text) => text.split(' x ').map(Number)).reduce((all, [a, b]) => all + a * b, 0)
    expect(samplesOfRounds(entrants, samples)).toBe(sum)
  })

  test('more entrants never take fewer samples: a plan for the most there may be is an upper bound', () => {
    for (const samples of [1, 12, 40, 64, 192, 512]) {
      for (let entrants = 1; entrants < 60; entrants++) {
        expect(samplesOfRounds(entrants + 1, samples)).toBeGreaterThanOrEqual(samplesOfRounds(entrants, samples))
      }
    }
  })
})

/** Entrant i is worth i with noise that falls with the samples: the first round misjudges, the later ones less. */
const worth = (entrant: number, samples: number): number => entrant + (200 / samples) * Math.sin(7 * entrant)

test('each round decides by its own values who goes on; the best of the last round comes first, the first out last', async () => {
  const asked: [number, number][] = []
  const told: Ranked<number>[] = []
  const entrants = Array.from({ length: 20 }, (_, i) => i)
  const ranked = await halved(
    entrants,
    roundsOf(20, 128),
    async (entrant, samples) => {
      asked.push([entrant, samples])
      return worth(entrant, samples)
    },
    (one) => void told.push(one),
  )
  const best = (list: readonly number[], samples: number) =>
    list.toSorted((a, b) => worth(a, samples) - worth(b, samples))
  const first = best(entrants, 16)
  const second = best(first.slice(0, 7), 32)
  const last = best(second.slice(0, 4), 128)
  expect(roundsOf(20, 128).map((round) => round.entrants)).toEqual([20, 7, 4])
  expect(asked).toEqual([
    ...entrants.map((entrant) => [entrant, 16]),
    ...first.slice(0, 7).map((entrant) => [entrant, 32]),
    ...second.slice(0, 4).map((entrant) => [entrant, 128]),
  ])
  expect(ranked.map(({ entrant }) => entrant)).toEqual([...last, ...second.slice(4), ...first.slice(7)])
  for (const { entrant, value, samples } of ranked) expect(value).toBe(worth(entrant, samples))
  expect(told.map(({ entrant, samples }) => [entrant, samples])).toEqual(asked)
  // What is worth most was misjudged in some round, or this says nothing of rounds.
  expect(first.slice(0, 4)).not.toEqual(last)
})

test('of equals the earlier one is before the later one', async () => {
  const ranked = await halved(['a', 'b', 'c', 'd', 'e', 'f'], roundsOf(6, 64), async () => 1)
  expect(ranked.map(({ entrant }) => entrant)).toEqual(['a', 'b', 'c', 'd', 'e', 'f'])
})

test('what is no number comes last in its round, and goes on only where all that are better do', async () => {
  const broken = (entrant: number) => entrant % 3 === 0
  const asked: string[] = []
  const ranked = await halved(
    Array.from({ length: 15 }, (_, i) => i),
    roundsOf(15, 64),
    async (entrant, samples) => {
      asked.push(`${entrant} on ${samples}`)
      return broken(entrant) ? Number.NaN : entrant
    },
  )
  expect(ranked.map(({ entrant }) => entrant)).toEqual([1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 0, 3, 6, 9, 12])
  expect(asked).toContain('5 on 64')
  expect(asked).not.toContain('0 on 64')
  const [none] = await halved([0, 3], roundsOf(2, 64), async () => Number.NaN)
  expect([none.entrant, none.value]).toEqual([0, Number.NaN])
})

test('a final is one more round of the best few, unless there is nothing to choose', () => {
  const final = { times: 4, entrants: 3 }
  expect(roundsOf(20, 128, final)).toEqual([...roundsOf(20, 128), { samples: 512, entrants: 3 }])
  expect(roundsOf(2, 128, final)).toEqual([...roundsOf(2, 128), { samples: 512, entrants: 2 }])
  expect(roundsOf(1, 128, final)).toEqual(roundsOf(1, 128))
  expect(samplesOfRounds(20, 128, final)).toBe(samplesOfRounds(20, 128) + 3 * 512)
})

test('a measure that fails ends it', async () => {
  await expect(halved([1, 2], roundsOf(2, 8), async () => Promise.reject(new Error('no images')))).rejects.toThrow(
    'no images',
  )
})
