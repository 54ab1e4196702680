/**
 * What Stable Diffusion 1.5 at 512 pixels would take: layers of its shapes with random weights, one at a time on this machine, and from their rates the whole.
 *
 *     npm run docs:scaling              writes docs/scaling.md from docs/results/scaling.json
 *     npm run docs:scaling -- --measure measures first (a minute, 2 GiB)
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { loadavg } from 'node:os'
import '../../src/runtime/node/index.ts'
import { filled, randomStream, sizeOf, tensor } from '../../src/base/index.ts'
import type { Graph, SymbolicTensor } from '../../src/graph/index.ts'
import { attention, conv, groupNorm, matmul, mul, sigmoid, trace } from '../../src/graph/index.ts'
import { compile } from '../../src/runtime/index.ts'
import { machine } from '../report.ts'
import type { Rates } from './page.ts'
import { scalingPage } from './page.ts'

const RESULT = 'docs/results/scaling.json'
const PAGE = 'docs/scaling.md'
const RUNS = 3

const noise = (shape: readonly number[]) =>
  tensor('float32', shape, randomStream({ seed: 0, purpose: 'scaling' }).normal(new Float32Array(sizeOf(shape))))

/** Seconds of the fastest run of a graph, its weights bound: what else the machine does makes others slower. */
async function secondsOf(graph: Graph, weights: Readonly<Record<string, readonly number[]>>): Promise<number> {
  const constants = Object.fromEntries(Object.entries(weights).map(([name, shape]) => [name, noise(shape)]))
  const program = await compile(graph, { constants })
  const feeds = Object.fromEntries(
    Object.entries(graph.inputs)
      .filter(([name]) => !(name in weights))
      .map(([name, { shape }]) => [name, filled(shape, 0.1)]),
  )
  await program.run(feeds)
  const seconds: number[] = []
  for (let run = 0; run < RUNS; run++) {
    const began = performance.now()
    await program.run(feeds)
    seconds.push((performance.now() - began) / 1000)
  }
  await program.dispose()
  return Math.min(...seconds)
}

const type = (...shape: number[]) => ({ dtype: 'float32', shape }) as const

async function convolution(channels: number, side: number): Promise<number> {
  const types = { x: type(1, channels, side, side), w: type(channels, channels, 3, 3) }
  const graph = trace(types, ({ x, w }) => ({ y: conv(x, w, { padding: 1 }) }))
  return (2 * 9 * channels ** 2 * side ** 2) / (await secondsOf(graph, { w: [channels, channels, 3, 3] }))
}

async function product(width: number, side: number): Promise<number> {
  const graph = trace({ x: type(side ** 2, width), w: type(width, 4 * width) }, ({ x, w }) => ({ y: matmul(x, w) }))
  return (8 * width ** 2 * side ** 2) / (await secondsOf(graph, { w: [width, 4 * width] }))
}

async function heads(width: number, side: number): Promise<number> {
  const shape = type(1, 8, side ** 2, width / 8)
  const graph = trace({ q: shape, k: shape, v: shape }, ({ q, k, v }: Record<string, SymbolicTensor>) => ({
    y: attention(q, k, v),
  }))
  return (4 * width * side ** 4) / (await secondsOf(graph, {}))
}

/** Numbers a second through a norm and its activation. */
async function normed(channels: number, side: number): Promise<number> {
  const types = { x: type(1, channels, side, side), s: type(channels), b: type(channels) }
  const graph = trace(types, ({ x, s, b }) => {
    const y = groupNorm(x, { groups: 32, scale: s, bias: b })
    return { y: mul(y, sigmoid(y)) }
  })
  return (channels * side ** 2) / (await secondsOf(graph, { s: [channels], b: [channels] }))
}

const LEVELS = [
  [320, 64],
  [640, 32],
  [1280, 16],
  [1280, 8],
] as const

async function measure(): Promise<Rates> {
  const over = async (
    of: (channels: number, side: number) => Promise<number>,
    levels: readonly (readonly [number, number])[] = LEVELS,
  ) => {
    const found: Record<number, number> = {}
    for (const [channels, side] of levels) found[side] = Number((await of(channels, side)).toPrecision(3))
    return found
  }
  return {
    machine: machine(),
    load: Number(loadavg()[0].toFixed(1)),
    conv3x3: await over(convolution, [...LEVELS, [512, 128], [256, 256]]),
    linear: await over(product),
    attention: await over(heads),
    norm: await over(normed),
  }
}

if (process.argv.includes('--measure')) writeFileSync(RESULT, `${JSON.stringify(await measure(), null, 1)}\n`)
writeFileSync(PAGE, scalingPage(JSON.parse(readFileSync(RESULT, 'utf8')) as Rates))
