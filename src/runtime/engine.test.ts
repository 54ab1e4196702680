/** Engines that are told: a call's own one comes before that of the process, and each is asked for no more than it has. */
import { describe, expect, it } from 'vitest'
import { float32 } from '../base/index.ts'
import { add, mul, trace } from '../graph/index.ts'
import { checkModel } from '../onnx/index.ts'
import { compile } from './compile.ts'
import { lanesFor } from './compileLanes.ts'
import type { Engine, SessionSettings } from './engine.ts'
import { openModel } from './foreign.ts'
import { nodeEngine } from './node/index.ts'
import type { OrtModule } from './ortSession.ts'
import { webEngine } from './web/index.ts'

/** An engine that remembers what it was given. Nothing but loading. */
function recording(): { engine: Engine; given: { model: Uint8Array | string; settings: SessionSettings }[] } {
  const given: { model: Uint8Array | string; settings: SessionSettings }[] = []
  const engine: Engine = {
    threads: 3,
    remedies: { cpu: 'get one', webgpu: 'get another', cuda: 'buy one' },
    ownOperators: false,
    async load(model, settings) {
      given.push({ model, settings })
      return nodeEngine.load(model, { ...settings, threads: 1 })
    },
  }
  return { engine, given }
}

const graph = trace({ x: { dtype: 'float32', shape: [3] } }, ({ x }) => ({ y: add(mul(x, 2), 1) }))

describe('an engine of a call’s own', () => {
  it('gets models in standard operators, to optimize itself, and as many threads as it says', async () => {
    const { engine, given } = recording()
    const [program, same] = [await compile(graph, { engine }), await compile(graph, { engine })]
    expect(await program.run({ x: float32([1, 2, 3]) })).toEqual({ y: float32([3, 5, 7]) })
    expect(given.map(({ settings }) => settings)).toEqual([
      { device: 'cpu', threads: 3, optimize: true, memoryPattern: true },
    ])
    const { nodes } = checkModel(given[0].model as Uint8Array)
    expect(nodes.map(({ domain }) => domain)).toEqual(nodes.map(() => ''))
    // The process's own engine shares nothing with it.
    const usual = await compile(graph)
    expect(given).toHaveLength(1)
    await Promise.all([program, same, usual].map((opened) => opened.dispose()))
  })

  it('has one lane where it has no others, and opens models of other people', async () => {
    const { engine, given } = recording()
    expect(lanesFor(64, { engine })).toBe(1)
    expect(lanesFor(64, { threads: 4 })).toBe(4)
    await expect(openModel('nowhere.onnx', { engine })).rejects.toMatchObject({ code: 'onnx.open' })
    expect(given[0].model).toBe('nowhere.onnx')
  })
})

describe('the web engine', () => {
  const created: { options: Record<string, unknown> }[] = []
  const ort: OrtModule = {
    Tensor: class {},
    InferenceSession: {
      async create(_: never, options: never) {
        created.push({ options })
        return {
          inputMetadata: [
            { name: 'x', isTensor: true, type: 'float32', shape: ['batch', 3] },
            { name: 'list', isTensor: false },
          ],
          outputMetadata: [],
          run: async () => ({ y: { type: 'string', dims: [1], data: new Uint16Array(1) } }),
          release: async () => undefined,
        }
      },
    },
  }
  const engine = webEngine(ort)
  const settings = { device: 'cpu', threads: 1, optimize: true } as const

  it('calls devices by the names they have there, and says what is not there', async () => {
    await engine.load(new Uint8Array(1), settings)
    await engine.load(new Uint8Array(1), { ...settings, device: 'webgpu' })
    expect(created.map(({ options }) => options.executionProviders)).toEqual([['wasm'], ['webgpu']])
    await expect(compile(graph, { engine, device: 'cuda' })).rejects.toMatchObject({
      code: 'runtime.device',
      kind: 'device',
      message: expect.stringContaining("a browser has none; use 'webgpu' or 'cpu'"),
    })
  })

  it('tells what a model declares, and refuses results that no tensor holds', async () => {
    const session = await engine.load(new Uint8Array(1), settings)
    expect(session.inputs).toEqual([
      { name: 'x', dtype: 'float32', shape: ['batch', 3] },
      { name: 'list', dtype: 'not a tensor', shape: [] },
    ])
    await expect(session.run({})).rejects.toMatchObject({
      code: 'runtime.run',
      message: "output 'y' has element type string, which is not supported",
    })
  })
})
