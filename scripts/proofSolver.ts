/**
 * What the learned schedules are worth at few steps: of the shipped models against the best of all defaults at the same, at more and at twice the
 * steps, on 10,000 images; and of two exact problems of one dimension against the best that there is.
 *
 *     npm run proof:solver
 *     npm run proof:solver -- --parts digits-16 --steps 3,5 --images 2000 --out /tmp/solver
 *     npm run build && npm run proof:solver -- --parts quick,transfer --runs runs/quick --seeds 0,1,2,3,4      runs kept, each in a folder named by its seed
 *     npm run build && npm run proof:solver -- --parts tiny --seeds 0,1,2,3,4,5,6,7,8,9
 *     npm run proof:solver -- --parts none              the page alone, from what is there
 *
 * Goes on where it was cut off. Writes docs/results/solver: a file for each part, and README.md.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import '../src/runtime/node/index.ts'
import type { FreeName } from '../src/diffusion/index.ts'
import { FREE_NAMES } from '../src/diffusion/index.ts'
import type { KeptRow, KeptSearch } from './solver/measure.ts'
import { openShipped } from './solver/measure.ts'
import type { MixtureRow } from './solver/mixtures.ts'
import { MIXTURES, mixtureRow } from './solver/mixtures.ts'
import { solverPage } from './solver/page.ts'
import type { PresetRow } from './solver/presets.ts'
import { runPreset } from './solver/presets.ts'
import type { TransferRecord } from './solver/transfer.ts'
import { transferRow } from './solver/transfer.ts'

/** Everything of a shipped model, as it is kept. */
export interface ShippedRecord {
  readonly command: string
  readonly commit: string
  readonly machine: string
  readonly images: number
  readonly samplingSeeds: readonly number[]
  /** By number of steps. */
  bestDefaults: Record<string, KeptRow>
  ceiling: KeptRow | null
  learned: KeptSearch[]
}

export interface MixturesRecord {
  readonly command: string
  readonly commit: string
  readonly seeds: readonly number[]
  rows: MixtureRow[]
}

/** Runs of a preset by training seed and number of steps; null: the preset's own. */
export interface PresetRecord {
  readonly command: string
  readonly commit: string
  rows: PresetRow[]
}

const SETS: Readonly<Record<string, readonly FreeName[]>> = {
  levels: ['levels'],
  'levels,times': ['levels', 'times'],
  all: ['levels', 'times', 'tau', 'weights', 'scale', 'output', 'clip'],
  ...Object.fromEntries(FREE_NAMES.map((name) => [name, [name]])),
}
const TINY_STEPS = Array.from({ length: 18 }, (_, i) => i + 3)
const STEPS: Readonly<Record<string, readonly number[]>> = { 'digits-16': [3, 4, 5, 6, 8, 10], 'digits-28': [3, 5, 10] }

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'mixtures,digits-16,digits-28' },
    steps: { type: 'string' },
    free: { type: 'string', default: 'all;levels,times' },
    seeds: { type: 'string', default: '0' },
    images: { type: 'string', default: '10000' },
    'sampling-seeds': { type: 'string', default: '21,22' },
    runs: { type: 'string' },
    out: { type: 'string', default: 'docs/results/solver' },
  },
})
const command = `npm run proof:solver -- ${process.argv.slice(2).join(' ')}`.trim()
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const numbers = (text: string) => text.split(',').map(Number)

const read = <T>(path: string): T | null => (existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as T) : null)
const write = (path: string, record: unknown) => writeFileSync(path, `${JSON.stringify(record, null, 1)}\n`)

async function shipped(name: 'digits-16' | 'digits-28'): Promise<void> {
  const path = join(values.out, `${name}.json`)
  const samplingSeeds = numbers(values['sampling-seeds'])
  const images = Number(values.images)
  const record: ShippedRecord = read<ShippedRecord>(path) ?? {
    command,
    commit,
    machine: cpus()[0]?.model ?? 'unknown',
    images,
    samplingSeeds,
    bestDefaults: {},
    ceiling: null,
    learned: [],
  }
  const { bestDefault, ceiling, learned, close } = await openShipped(name, { images, samplingSeeds })
  const steps = values.steps ? numbers(values.steps) : STEPS[name]
  for (const n of steps) {
    for (const set of values.free.split(';')) {
      for (const seed of numbers(values.seeds)) {
        const free = SETS[set]
        if (record.learned.some((one) => one.steps === n && one.seed === seed && one.free.join() === free.join()))
          continue
        const found = await learned(n, free, seed)
        record.learned.push(found)
        console.error(
          `${name}, ${n} steps, ${set}, seed ${seed}: FID ${found.row.fid?.mean.toFixed(2)} (${found.kept})`,
        )
        write(path, record)
      }
    }
  }
  for (const n of [...new Set(steps.flatMap((n) => [n, n + 2, 2 * n]))].sort((a, b) => a - b)) {
    if (record.bestDefaults[n]) continue
    record.bestDefaults[n] = await bestDefault(n)
    const { sampler, stepList, fid } = record.bestDefaults[n]
    console.error(`${name}, best default at ${n} steps: ${sampler}, ${stepList}: FID ${fid?.mean.toFixed(2)}`)
    write(path, record)
  }
  record.ceiling ??= await ceiling(250)
  write(path, record)
  await close()
}

async function mixtures(): Promise<void> {
  const path = join(values.out, 'mixtures.json')
  const seeds = [0, 1, 2, 3, 4]
  const record: MixturesRecord = { command, commit, seeds, rows: [] }
  for (const mixture of Object.keys(MIXTURES)) {
    for (const steps of [3, 4, 5, 6]) {
      for (const set of ['levels', 'levels,times']) record.rows.push(await mixtureRow(mixture, steps, SETS[set], seeds))
    }
  }
  write(path, record)
}

async function preset(name: 'quick' | 'tiny'): Promise<void> {
  const path = join(values.out, `${name}.json`)
  const record = read<PresetRecord>(path) ?? { command, commit, rows: [] }
  const all = name === 'quick' ? [null] : values.steps ? numbers(values.steps) : TINY_STEPS
  for (const seed of numbers(values.seeds)) {
    for (const steps of all) {
      if (record.rows.some((row) => row.seed === seed && (steps === null || row.steps === steps))) continue
      const row = await runPreset(name, seed, steps, name === 'quick' ? (values.runs ?? null) : null)
      record.rows.push(row)
      console.error(`${name}, ${row.steps} steps, seed ${seed}: best default less learned ${row.gain.mean.toFixed(2)}`)
      write(path, record)
    }
  }
}

async function transfer(): Promise<void> {
  const path = join(values.out, 'transfer.json')
  const record = read<TransferRecord>(path) ?? { command, commit, seeds: [], withoutClass: [], oneMoreStep: [] }
  const { runs } = values
  const seeds = runs ? numbers(values.seeds) : []
  for (const usedOn of seeds) {
    for (const learnedOn of new Set([seeds[0], usedOn])) {
      if (runs) record.seeds.push(await transferRow(runs, learnedOn, usedOn))
      write(path, record)
    }
  }
  const learned = read<ShippedRecord>(join(values.out, 'digits-16.json'))?.learned ?? []
  const { withoutClass, oneMoreStep, close } = await openShipped('digits-16', { images: 4000, samplingSeeds: [21, 22] })
  for (const found of learned.filter(({ kept, free }) => kept !== 'start' && free.length === SETS.all.length)) {
    for (const [rows, measure] of [
      [record.withoutClass, withoutClass],
      [record.oneMoreStep, oneMoreStep],
    ] as const) {
      if (rows.some(({ steps }) => steps === found.steps)) continue
      rows.push(await measure(found))
      write(path, record)
    }
  }
  await close()
}

mkdirSync(values.out, { recursive: true })
for (const part of values.parts.split(',')) {
  if (part === 'mixtures') await mixtures()
  else if (part === 'digits-16' || part === 'digits-28') await shipped(part)
  else if (part === 'quick' || part === 'tiny') await preset(part)
  else if (part === 'transfer') await transfer()
  else if (part !== 'none') throw new Error(`there is no part ${part}`)
}
const recordOf = <T>(name: string) => read<T>(join(values.out, `${name}.json`))
const page = solverPage({
  mixtures: recordOf<MixturesRecord>('mixtures'),
  shipped: (['digits-16', 'digits-28'] as const).flatMap((name) => {
    const record = recordOf<ShippedRecord>(name)
    return record ? [{ name, record }] : []
  }),
  transfer: recordOf<TransferRecord>('transfer'),
  presets: ['quick', 'tiny'].flatMap((name) => {
    const record = recordOf<PresetRecord>(name)
    return record ? [{ name, record }] : []
  }),
})
writeFileSync(join(values.out, 'README.md'), page)
process.exit(0)
