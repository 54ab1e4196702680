import { describe, expect, it } from 'vitest'
import { parseJson } from './parseJson.ts'

describe('parseJson', () => {
  it('reads what JSON reads', () => {
    const value = { a: [1, -0.5, 1e308, null, true, 'x'], b: { c: [] } }
    expect(parseJson(JSON.stringify(value))).toEqual(value)
    expect(() => parseJson('{')).toThrow(SyntaxError)
  })

  it('refuses what nests deep, at any length, and numbers beyond range', () => {
    const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)
    expect(parseJson(nested(64))).toHaveLength(1)
    for (const depth of [70, 200_000]) expect(() => parseJson(nested(depth))).toThrow(/deeper than 64 levels/)
    expect(() => parseJson(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`)).toThrow(/deeper than 64 levels/)
    expect(() => parseJson('{"step":1e999}')).toThrow(/beyond range \(Infinity\)/)
    expect(parseJson('[1e999]', { infinities: true })).toEqual([Infinity])
    expect(() => parseJson('[[-1e999]]')).toThrow(/beyond range \(-Infinity\)/)
    expect(() => parseJson(' '.repeat(2 ** 26 + 1))).toThrow(/67108865 characters, at most 67108864/)
  })
})
