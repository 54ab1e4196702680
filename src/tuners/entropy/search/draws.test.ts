/** What is drawn once is never drawn again, items keep their noise and their classes, and a record stands in for drawing. */
import { describe, expect, test } from 'vitest'
import { defineReward } from '../../../rewards/index.ts'
import type { Draw } from '../checkpoint.ts'
import { gaussianJob, linearReward } from '../gaussianJob.fixture.ts'
import type { EntropyOptions } from '../job.ts'
import { Draws } from './draws.ts'

const job = (change: Partial<EntropyOptions> = {}) => ({
  ...gaussianJob({ a: 1, b: 1, steps: 3, settings: { chunk: 8, particles: 16, seed: 4 } }),
  ...change,
})

describe('draws', () => {
  test('more items of a scale cost only what is new; any order and division gives the same numbers', async () => {
    const draws = new Draws(job())
    const few = await draws.paths(2, { first: 0, count: 10 }, 'explore')
    // A prediction, its derivative and the forward pass again, at each of 3 steps.
    expect(draws.evaluations).toBe(10 * 3 * 3)
    const many = await draws.paths(2, { first: 0, count: 21 }, 'refine')
    expect(draws.spent).toEqual({ explore: 90, refine: 99, confirm: 0, curve: 0 })
    const late = await new Draws(job()).paths(2, { first: 9, count: 12 }, 'curve')
    for (const name of ['a', 'b', 'upper', 'lower'] as const) {
      expect(many[name].slice(0, 10)).toEqual(few[name])
      expect(many[name].slice(9)).toEqual(late[name])
    }
    expect([...late.items]).toEqual(Array.from({ length: 12 }, (_, i) => 9 + i))
    expect(draws.costPerPath).toBe(9)
    expect(draws.pool().size).toBe(21)
    expect(draws.whole(17)).toBe(24)
  })

  test('an item has the same noise at every scale', async () => {
    const draws = new Draws(job())
    const items = { first: 3, count: 6 }
    const [weak, strong] = [await draws.paths(0.5, items, 'explore'), await draws.paths(1.5, items, 'explore')]
    // The chain is N(s a, 1): the same images, moved by s a.
    for (let i = 0; i < 6; i++) expect(strong.lower[i] - weak.lower[i]).toBeCloseTo(1, 6)
  })

  test('rewards are told the class of each item', async () => {
    const told: number[][] = []
    const reward = defineReward({
      ...{ name: 'class', hash: 'class', needsClasses: true },
      values: async ({ shape }, classes) => {
        told.push([...(classes ?? [])])
        return new Float64Array(shape[0])
      },
    })
    const draws = new Draws(job({ judge: reward, condition: (item) => item % 10 }))
    await draws.paths(1, { first: 6, count: 10 }, 'explore')
    expect(told).toEqual([
      [6, 7, 8, 9, 0, 1, 2, 3],
      [4, 5],
    ])
  })

  test('a record is taken instead of drawing, in the order of the asking', async () => {
    const kept: Draw[][] = []
    const first = new Draws(job({ onCheckpoint: ({ draws }) => void kept.push([...draws]) }))
    const batch = await first.paths(2, { first: 0, count: 16 }, 'explore')
    const population = await first.particles(1, 1, 'refine', 'penalty')
    expect(kept.map(({ length }) => length)).toEqual([1, 2, 3])
    const forbidden = { ...job().denoiser, predict: () => Promise.reject(new Error('drawn again')) }
    const again = new Draws(job({ from: { draws: kept[2], seconds: 5 }, denoiser: forbidden }))
    expect(again.replaying).toBe(true)
    expect(await again.paths(2, { first: 0, count: 16 }, 'explore')).toEqual(batch)
    expect(again.replaying).toBe(true)
    expect(await again.particles(1, 1, 'refine', 'penalty')).toEqual(population)
    expect(again.replaying).toBe(false)
    expect(again.evaluations).toBe(first.evaluations)
    expect(again.seconds).toBeGreaterThanOrEqual(5)
    await expect(again.paths(3, { first: 0, count: 1 }, 'confirm')).rejects.toThrow('drawn again')
  })

  describe('images that cannot be rated', () => {
    const most = 3
    /** r2 = u, and NaN above `most`, at x0Hat too. */
    const partial = (onBad: 'stop' | 'drop', from = most) => {
      const whole = linearReward(1)
      const rated = (values: ArrayLike<number>) =>
        Float64Array.from(values, (value) => (value > from ? Number.NaN : value))
      return defineReward({
        ...{ name: 'partial', hash: 'partial', onBad },
        values: async (images) => rated(await whole.values(images)),
        gradient: async (images) => {
          const { values, gradient } = await whole.gradient(images)
          return { values: rated(values), gradient: gradient.data }
        },
      })
    }

    test('stop', async () => {
      const draws = new Draws(job({ reward: partial('stop') }))
      await expect(draws.paths(1.5, { first: 0, count: 200 }, 'explore')).rejects.toMatchObject({ code: 'reward.nan' })
    })

    test('are drawn again; others keep their numbers, and a record stands in for drawing', async () => {
      const items = { first: 0, count: 400 }
      const kept: Draw[][] = []
      const draws = new Draws(job({ reward: partial('drop'), onCheckpoint: (now) => void kept.push([...now.draws]) }))
      const whole = await new Draws(job()).paths(1.5, items, 'explore')
      const batch = await draws.paths(1.5, items, 'explore')
      // The chain is N(1.5, 1): P(u > 3) = .0668, 27 of 400.
      expect(draws.unrated).toBeGreaterThan(12)
      expect(draws.unrated).toBeLessThan(45)
      const same = Array.from(batch.lower.keys()).filter((i) => batch.lower[i] === whole.lower[i])
      expect(same.length).toBeGreaterThan(340)
      expect(batch.lower.every((value) => value <= most)).toBe(true)
      // E u given u < 3: 1.5 - phi(1.5)/Phi(1.5) = 1.3612; steps above 3 went unguided, which moves some paths a little.
      const mean = batch.lower.reduce((sum, value) => sum + value, 0) / 400
      expect(Math.abs(mean - 1.3612)).toBeLessThan(0.15)
      expect(batch.upper.every((value, i) => Math.abs(value + (batch.lower[i] - 1) ** 2) < 1e-9)).toBe(true)
      const again = new Draws(job({ reward: partial('drop'), from: { draws: kept.at(-1) ?? [], seconds: 0 } }))
      expect(await again.paths(1.5, items, 'explore')).toEqual(batch)
      expect([again.unrated, again.evaluations]).toEqual([draws.unrated, draws.evaluations])
    })

    test('particles have weight 0', async () => {
      const draws = new Draws(job({ reward: partial('drop', 1.8) }))
      const populations = []
      for (let i = 0; i < 8; i++) populations.push(await draws.particles(1.5, i, 'explore', 'lower'))
      expect(draws.unrated).toBeGreaterThan(0)
      for (const { lower, logWeights, unrated = 0 } of populations) {
        expect(logWeights.filter((w) => w === Number.NEGATIVE_INFINITY).length).toBe(unrated)
        expect(logWeights.reduce((sum, w) => sum + Math.exp(w), 0)).toBeCloseTo(1, 10)
        expect(lower.every(Number.isFinite)).toBe(true)
      }
    })
  })

  test('whether guidance moved anything', async () => {
    const still = { ...linearReward(1), gradient: linearReward(0).gradient }
    const draws = new Draws(job({ reward: still }))
    expect(draws.unmoved).toBe(false)
    await draws.paths(1, { first: 0, count: 4 }, 'explore')
    expect(draws.unmoved).toBe(true)
  })
})
