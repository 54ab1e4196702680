/**
 * What a training schedule is worth at equal training steps: a grid of families, densities of log-SNR, weightings and predictions, each judged at
 * the best default and at the learned sampling schedule. The best of it is what learning a training schedule can come to here.
 *
 *     npm run proof:training                                        all rows, seeds 0 to 2: about ten minutes a row and seed on two cores
 *     npm run proof:training -- --parts 'cosine;laplace(0, 0.5)' --seeds 0 --steps 10,5
 *     npm run proof:training -- --parts none                        the page alone, from what is there
 *
 * Goes on where it was cut off: trained networks are kept in `--weights`, and every number of steps that was measured in the record. Writes
 * docs/results/training-schedule: grid.json and README.md.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import '../src/runtime/node/index.ts'
import { GRID } from './training/grid.ts'
import type { Cell, Effort } from './training/measure.ts'
import { openGrid } from './training/measure.ts'
import { gridPage } from './training/page.ts'

export interface GridRecord {
  readonly command: string
  readonly commit: string
  readonly machine: string
  readonly effort: Effort
  cells: Cell[]
}

const { values } = parseArgs({
  options: {
    parts: { type: 'string', default: 'all' },
    seeds: { type: 'string', default: '0,1,2' },
    steps: { type: 'string', default: '10,5' },
    'train-steps': { type: 'string', default: '1500' },
    iterations: { type: 'string', default: '12' },
    images: { type: 'string', default: '1000' },
    weights: { type: 'string', default: join(tmpdir(), 'bilevel-training-grid') },
    out: { type: 'string', default: 'docs/results/training-schedule' },
  },
})
const numbers = (text: string) => text.split(',').map(Number)
const effort: Effort = {
  trainSteps: Number(values['train-steps']),
  iterations: Number(values.iterations),
  tuningSamples: 192,
  images: Number(values.images),
  samplingSeeds: [21, 22],
}

/** As it was begun, but for where things lie on this machine. */
function commandOf(): string {
  const own = process.argv.slice(2).flatMap((word, i, all) => {
    if (/^--(weights|out)/.test(word) || /^--(weights|out)$/.test(all[i - 1] ?? '')) return []
    return /[;()\s]/.test(word) ? `'${word}'` : word
  })
  return ['npm run proof:training', ...(own.length > 0 ? ['--', ...own] : [])].join(' ')
}

const path = join(values.out, 'grid.json')
mkdirSync(values.out, { recursive: true })
mkdirSync(values.weights, { recursive: true })
const record: GridRecord = existsSync(path)
  ? (JSON.parse(readFileSync(path, 'utf8')) as GridRecord)
  : {
      command: commandOf(),
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      machine: cpus()[0]?.model ?? 'unknown',
      effort,
      cells: [],
    }
if (JSON.stringify(record.effort) !== JSON.stringify(effort)) {
  throw new Error(`${path} was made with other settings (${JSON.stringify(record.effort)}): give another --out`)
}

const known = GRID.map(({ name }) => name)
const wanted = values.parts === 'all' ? known : values.parts === 'none' ? [] : values.parts.split(';')
const unknown = wanted.find((name) => !known.includes(name))
if (unknown !== undefined) throw new Error(`there is no row ${unknown}; there are ${known.join('; ')}`)

function save(): void {
  writeFileSync(path, `${JSON.stringify(record, null, 1)}\n`)
  writeFileSync(join(values.out, 'README.md'), gridPage(record))
}

const measured = wanted.length > 0 ? await openGrid(effort) : null
for (const seed of numbers(values.seeds)) {
  for (const row of GRID.filter(({ name }) => wanted.includes(name))) {
    const find = () => record.cells.find((cell) => cell.row === row.name && cell.seed === seed) ?? null
    if (numbers(values.steps).every((n) => find()?.at[n])) continue
    const file = `${row.name.replace(/[^\w.]+/g, '-')}-${seed}-${effort.trainSteps}.f32`
    await measured?.(row, seed, numbers(values.steps), join(values.weights, file), find(), (cell) => {
      if (!find()) record.cells.push(cell)
      save()
      const told = Object.entries(cell.at).map(
        ([n, { bestDefault, learned }]) =>
          `${n} steps ${bestDefault.fid?.mean.toFixed(2)} (${bestDefault.label}), learned ${learned.fid?.mean.toFixed(2)}`,
      )
      console.error(`${row.name}, seed ${seed}, loss ${cell.loss.toFixed(4)}: ${told.join('; ')}, ${cell.seconds} s`)
    })
  }
}
save()
process.exit(0)
