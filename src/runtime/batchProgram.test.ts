import { describe, expect, it } from 'vitest'
import { float32, int64, randomStream } from '../base/index.ts'
import type { Graph } from '../graph/index.ts'
import { add, cast, matmul, mul, neg, reduceSum, reshape, trace } from '../graph/index.ts'
import type { BatchProgram } from './batchProgram.ts'
import { compileBatch } from './batchProgram.ts'
import { lanesFor } from './compileLanes.ts'

const BATCH = 6
const WIDTH = 4

/** y = (x w) label per item, with a product kept on the way and a sum over the items of a call. */
const first = (batch: number): Graph =>
  trace<string, string>(
    {
      x: { dtype: 'float32', shape: [batch, WIDTH] },
      w: { dtype: 'float32', shape: [WIDTH, WIDTH] },
      label: { dtype: 'int64', shape: [batch] },
    },
    ({ x, w, label }) => {
      const product = matmul(x, w)
      const y = mul(product, reshape(cast(label, 'float32'), [batch, 1]))
      return { y, product, same: neg(label), sum: reduceSum(y) }
    },
  )

const second = (batch: number): Graph =>
  trace<string, string>(
    { product: { dtype: 'float32', shape: [batch, WIDTH] }, g: { dtype: 'float32', shape: [batch, WIDTH] } },
    ({ product, g }) => ({ z: add(product, g) }),
  )

const normal = (purpose: string, rows: number) =>
  float32(randomStream({ seed: 1, purpose }).normal(new Float32Array(rows * WIDTH)), [rows, WIDTH])
const inputs = { x: normal('x', BATCH), w: normal('w', WIDTH), label: int64([3, 1, -2, 5, 0, 7]) }

const open = (graph: (batch: number) => Graph, lanes: number) =>
  compileBatch(graph(BATCH / lanes), { lanes, whole: ['w'], threads: 2 })

async function using<T>(programs: readonly Promise<BatchProgram>[], run: (...all: BatchProgram[]) => Promise<T>) {
  const opened = await Promise.all(programs)
  try {
    return await run(...opened)
  } finally {
    await Promise.all(opened.map((program) => program.dispose()))
  }
}

describe.each([2, 3])('%i lanes', (lanes) => {
  it('give what one does, to the byte, item for item', async () => {
    const outputs = (count: number) => using([open(first, count)], (program) => program.run(inputs))
    const [one, several] = [await outputs(1), await outputs(lanes)]
    for (const name of ['y', 'product', 'same']) expect(several[name]).toEqual(one[name])
  })

  it('tell sums of their own items', async () => {
    const each = await using([open(first, lanes)], (program) => program.runEach(inputs))
    expect(each).toHaveLength(lanes)
    const { y } = await using([open(first, 1)], (program) => program.run(inputs))
    const size = (BATCH * WIDTH) / lanes
    for (const [lane, { sum }] of each.entries()) {
      const own = (y.data as Float32Array).subarray(lane * size, (lane + 1) * size)
      expect((sum.data as Float32Array)[0]).toBeCloseTo(
        own.reduce((total, value) => total + value, 0),
        4,
      )
    }
  })

  it('hold outputs for a second program until they are released', async () => {
    await using([open(first, lanes), open(second, lanes)], async (forward, backward) => {
      const g = normal('g', BATCH)
      const { outputs, held } = await forward.runHolding(inputs, ['product'])
      const other = await forward.runHolding({ ...inputs, x: g }, ['product'])
      const { product } = await forward.run(inputs)
      expect(Object.keys(outputs)).not.toContain('product')
      const expected = (product.data as Float32Array).map((value, i) => value + g.data[i])
      expect((await backward.runFrom(held, { g })).z.data).toEqual(expected)
      other.held.release()
      expect((await backward.runFrom(held, { g })).z.data).toEqual(expected)
      held.release()
      await expect(backward.runFrom(held, { g })).rejects.toMatchObject({ code: 'runtime.run' })
    })
  })

  it('name an input that does not fit, and run on after it', async () => {
    await using([open(first, lanes)], async (program) => {
      const wrong = program.run({ ...inputs, x: normal('x', BATCH + lanes) })
      await expect(wrong).rejects.toMatchObject({ code: 'runtime.feed' })
      expect((await program.run(inputs)).y.shape).toEqual([BATCH, WIDTH])
    })
  })
})

it('a program of one lane holds outputs too', async () => {
  await using([open(first, 1), open(second, 1)], async (forward, backward) => {
    const { held } = await forward.runHolding(inputs, ['product'])
    expect((await backward.runFrom(held, { g: normal('g', BATCH) })).z.shape).toEqual([BATCH, WIDTH])
    held.release()
    await expect(backward.runFrom(held, { g: normal('g', BATCH) })).rejects.toMatchObject({ code: 'runtime.feed' })
  })
})

it('as many lanes as cores and divisors allow, none with less than 16 items', () => {
  const lanes = (batch: number, threads: number) => lanesFor(batch, { threads })
  expect([lanes(64, 2), lanes(64, 1), lanes(64, 8), lanes(31, 2), lanes(33, 2), lanes(96, 4), lanes(100, 8)]).toEqual([
    2, 1, 4, 1, 1, 4, 5,
  ])
  expect(lanesFor(64, { device: 'webgpu', threads: 2 })).toBe(1)
})
