import { describe, expect, it } from 'vitest'
import {
  crc32c,
  encodeTensorBoard,
  eventRecord,
  nextTensorBoardFile,
  scalarRecord,
  scalarsOf,
  sessionStartRecord,
  versionRecord,
} from './tensorboard.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

describe('TensorBoard files', () => {
  it('computes CRC-32C (RFC 3720, B.4)', () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa)
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43)
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e)
    expect(crc32c(Buffer.from('123456789'))).toBe(0xe3069283)
  })

  // Expected: what tensorboard 2.21's RecordWriter makes of the same protobuf events.
  it("writes TensorBoard's own bytes", () => {
    expect(hex(versionRecord(1_500_000_000.25))).toBe(
      '1800000000000000a37f4b2209000010c00b5ad6411a0d627261696e2e4576656e743a32130a0322',
    )
    expect(hex(scalarRecord(1_500_000_001.5, 300, { 'tuning/fid': 12.625, loss: -0.1 }))).toBe(
      '2e00000000000000c5cb57fa09000060c00b5ad64110ac022a200a110a0a74756e696e672f6669641500004a410a0b0a046c6f737315cdccccbd8e2bcd77',
    )
  })

  it('void what earlier sessions told, in files whose names sort behind theirs', () => {
    // Expected: what tensorboard 2.21's RecordWriter makes of the same event.
    expect(hex(sessionStartRecord(1_500_000_001.5))).toBe('0d000000000000003c37b83409000060c00b5ad6413a020801229db9d2')
    const start = hex(sessionStartRecord(5))
    expect(hex(encodeTensorBoard(5, [], true))).toBe(hex(versionRecord(5)) + start + start)
    const names: string[] = []
    for (const resumed of [0, 1, 2, 2, 12]) names.push(nextTensorBoardFile(names, resumed))
    expect(names.toSorted()).toEqual(names)
    expect(new Set(names).size).toBe(5)
    // Whoever took away the old files may have a page open that has seen them.
    expect(nextTensorBoardFile(['notes.txt'], 7)).toBe('events.out.tfevents.bilevel.000007')
  })

  it('finds the numbers of an event', () => {
    const event = {
      type: 'tuning',
      step: 4,
      fid: { mean: 8.5, standardError: 0.25 },
      loss: 'NaN',
      note: 'text',
      levels: [1, 2],
      done: true,
      time: '2024-01-02T03:04:05.500Z',
    }
    expect(scalarsOf(event)).toEqual({
      'tuning/fid/mean': 8.5,
      'tuning/fid/standardError': 0.25,
      'tuning/loss': Number.NaN,
    })
    expect(eventRecord({ type: 'note', step: 1, text: 'x', time: event.time })).toHaveLength(0)
    const seconds = Date.UTC(2024, 0, 2, 3, 4, 5, 500) / 1000
    expect(hex(encodeTensorBoard(seconds, [event]))).toBe(
      hex(versionRecord(seconds)) + hex(scalarRecord(seconds, 4, scalarsOf(event))),
    )
  })
})
