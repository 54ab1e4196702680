import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { philox4x32, randomStream } from './random.ts'

interface PhiloxCase {
  counter: string[]
  key: string[]
  output: string[]
}
const gold = JSON.parse(readFileSync('test/gold/philox.json', 'utf8')) as { cases: PhiloxCase[] }
const words = (hex: string[]) => hex.map((word) => Number.parseInt(word, 16))

describe('Philox4x32-10', () => {
  test.each(gold.cases)('published known answer $output', ({ counter, key, output }) => {
    const out = new Uint32Array(4)
    philox4x32(words(counter), words(key), out)
    expect([...out]).toEqual(words(output))
  })
})

describe('streams', () => {
  test('each part of the name matters and the same name repeats', () => {
    const first = (name: Parameters<typeof randomStream>[0]) => randomStream(name).word()
    const base = { seed: 7, purpose: 'noise', step: 3, item: 5 }
    const variants = [
      base,
      { ...base, seed: 8 },
      { ...base, seed: 7 + 2 ** 32 },
      { ...base, purpose: 'times' },
      { ...base, step: 4 },
      { ...base, item: 6 },
    ]
    expect(new Set(variants.map(first)).size).toBe(variants.length)
    expect(first(base)).toBe(first({ ...base }))
  })

  test('normal numbers have the moments of N(0, 1), odd lengths included', () => {
    const x = randomStream({ seed: 1, purpose: 'moments' }).normal(new Float64Array(200_001))
    const mean = (power: number) => x.reduce((sum, v) => sum + v ** power, 0) / x.length
    expect(Math.abs(mean(1))).toBeLessThan(0.01)
    expect(Math.abs(mean(2) - 1)).toBeLessThan(0.015)
    expect(Math.abs(mean(4) - 3)).toBeLessThan(0.1)
    expect(x.at(-1)).not.toBe(0)
  })

  test('uniform numbers fill [0, 1) evenly and integers are unbiased', () => {
    const stream = randomStream({ seed: 2, purpose: 'uniform' })
    const bins = new Array<number>(10).fill(0)
    for (let i = 0; i < 100_000; i++) bins[Math.floor(stream.uniform() * 10)]++
    for (const count of bins) expect(Math.abs(count - 10_000)).toBeLessThan(500)
    const counts = new Array<number>(7).fill(0)
    for (let i = 0; i < 70_000; i++) counts[stream.integer(7)]++
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(500)
  })

  test('a permutation holds each index once', () => {
    const order = randomStream({ seed: 3, purpose: 'shuffle' }).permutation(1000)
    expect([...order].sort((a, b) => a - b)).toEqual([...Array(1000).keys()])
    expect(order[0] === 0 && order[1] === 1 && order[2] === 2).toBe(false)
  })

  test('a negative or fractional seed is refused', () => {
    expect(() => randomStream({ seed: -1, purpose: 'x' })).toThrow(/a seed is an integer/)
    expect(() => randomStream({ seed: 0.5, purpose: 'x' })).toThrow(/a seed is an integer/)
  })
})
