import { describe, expect, it } from 'vitest'
import { float32, int64, tensor } from '../base/index.ts'
import { add, constant, matmul, mul, reduceSum, trace } from '../graph/index.ts'
import { compile } from './compile.ts'
import type { Device } from './program.ts'
import { sharedSessionCount } from './sharedSessions.ts'

const affine = trace(
  {
    x: { dtype: 'float32', shape: [2, 3] },
    w: { dtype: 'float32', shape: [3, 2] },
    unused: { dtype: 'int64', shape: [2] },
  },
  ({ x, w, unused }) => ({
    y: add(matmul(x, w), 0.5),
    sum: reduceSum(x),
    same: x,
    again: x,
    fixed: constant(float32([7])),
    indices: unused,
  }),
)
const x = float32([1, 2, 3, 4, 5, 6], [2, 3])
const w = float32([1, 0, 0, 1, 1, 1], [3, 2])
const unused = int64([3, -4])

describe('compile', () => {
  it('computes every kind of output: results, scalars, inputs passed through, constants', async () => {
    const program = await compile(affine, { threads: 1 })
    const { y, sum, same, again, fixed, indices } = await program.run({ x, w, unused })
    expect(y).toEqual(float32([4.5, 5.5, 10.5, 11.5], [2, 2]))
    expect(sum).toEqual(float32([21], []))
    expect(same).toEqual(x)
    expect(again).toEqual(x)
    expect(fixed).toEqual(float32([7]))
    expect(indices).toEqual(unused)
    expect(program.inputs.w).toEqual({ dtype: 'float32', shape: [3, 2] })
    expect(program.outputs.sum).toEqual({ dtype: 'float32', shape: [] })
    await program.dispose()
  })

  it('freezes inputs as constants', async () => {
    const program = await compile(affine, { constants: { w, unused } })
    expect(Object.keys(program.inputs)).toEqual(['x'])
    expect((await program.run({ x })).y.data).toEqual(Float32Array.of(4.5, 5.5, 10.5, 11.5))
    await program.dispose()
  })

  it('names an input that is missing, misshapen or of another type', async () => {
    const program = await compile(affine)
    const feed = { x, w, unused }
    await expect(program.run({ ...feed, w: float32([1, 2]) })).rejects.toThrow(
      /'w' must be float32\[3,2\], got float32\[2\]/,
    )
    await expect(program.run({ ...feed, x: tensor('float64', [2, 3], new Float64Array(6)) })).rejects.toThrow(
      /got float64\[2,3\]/,
    )
    const { w: _, ...missing } = feed
    await expect(program.run(missing as typeof feed)).rejects.toThrow(/'w' must be float32\[3,2\], got nothing/)
    await program.dispose()
    await expect(program.run(feed)).rejects.toThrow(/after dispose/)
  })

  it('shares one session among equal graphs and frees it with the last', async () => {
    const before = sharedSessionCount()
    const make = (factor: number) => trace({ a: { dtype: 'float32', shape: [2] } }, ({ a }) => ({ b: mul(a, factor) }))
    const [first, second, other] = await Promise.all([2, 2, 3].map((factor) => compile(make(factor))))
    expect(sharedSessionCount()).toBe(before + 2)
    await first.dispose()
    await first.dispose()
    const a = float32([1, 2])
    const runs = await Promise.all([second.run({ a }), other.run({ a }), second.run({ a: float32([5, 6]) })])
    expect(runs.map(({ b }) => Array.from(b.data as Float32Array))).toEqual([
      [2, 4],
      [3, 6],
      [10, 12],
    ])
    await Promise.all([second.dispose(), other.dispose()])
    expect(sharedSessionCount()).toBe(before)
  })

  it('says what to do where a device is missing or unknown', async () => {
    await expect(compile(affine, { device: 'cuda' })).rejects.toMatchObject({ kind: 'device', code: 'runtime.device' })
    await expect(compile(affine, { device: 'cuda' })).rejects.toThrow(/opt-in/)
    await expect(compile(affine, { device: 'tpu' as Device })).rejects.toThrow(/one of cpu, webgpu, cuda, got 'tpu'/)
    await expect(compile(affine, { threads: 0 })).rejects.toThrow(/positive integer, got 0/)
  })
})
