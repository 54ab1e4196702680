/** Test helper: the gold files of metrics, and seeded random features. */
import { readFileSync } from 'node:fs'
import type { Tensor } from '../base/index.ts'
import { randomStream, tensor } from '../base/index.ts'

interface GoldSet {
  readonly real: number[][]
  readonly fake: number[][]
  readonly fid: number
  readonly kid: number
  readonly precision: number
  readonly recall: number
  readonly k: number
}

export const gold = JSON.parse(readFileSync('test/gold/metrics.json', 'utf8')) as {
  readonly sets: GoldSet[]
  readonly inception: { readonly probs: number[][]; readonly score: number }
}

/** Of 60 digits, where float64 has hardly any. */
interface EdgeCase {
  readonly name: string
  readonly fake: number[][]
  readonly real: number[][]
  readonly value: number
}

export const edges = JSON.parse(readFileSync('test/gold/metricEdges.json', 'utf8')) as {
  readonly frechet: readonly (EdgeCase & {
    readonly axes: number[][]
    readonly derivative: number[][]
    readonly lost: number
  })[]
  readonly kernel: readonly (EdgeCase & { readonly direction: number[][]; readonly along: number })[]
}

/** Rows as float64 features. */
export function rowsTensor(rows: readonly (readonly number[])[]): Tensor<'float64'> {
  return tensor('float64', [rows.length, rows[0].length], Float64Array.from(rows.flat()))
}

/** Normal rows with a different scale and shift in each dimension. */
export function randomFeatures(n: number, d: number, seed: number): Tensor<'float64'> {
  const data = randomStream({ seed, purpose: 'test features' }).normal(new Float64Array(n * d))
  return tensor(
    'float64',
    [n, d],
    data.map((value, i) => value * (0.5 + (i % d) / d) + Math.sin(seed + (i % d))),
  )
}
