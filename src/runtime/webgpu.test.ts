/**
 * WebGPU, also without a graphics card: Debian's chromium ships a software Vulkan driver that the engine accepts (with the loader of
 * libvulkan1). Where no adapter opens, the parity test is skipped and the error is tested instead.
 */
import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { float32, randomStream, sizeOf } from '../base/index.ts'
import type { Graph, SymbolicTensor } from '../graph/index.ts'
import { add, conv, evaluate, groupNorm, silu, trace, vjp } from '../graph/index.ts'
import { compile } from './compile.ts'

const SOFTWARE_DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json'
if (existsSync(SOFTWARE_DRIVER)) process.env.VK_DRIVER_FILES ??= SOFTWARE_DRIVER

/** Why a trivial program does not open on the device; undefined if it does. */
async function whyUnavailable(): Promise<unknown> {
  const trivial = trace({ x: { dtype: 'float32', shape: [2] } }, ({ x }) => ({ y: add(x, x) }))
  try {
    await (await compile(trivial, { device: 'webgpu' })).dispose()
    return undefined
  } catch (error) {
    return error
  }
}
const problem = await whyUnavailable()

/** A residual block and its derivatives. */
function residualBlock(): Graph {
  const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
  const types = { x: float(3, 8, 6, 5), w: float(8, 8, 3, 3), scale: float(8), g: float(3, 8, 6, 5) }
  return trace(types, ({ x, w, scale, g }: Record<'x' | 'w' | 'scale' | 'g', SymbolicTensor>) => {
    const y = add(x, conv(silu(groupNorm(x, { groups: 2, scale })), w, { padding: 1 }))
    const [dx, dw, dscale] = vjp([y], [g], [x, w, scale])
    return { y, dx, dw, dscale }
  })
}

describe.skipIf(problem)(
  `WebGPU (${problem ? 'no adapter: needs a driver and libvulkan1' : 'an adapter opened'})`,
  () => {
    it('agrees with the reference', async () => {
      const graph = residualBlock()
      const feeds = Object.fromEntries(
        Object.entries(graph.inputs).map(([name, { shape }]) => [
          name,
          float32(randomStream({ seed: 2, purpose: name }).normal(new Float32Array(sizeOf(shape))), shape),
        ]),
      )
      const truth = evaluate(graph, feeds)
      const program = await compile(graph, { device: 'webgpu' })
      const results = await program.run(feeds)
      for (const [name, { data, shape }] of Object.entries(truth)) {
        expect(results[name].shape).toEqual(shape)
        const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0)
        data.forEach((value, i) => {
          expect(Math.abs(Number(results[name].data[i]) - value), `${name}[${i}]`).toBeLessThan(1e-4 * largest)
        })
      }
      await program.dispose()
    })
  },
)

describe.skipIf(!problem)('WebGPU without an adapter', () => {
  it('is a device error that names the remedy', () => {
    expect(problem).toMatchObject({
      kind: 'device',
      code: 'runtime.device',
      message: expect.stringContaining('--device cpu'),
    })
  })
})
