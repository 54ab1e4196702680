/**
 * From one's own data to a learned schedule, as a stranger goes: five kinds of files made of the embedded digits, each planned, trained on, learned for and
 * sampled from with the built command, timed.
 *
 *     npm run build && npm run proof:walk
 *
 * Writes docs/results/data-walk.md.
 */
import { execFileSync } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { encode as encodePng } from 'fast-png'
import { zipSync } from 'fflate'
import { packTar } from 'modern-tar/fs'
import { digits } from '../src/data/index.ts'
import { bilevel } from './tinyRuns.ts'

const { values } = parseArgs({
  options: {
    images: { type: 'string', default: '1500' },
    out: { type: 'string', default: 'docs/results/data-walk.md' },
  },
})

/** A grey picture and its class. */
interface Picture {
  readonly name: string
  readonly pixels: Uint8Array
  readonly label: number
}

const SIDE = 28

async function pictures(count: number): Promise<Picture[]> {
  const { train } = (await digits({ size: SIDE })).splits
  const all = train.labels
  if (!all) throw new Error('the digits have labels')
  return Array.from({ length: count }, (_, i) => {
    const from = i * SIDE * SIDE
    const pixels = Uint8Array.from(train.images.subarray(from, from + SIDE * SIDE), (x) => Math.round((x + 1) * 127.5))
    return { name: `image_${String(i).padStart(5, '0')}`, pixels, label: all[i] }
  })
}

const png = ({ pixels }: Picture): Uint8Array => encodePng({ width: SIDE, height: SIDE, channels: 1, data: pixels })

async function put(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, bytes)
}

/** NumPy's .npy of bytes. */
function npy(shape: readonly number[], data: Uint8Array): Uint8Array {
  const text = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(', ')}${shape.length === 1 ? ',' : ''}), }`
  const header = `${text}${' '.repeat((64 - ((11 + text.length) % 64)) % 64)}\n`
  const head = Buffer.from(`\x93NUMPY\x01\x00__${header}`, 'latin1')
  head.writeUInt16LE(header.length, 8)
  return Buffer.concat([head, data])
}

interface Kind {
  readonly name: string
  /** What is written, and the words after `--data`. */
  make(all: readonly Picture[], folder: string): Promise<readonly string[]>
}

const KINDS: readonly Kind[] = [
  {
    name: 'a folder of PNG, one sub-folder a class',
    async make(all, folder) {
      for (const one of all) await put(join(folder, 'pictures', `class_${one.label}`, `${one.name}.png`), png(one))
      return ['pictures', '--size', '16', '--resize', 'fit']
    },
  },
  {
    name: 'a zip of PNG',
    async make(all, folder) {
      const files = all.map((one) => [`photos/${one.label}/${one.name}.png`, png(one)] as const)
      await put(join(folder, 'photos.zip'), zipSync(Object.fromEntries(files)))
      return ['photos.zip', '--size', '16', '--resize', 'crop']
    },
  },
  {
    name: "a tar of WebDataset's pairs",
    async make(all, folder) {
      for (const one of all) {
        await put(join(folder, 'shard', `${one.name}.png`), png(one))
        await put(join(folder, 'shard', `${one.name}.cls`), Buffer.from(String(one.label)))
      }
      await pipeline(packTar(join(folder, 'shard')), createWriteStream(join(folder, 'shard-000000.tar')))
      return ['shard-000000.tar', '--size', '16', '--resize', 'fit']
    },
  },
  {
    name: "NumPy's .npz of images and labels, with a test part",
    async make(all, folder) {
      const part = (list: readonly Picture[]) => ({
        images: npy([list.length, SIDE, SIDE], Buffer.concat(list.map(({ pixels }) => pixels))),
        labels: npy(
          [list.length],
          Uint8Array.from(list, ({ label }) => label),
        ),
      })
      const [train, test] = [all.slice(0, Math.floor(0.8 * all.length)), all.slice(Math.floor(0.8 * all.length))].map(
        part,
      )
      const files = { x_train: train.images, y_train: train.labels, x_test: test.images, y_test: test.labels }
      const named = Object.entries(files).map(([name, bytes]) => [`${name}.npy`, bytes] as const)
      await put(join(folder, 'digits.npz'), zipSync(Object.fromEntries(named)))
      return ['digits.npz', '--size', '16', '--resize', 'fit']
    },
  },
  {
    name: "CIFAR-10's binary batches, in colour",
    async make(all, folder) {
      const [edge, plane] = [(32 - SIDE) / 2, 32 * 32]
      const rows = all.map(({ pixels, label }) => {
        const row = new Uint8Array(1 + 3 * plane)
        row[0] = label
        for (let y = 0; y < SIDE; y++) {
          for (let x = 0; x < SIDE; x++) {
            const value = pixels[y * SIDE + x]
            const at = 1 + (y + edge) * 32 + x + edge
            for (const [channel, share] of [1, 0.5 + 0.05 * label, 1 - 0.1 * label].entries()) {
              row[at + channel * plane] = Math.round(share * value)
            }
          }
        }
        return row
      })
      const half = Math.floor(rows.length / 2)
      await put(join(folder, 'cifar/data_batch_1.bin'), Buffer.concat(rows.slice(0, half)))
      await put(join(folder, 'cifar/data_batch_2.bin'), Buffer.concat(rows.slice(half)))
      return ['cifar', '--size', '16']
    },
  },
]

/** A smaller job than the preset's, so that the walk takes minutes. */
const SHORT =
  '--sampling-steps 6 --train-steps 150 --iterations 3 --tuning-samples 72 --candidate-samples 72 --evaluation-samples 100 --sampling-seeds 11,12'.split(
    ' ',
  )

interface Walked {
  readonly name: string
  readonly words: string
  readonly seconds: number
  readonly data: string
  readonly features: string
  readonly learned: string
  readonly bestDefault: string
  readonly kept: string
}

async function walk({ name, make }: Kind, all: readonly Picture[]): Promise<Walked> {
  const folder = await mkdtemp(join(tmpdir(), 'bilevel-walk-'))
  try {
    const data = await make(all, folder)
    const words = ['schedule', '--preset', 'quick', '--data', ...data, ...SHORT]
    const planned = await bilevel([...words, '--dry-run'], folder)
    const began = Date.now()
    const { stdout } = await bilevel([...words, '--out', 'run', '--json'], folder)
    await bilevel(['sample', 'run', '--count', '16', '--out', 'samples.png'], folder)
    const seconds = (Date.now() - began) / 1000
    const { learned, bestDefault, featureNetwork, decision } = JSON.parse(stdout)
    const told = ({ mean, standardError }: { mean: number; standardError: number }) =>
      `${mean.toPrecision(3)} ± ${standardError.toPrecision(1)}`
    return {
      name,
      words: `bilevel ${words.join(' ')}`,
      seconds,
      data: /^.*data: (.*)$/m.exec(planned.stderr)?.[1] ?? '',
      features: featureNetwork,
      learned: told(learned.fid),
      bestDefault: told(bestDefault.fid),
      kept: decision?.kept === 'start' ? 'best default' : 'learned',
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

const all = await pictures(Number(values.images))
const rows: Walked[] = []
for (const kind of KINDS) {
  const row = await walk(kind, all)
  rows.push(row)
  console.error(`${row.name}: ${row.seconds.toFixed(0)} s, learned ${row.learned}, best default ${row.bestDefault}`)
}
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const cells = (list: readonly (string | number)[]) => `| ${list.join(' | ')} |`
await writeFile(
  values.out,
  `# From one's own data to a learned schedule

${all.length.toLocaleString('en')} digits of 28x28 in five forms that people have, each with the one command beside it: read, a network trained for 150 steps, its schedule of six steps learned and
compared with every default, 16 images drawn. Seconds by the clock, on ${cpus().length} cores (${cpus()[0]?.model}). Seed 0, commit ${commit}, \`npm run proof:walk\`.

${cells(['data', 'seconds', 'said of the data', 'features', 'learned, FID', 'best default, FID', 'kept'])}
${cells(Array.from({ length: 7 }, () => '---'))}
${rows.map(({ name, seconds, data, features, learned, bestDefault, kept }) => cells([name, seconds.toFixed(0), data, features, learned, bestDefault, kept])).join('\n')}

${rows.map(({ words }) => `    ${words}`).join('\n')}
`,
)
process.exit(0)
