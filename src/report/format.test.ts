/** Numbers as text: no digit lost that is shown, none invented. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { count, decimalsFor, fixed, percent, significant, toItsError, withError } from './format.ts'

test('fixed decimals with a true minus; no negative zero; words for no number', () => {
  expect([fixed(-1.2345, 2), fixed(-0.001, 2), fixed(null, 2), fixed(Number.NaN, 1), fixed(-Infinity, 0)]).toEqual([
    '−1.23',
    '0.00',
    '–',
    'not a number',
    '−∞',
  ])
})

test('decimals follow the smallest distance', () => {
  expect([[7.6, 19.5], [0.41, 12], [0.04], [120, 900], [0], []].map(decimalsFor)).toEqual([2, 3, 4, 1, 1, 1])
})

test('estimates, shares and counts', () => {
  expect(withError({ mean: 6.314, standardError: 0.1249, count: 3 }, 2)).toBe('6.31\u00a0±\u00a00.12')
  expect(withError({ mean: 6.314, standardError: null, count: 1 }, 2)).toBe('6.31')
  expect([percent(0.7896), percent(null), count(9999), count(249600), count(1234567)]).toEqual([
    '79.0\u00a0%',
    '–',
    '9999',
    '249\u202f600',
    '1\u202f234\u202f567',
  ])
})

test('an estimate to two digits of its error', () => {
  const text = (mean: number, standardError: number | null) =>
    toItsError({ mean, standardError }).replaceAll('\u00a0', ' ')
  expect([
    text(-11.4783, 0.2917),
    text(-0.08712, 0.0113),
    text(1234.5, 87),
    text(3.25, 0),
    text(0.4123, null),
    text(2e-12, 1e-12),
    text(664_972, 37_445),
    text(-3774.2, 217.4),
  ]).toEqual([
    ...['−11.48 ± 0.29', '−0.087 ± 0.011', '1235 ± 87', '3.25 ± 0.00', '0.412', '0.000000000 ± 0.000000000'],
    ...['665\u202f000 ± 37\u202f000', '−3770 ± 220'],
  ])
})

test('significant digits read back within half a unit of the last one', () => {
  const reads = (text: string) => Number(text.replace('−', '-'))
  expect([
    significant(0.000391),
    significant(-7.93121),
    significant(981.2374),
    significant(1234567),
    significant(5e-7),
  ]).toEqual(['0.000391', '−7.931', '981.2', '1.235e+6', '5.000e-7'])
  fc.assert(
    fc.property(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.integer({ min: 3, max: 6 }), (value, digits) => {
      fc.pre(Math.abs(value) > 1e-12)
      const error = Math.abs(reads(significant(value, digits)) - value)
      expect(error).toBeLessThanOrEqual(0.51 * 10 ** (Math.floor(Math.log10(Math.abs(value))) + 1 - digits))
    }),
  )
})
