import { expect, it } from 'vitest'
import { requireRoom } from './limits.ts'

it('refuses an array that memory or the engine cannot hold, and no other', () => {
  const room = { code: 'a.code', what: '7 images' }
  expect(() => requireRoom({ ...room, values: 1e6, bytesPerValue: 8 })).not.toThrow()
  expect(() => requireRoom({ ...room, values: 2 ** 32, bytesPerValue: 0 })).toThrow(/at most 4294967295 values/)
  const large = () => requireRoom({ ...room, values: 2 ** 31, bytesPerValue: 2 ** 20 })
  expect(large).toThrow(/^7 images need 2097152\.0 GiB for 2147483648 values; .* memory is [\d.]+ GiB/)
  expect(large).toThrow(expect.objectContaining({ code: 'a.code', kind: 'input' }))
})
