import { expect, test } from 'vitest'
import { releaseMemory } from './memory.ts'

test('gives the memory of arrays back without the collector, of views of one buffer once', () => {
  const before = process.memoryUsage().arrayBuffers
  for (let round = 0; round < 50; round++) {
    const whole = new Float32Array(2 ** 20)
    releaseMemory([whole, whole.subarray(5), new Float64Array(2 ** 18)])
    expect(whole.length).toBe(0)
  }
  // 300 MiB went through; less than the parts of one round are left.
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 21)
})

test('leaves shared memory and empty arrays alone', () => {
  const shared = new Float32Array(new SharedArrayBuffer(8))
  releaseMemory([shared, new Float32Array(0)])
  expect(shared.length).toBe(2)
})
