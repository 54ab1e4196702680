/**
 * The search for a sampling schedule with one choice changed at a time (estimator, common random numbers, images of a distance, family, starts), at an equal number of
 * network evaluations:
 *
 *     npm run proof:ablations                                     all variants, seeds 0 to 2: about half a minute each on two idle cores
 *     npm run proof:ablations -- --variants 'coordinate;2 starts' --seeds 0
 *
 * Goes on where it was cut off. Writes docs/results/ablations: ablations.json and README.md.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import '../src/runtime/node/index.ts'
import type { Cell, Effort, StartRow } from './ablations/measure.ts'
import { openAblations } from './ablations/measure.ts'
import { ablationPage } from './ablations/page.ts'
import { VARIANTS } from './ablations/variants.ts'

export interface AblationRecord {
  readonly command: string
  readonly commit: string
  readonly machine: string
  readonly effort: Effort
  readonly start: StartRow
  cells: Cell[]
}

const { values } = parseArgs({
  options: {
    variants: { type: 'string' },
    seeds: { type: 'string', default: '0,1,2' },
    steps: { type: 'string', default: '5' },
    budget: { type: 'string', default: '100000' },
    images: { type: 'string', default: '1000' },
    out: { type: 'string', default: 'docs/results/ablations' },
  },
})
const effort: Effort = {
  steps: Number(values.steps),
  budget: Number(values.budget),
  images: Number(values.images),
  samplingSeeds: [21, 22],
}
const known = VARIANTS.map(({ name }) => name)
const wanted = values.variants?.split(';') ?? known
const unknown = wanted.find((name) => !known.includes(name))
if (unknown !== undefined) throw new Error(`there is no variant ${unknown}; there are ${known.join('; ')}`)

const path = join(values.out, 'ablations.json')
mkdirSync(values.out, { recursive: true })
const opened = await openAblations(effort)
const record: AblationRecord = existsSync(path)
  ? (JSON.parse(readFileSync(path, 'utf8')) as AblationRecord)
  : {
      command: 'npm run proof:ablations',
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      machine: cpus()[0]?.model ?? 'unknown',
      effort,
      start: await opened.start(),
      cells: [],
    }
if (JSON.stringify(record.effort) !== JSON.stringify(effort)) {
  throw new Error(`${path} was made with other settings (${JSON.stringify(record.effort)}): give another --out`)
}
function save(): void {
  writeFileSync(path, `${JSON.stringify(record, null, 1)}\n`)
  writeFileSync(join(values.out, 'README.md'), ablationPage(record))
}

for (const seed of values.seeds.split(',').map(Number)) {
  for (const variant of VARIANTS.filter(({ name }) => wanted.includes(name))) {
    if (record.cells.some((cell) => cell.variant === variant.name && cell.seed === seed)) continue
    const cell = await opened.measured(variant, seed)
    record.cells.push(cell)
    save()
    console.error(
      `seed ${seed}, ${variant.name}: FID ${cell.fid.toFixed(2)} after ${cell.iterations} iterations, ${cell.seconds} s`,
    )
  }
}
save()
process.exit(0)
