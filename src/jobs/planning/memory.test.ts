/** What memory is expected, and what is refused: by counts of a made model, on a machine of a made size. */
import { afterEach, expect, test } from 'vitest'
import { machine, useMachine } from '../../base/index.ts'
import { KEPT_BYTES, memoryOfPrograms } from '../../diffusion/index.ts'
import { fileMemory, MEMORY_FACTOR, memoryOfUse } from './memory.ts'

const MIB = 2 ** 20
/** A tenth of a GiB an image, as much again for the derivative, a MiB kept of each. */
const bytes = (images: number) => ({
  predict: 100 * MIB * images,
  derivative: 200 * MIB * images,
  kept: MIB * images,
})
const before = machine()
afterEach(() => useMachine(before))
const ofMemory = (mib: number) => useMachine({ ...before, memoryBytes: () => mib * MIB })

test('predictions alone; with derivatives their program and what is kept, up to the limit', () => {
  const at = (...sizes: number[]) => memoryOfPrograms(sizes.map((mib) => ({ bytes: mib * MIB })))
  expect(memoryOfUse(bytes, { chunk: 4, derivative: false })).toBe(at(400))
  expect(memoryOfUse(bytes, { chunk: 4, derivative: true, held: 40 })).toBe(at(400, 800) + 40)
  const most = memoryOfUse(bytes, { chunk: 4, derivative: true, held: 1e9 })
  expect(most).toBe(at(400, 800) + KEPT_BYTES / MIB)
  expect(memoryOfUse(() => null, { chunk: 4, derivative: true })).toBeNull()
  expect(fileMemory({}, { chunk: 4, derivative: false })).toBeNull()
})

test('what cannot fit is refused, with gradient checkpointing where that fits', () => {
  const lean = (images: number, checkpoints = false) => ({
    ...bytes(images),
    predict: 10 * MIB * images,
    derivative: (checkpoints ? 20 : 200) * MIB * images,
  })
  const use = { chunk: 64, derivative: true }
  const less = (memoryOfUse(lean, use) ?? 0) / MEMORY_FACTOR - 1
  ofMemory(less)
  expect(() => fileMemory({ bytes: lean }, use)).toThrow(/; --gradient-checkpointing on would fit/)
  ofMemory(less / 3)
  expect(() => fileMemory({ bytes: lean }, use)).toThrow(/; --gradient-checkpointing on --chunk 32 would fit/)
})

test('what cannot fit is refused, with the chunk that would', () => {
  const use = { chunk: 64, derivative: false }
  const needed = memoryOfUse(bytes, use) ?? 0
  ofMemory(needed)
  expect(fileMemory({ bytes }, use)).toBe(needed)
  ofMemory(needed / MEMORY_FACTOR - 1)
  expect(() => fileMemory({ bytes }, use)).toThrow(/at --chunk 64 about 16,393 MiB .*; --chunk 16 would fit/)
  ofMemory(100)
  expect(() => fileMemory({ bytes }, use)).toThrow(/one image a run does not fit either: smaller images \(--size\)/)
})
