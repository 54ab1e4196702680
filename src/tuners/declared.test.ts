/** A setting declared once: its default, its check and the words of the error, for each kind of range. */
import { expect, test } from 'vitest'
import { z } from 'zod'
import { checkDeclared, defaultsOf, setting, valuesOf, withDefault } from './declared.ts'

const said = <T>(value: T) => ({ group: 'A', description: 'b', default: value })
const shape = {
  count: setting(z.int().min(1).max(9), said(3)),
  rate: setting(z.number().positive(), said(0.1)),
  share: setting(z.number().min(0).lt(1), said(0.5)),
  eta: setting(z.number().min(0).max(1), said(0)),
  mode: setting(z.enum(['x', 'y']), said('x' as const)),
  on: setting(z.boolean(), said(false)),
  list: setting(z.array(z.number()).min(1).readonly(), { ...said([1]), rule: 'at least one number' }),
}

test('defaults, with one changed, and values among others', () => {
  const defaults = defaultsOf(shape)
  expect(defaults).toEqual({ count: 3, rate: 0.1, share: 0.5, eta: 0, mode: 'x', on: false, list: [1] })
  expect(defaultsOf({ nested: z.strictObject(shape) })).toEqual({ nested: defaults })
  const other = { ...shape, count: withDefault(shape.count, 5) }
  expect([defaultsOf(other).count, defaultsOf(shape).count]).toEqual([5, 3])
  expect(valuesOf({ rate: shape.rate }, { ...defaults, more: 1 } as typeof defaults)).toEqual({ rate: 0.1 })
  expect(() => checkDeclared(shape, defaults, 'a.b')).not.toThrow()
})

test.each<[object, string]>([
  [{ count: 0 }, 'count must be a whole number from 1, got 0'],
  [{ count: 1.5 }, 'count must be a whole number from 1, got 1.5'],
  [{ count: 10 }, 'count must be a whole number from 1 to 9, got 10'],
  [{ rate: 0 }, 'rate must be above 0, got 0'],
  [{ share: 1 }, 'share must be in [0, 1), got 1'],
  [{ eta: 1.1 }, 'eta must be in [0, 1], got 1.1'],
  [{ mode: 'z' }, 'mode must be one of x, y, got "z"'],
  [{ on: 'yes' }, 'on must be true or false, got "yes"'],
  [{ list: [] }, 'list must be at least one number, got []'],
])('%j', (wrong, message) => {
  const refused = expect.objectContaining({ code: 'a.b', kind: 'input', message })
  expect(() => checkDeclared(shape, { ...defaultsOf(shape), ...wrong }, 'a.b')).toThrow(refused)
})
