/**
 * Hypergradients held against retraining: sign and size of what `penalty`, `implicit` and `unrolled` say of the training schedule, against pairs of
 * training branches on the same draws with q moved either way, after K steps. On the 16x16 network of `quick`, of one schedule for training and sampling.
 *
 *     npm run proof:hypergradient
 *     npm run proof:hypergradient -- --from fresh --steps 1000 --out /tmp/fresh
 *     npm run proof:hypergradient -- --points inner --seeds 0-4 --horizons 75,150,600 --draws 0-3
 *     npm run proof:hypergradient -- --parts truth --parameters tau        pairs of branches alone: some minutes each
 *     npm run proof:hypergradient -- --parts page                          the page alone, from what is there
 *
 * Goes on where it was cut off; trained networks and branches are kept under runs/proof/hypergradient. Writes docs/results/hypergradient.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import '../src/runtime/node/index.ts'
import type { BranchPair } from './hypergradient/branches.ts'
import { branchPairs, slopesOf } from './hypergradient/branches.ts'
import type { EstimateOf } from './hypergradient/estimates.ts'
import { linearEstimate, penaltyEstimates } from './hypergradient/estimates.ts'
import { hypergradientPage } from './hypergradient/page.ts'
import type { Beginning, Place, PointName } from './hypergradient/place.ts'
import { BEGINNINGS, openPlace, POINTS, SHIFTS } from './hypergradient/place.ts'

/** `-hessian`: of the Hessian itself, in the place of the Gauss-Newton matrix. */
const HYPERGRADIENTS = ['implicit', 'implicit-hessian', 'unrolled', 'unrolled-hessian', 'penalty'] as const
export type Name = (typeof HYPERGRADIENTS)[number]

/** Where a row belongs, and the command that made it: an index of `commands`. */
interface Row {
  readonly point: string
  readonly seed: number
  readonly command: number
}

export interface TruthRow extends Row, BranchPair {
  readonly parameter: string
  readonly draw: number
}

export interface EstimateRow extends Row, EstimateOf {
  readonly name: Name
}

export interface HypergradientRecord {
  readonly commands: { readonly command: string; readonly commit: string; readonly machine: string }[]
  /** What training began with, and its steps before q is moved; images of a distance. */
  readonly beginning: string
  readonly steps: number
  readonly branchImages: number
  readonly estimateImages: number
  readonly shifts: Readonly<Record<string, number>>
  readonly truths: TruthRow[]
  readonly estimates: EstimateRow[]
}

const CACHE = 'runs/proof/hypergradient'
const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'truth,estimates,page' },
    points: { type: 'string', default: 'default' },
    seeds: { type: 'string', default: '0-4' },
    parameters: { type: 'string' },
    draws: { type: 'string', default: '0-3' },
    horizons: { type: 'string', default: '75,150,600' },
    hypergradients: { type: 'string', default: 'implicit,unrolled,penalty' },
    from: { type: 'string', default: 'shipped' },
    steps: { type: 'string', default: '200' },
    images: { type: 'string', default: '960' },
    out: { type: 'string', default: 'docs/results/hypergradient' },
  },
})

/** `0-2,5`: 0, 1, 2, 5. */
const numbers = (text: string): number[] =>
  text.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })

const path = join(values.out, 'hypergradient.json')
const parts = values.parts.split(',')
const horizons = numbers(values.horizons).sort((a, b) => a - b)
const images = { branch: Number(values.images), estimate: 192 }
const steps = Number(values.steps)
const record: HypergradientRecord = existsSync(path)
  ? (JSON.parse(readFileSync(path, 'utf8')) as HypergradientRecord)
  : {
      commands: [],
      beginning: values.from,
      steps,
      branchImages: images.branch,
      estimateImages: images.estimate,
      shifts: SHIFTS,
      truths: [],
      estimates: [],
    }
if (record.beginning !== values.from || record.steps !== steps || record.branchImages !== images.branch) {
  const there = `--from ${record.beginning} --steps ${record.steps} --images ${record.branchImages}`
  throw new Error(`${path} was made with ${there}: give the same, or another folder (--out)`)
}
if (!BEGINNINGS.includes(values.from as Beginning))
  throw new Error(`--from is ${BEGINNINGS.join(' or ')}; got ${values.from}`)

const save = () => writeFileSync(path, `${JSON.stringify(record, null, 1)}\n`)
const command = record.commands.length
const told = (value: number | undefined, error?: number) =>
  `${value?.toFixed(2)}${error === undefined ? '' : ` ± ${error.toFixed(2)}`}`

async function truths(place: Place, point: string, seed: number): Promise<void> {
  const { names, initial, low, high } = place.estimates.blocks.schedule
  const movable = names.filter((name, i) => initial[i] - SHIFTS[name] >= low[i] && initial[i] + SHIFTS[name] <= high[i])
  const parameters = values.parameters?.split(',') ?? movable
  const beyond = parameters.find((name) => !movable.includes(name))
  if (beyond) throw new Error(`at the point ${point} ${movable.join(', ')} can be moved both ways, got ${beyond}`)
  for (const draw of numbers(values.draws)) {
    for (const parameter of parameters) {
      const here = { point, seed, parameter, draw }
      const isOf = (row: TruthRow) => Object.entries(here).every(([key, value]) => row[key as keyof TruthRow] === value)
      const left = horizons.filter((k) => !record.truths.some((row) => isOf(row) && row.horizon === k))
      if (left.length === 0) continue
      const cache = join(CACHE, `branch-${point}-${values.from}-${steps}-seed${seed}-${parameter}-draw${draw}`)
      for await (const pair of branchPairs(place, { parameter, draw, horizons: left }, cache)) {
        record.truths.push({ ...here, command, ...pair })
        save()
        const { indirect, total } = slopesOf(pair, parameter)
        const where = `${point}, seed ${seed}, ${parameter}, K ${pair.horizon}, draw ${draw}`
        console.error(`${where}: retraining says indirect ${told(indirect)}, total ${told(total)}`)
      }
    }
  }
}

async function estimates(place: Place, point: string, seed: number): Promise<void> {
  for (const name of values.hypergradients.split(',') as Name[]) {
    if (!HYPERGRADIENTS.includes(name)) throw new Error(`hypergradients are ${HYPERGRADIENTS.join(', ')}; got ${name}`)
    const isThere = (horizon: number) =>
      record.estimates.some(
        (row) => row.point === point && row.seed === seed && row.name === name && row.horizon === horizon,
      )
    const left = horizons.filter((horizon) => !isThere(horizon))
    if (left.length === 0) continue
    for await (const found of name === 'penalty' ? penaltyEstimates(place, left) : linear(place, name, left)) {
      record.estimates.push({ point, seed, name, command, ...found })
      save()
      const where = `${point}, seed ${seed}, K ${found.horizon}, ${name}`
      const { indirect, indirectError, gradient, error } = found
      const [through, all] = [told(indirect.tau, indirectError?.tau), told(gradient.tau, error?.tau)]
      console.error(`${where}: tau indirect ${through}, total ${all}; ${found.cost.toFixed(0)} training steps`)
    }
  }
}

async function* linear(place: Place, name: Exclude<Name, 'penalty'>, left: readonly number[]) {
  for (const horizon of left) yield await linearEstimate(place, name, horizon)
}

mkdirSync(values.out, { recursive: true })
if (parts.includes('truth') || parts.includes('estimates')) {
  record.commands.push({
    command: `npm run proof:hypergradient -- ${process.argv.slice(2).join(' ')}`.trim(),
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    machine: `${cpus().length} x ${cpus()[0]?.model ?? 'unknown'}, Node ${process.version}`,
  })
  for (const point of values.points.split(',')) {
    if (!Object.hasOwn(POINTS, point)) throw new Error(`points are ${Object.keys(POINTS).join(', ')}; got ${point}`)
    for (const seed of numbers(values.seeds)) {
      const place = await openPlace(
        { point: point as PointName, seed, beginning: values.from as Beginning, steps, images },
        CACHE,
      )
      if (parts.includes('truth')) await truths(place, point, seed)
      if (parts.includes('estimates')) await estimates(place, point, seed)
      await place.close()
    }
  }
}
writeFileSync(join(values.out, 'README.md'), hypergradientPage(record))
process.exit(0)
