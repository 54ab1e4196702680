import { mkdtemp, readdir, readFile, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Tensor } from '../../base/index.ts'
import { float32, randomStream } from '../../base/index.ts'
import type { Graph, SymbolicTensor } from '../../graph/index.ts'
import { add, bind, gradient, matmul, mul, reduceSum, silu, trace } from '../../graph/index.ts'
import type { CompileOptions } from '../compile.ts'
import { compile } from '../compile.ts'
import { sharedSessionCount } from '../sharedSessions.ts'
import { codeVersion } from './codeVersion.ts'

const SIZE = 40
const draw = (purpose: string) =>
  float32(randomStream({ seed: 5, purpose }).normal(new Float32Array(SIZE * SIZE)), [SIZE, SIZE])

/** A chain of layers that share a weight, with its derivative: hundreds of calls. */
function deepGraph({ layers = 24, factor = 0.1 }: { layers?: number; factor?: number } = {}): Graph {
  const type = { dtype: 'float32', shape: [SIZE, SIZE] } as const
  return trace({ x: type, w: type }, ({ x, w }: Record<'x' | 'w', SymbolicTensor>) => {
    let y = x
    for (let k = 0; k < layers; k++) y = add(silu(mul(matmul(y, w), factor)), y)
    return { y, dw: gradient(reduceSum(y), [w])[0] }
  }) as Graph
}

const feeds = { x: draw('x'), w: draw('w') }

async function results(graph: Graph, options: CompileOptions<string> = {}): Promise<Record<string, Tensor>> {
  const program = await compile(graph, { threads: 1, ...options })
  try {
    return await program.run(feeds)
  } finally {
    await program.dispose()
  }
}

let base: string
const folder = () => join(base, 'bilevel-diffusion')
const entries = async () => (await readdir(folder())).filter((name) => name.endsWith('.model')).toSorted()

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'bilevel-models-'))
  vi.stubEnv('BILEVEL_CACHE', undefined)
  vi.stubEnv('XDG_CACHE_HOME', base)
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await rm(base, { recursive: true, force: true })
})

describe('models on disk', () => {
  it('give the bytes that a fresh one gives', async () => {
    const open = sharedSessionCount()
    vi.stubEnv('BILEVEL_CACHE', 'off')
    const truth = await results(deepGraph())
    vi.stubEnv('BILEVEL_CACHE', undefined)
    expect(await results(deepGraph())).toEqual(truth)
    const [entry] = await entries()
    await utimes(join(folder(), entry), 1000, 1000)
    expect(sharedSessionCount()).toBe(open)
    expect(await results(deepGraph())).toEqual(truth)
    expect((await stat(join(folder(), entry))).mtimeMs, 'was read').toBeGreaterThan(1e6)
    expect(await entries()).toEqual([entry])
  })

  it('are told apart by all that makes them', async () => {
    await results(deepGraph())
    await results(deepGraph({ factor: 0.11 }))
    await results(deepGraph({ layers: 25 }))
    expect((await entries()).length).toBe(3)
    await results(deepGraph({ factor: 0.11 }), { threads: 2 })
    expect((await entries()).length, 'threads are no part of a model').toBe(3)
  })

  it('that are damaged are made again', async () => {
    const truth = await results(deepGraph())
    const path = join(folder(), (await entries())[0])
    const { length } = await readFile(path)
    await truncate(path, length / 2)
    expect(await results(deepGraph())).toEqual(truth)
    expect((await readFile(path)).length).toBe(length)
    expect(await results(deepGraph())).toEqual(truth)
  })

  it('are done without where the folder cannot be written', async () => {
    await writeFile(folder(), 'a file is in the way')
    const truth = await results(deepGraph())
    expect(await results(deepGraph())).toEqual(truth)
  })

  it('are not kept for small graphs, frozen weights and the form of exported files', async () => {
    await results(deepGraph({ layers: 1 }))
    await results(deepGraph(), { lowering: false })
    const program = await compile(bind(deepGraph(), { w: feeds.w }), { threads: 1 })
    await program.dispose()
    await expect(readdir(folder())).rejects.toThrow(/ENOENT/)
  })
})

describe('the version of the code', () => {
  it('is a hash that stays', async () => {
    expect(await codeVersion()).toMatch(/^[0-9a-f]{64}$/)
    expect(await codeVersion()).toBe(await codeVersion())
  })
})
