import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ProtoWriter, readFields, text } from './protobuf.ts'

const bytes = (...values: number[]) => Uint8Array.from(values)

describe('protobuf wire format', () => {
  it('writes the examples of the published encoding guide', () => {
    expect(new ProtoWriter().int(1, 150).finish()).toEqual(bytes(0x08, 0x96, 0x01))
    expect(new ProtoWriter().string(2, 'testing').finish()).toEqual(
      bytes(0x12, 7, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67),
    )
    expect(new ProtoWriter().message(3, (nested) => nested.int(1, 150)).finish()).toEqual(
      bytes(0x1a, 3, 0x08, 0x96, 0x01),
    )
    expect(new ProtoWriter().packedInts(6, [3, 270, 86942]).finish()).toEqual(
      bytes(0x32, 6, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05),
    )
    expect(new ProtoWriter().int(1, -2).finish()).toEqual(
      bytes(0x08, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
    )
  })

  it('reads back every integer, float and string it writes', () => {
    fc.assert(
      fc.property(
        fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
        fc.float({ noNaN: true }),
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 1 << 20 }),
        (integer, float, string, field) => {
          const [a, b, c] = [
            ...readFields(new ProtoWriter().int(field, integer).float(field, float).string(field, string).finish()),
          ]
          expect([a.field, b.field, c.field]).toEqual([field, field, field])
          expect(a.kind === 'varint' && BigInt.asIntN(64, a.value)).toBe(integer)
          expect(b.kind === 'fixed32' && new DataView(b.value.slice().buffer).getFloat32(0, true)).toBe(float)
          expect(c.kind === 'bytes' && text(c.value)).toBe(string)
        },
      ),
    )
  })

  it('refuses bytes that end too early, unknown wire types and overlong integers', () => {
    expect(() => [...readFields(bytes(0x12, 7, 0x74))]).toThrow(/needs 7 bytes at offset 2, 1 are left/)
    expect(() => [...readFields(bytes(0x0b))]).toThrow(/wire type 3/)
    expect(() => [...readFields(new Uint8Array(11).fill(0xff))]).toThrow(/longer than 10 bytes/)
    expect(() => text(bytes(0xff))).toThrow(/UTF-8/)
  })

  it('never hangs or crashes on arbitrary bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (data) => {
        try {
          for (const { kind } of readFields(data)) expect(kind).toBeTruthy()
        } catch (error) {
          expect(error).toMatchObject({ code: 'onnx.parse' })
        }
      }),
    )
  })
})
