/**
 * Memory and seconds of reading a part of very many images: a folder of links to pictures, and a tar archive of them with a label file each. Each is read
 * in a process of its own, whose peak of resident memory is taken, at a tenth of the images and at all of them. Slow, so a command of its own:
 *
 *     npm run proof:images [-- --images 1000000]
 *
 * Writes docs/results/many-images.json. Exit code 1 if the peak at all images is more than `ALLOWED_GROWTH` bytes an image above that at a tenth.
 */
import { execFileSync } from 'node:child_process'
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { encode as encodePng } from 'fast-png'
import { createTarPacker } from 'modern-tar'
import '../src/runtime/node/index.ts'
import { RandomStream } from '../src/base/index.ts'
import { loadData } from '../src/data/index.ts'

const RESULT = 'docs/results/many-images.json'
/** Images that are read of them. */
const WANTED = 5000
const CLASSES = 10
/** Different pictures; the rest are links to them, or copies. */
const PICTURES = 10_000
const SIDE = 8
/** Bytes that an image which is not read may cost. */
const ALLOWED_GROWTH = 64

const { values } = parseArgs({ options: { images: { type: 'string', default: '1000000' }, read: { type: 'string' } } })

if (values.read !== undefined) {
  const began = performance.now()
  const { splits, classes } = await loadData(values.read, { most: WANTED })
  const seconds = Math.round((performance.now() - began) / 100) / 10
  const peakMiB = Math.round(peakKiB() / 1024)
  const images = Object.values(splits).reduce((sum, { count }) => sum + count, 0)
  process.stdout.write(JSON.stringify({ read: images, classes: classes.length, seconds, peakMiB }))
} else {
  await measureAll(Number(values.images))
}

/** Of this program alone: `resourceUsage` begins with that of the process it was started by. */
function peakKiB(): number {
  return Number(/VmHWM:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
}

interface Row {
  readonly kind: string
  readonly images: number
  readonly read: number
  readonly seconds: number
  readonly peakMiB: number
}

async function measureAll(images: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'many-images-'))
  try {
    const pictures = makePictures()
    const rows: Row[] = []
    for (const count of [images / 10, images]) {
      const [links, tar] = [join(folder, `links-${count}`), join(folder, `${count}.tar`)]
      makeLinks(links, join(folder, 'pictures'), pictures, count)
      await makeTar(tar, pictures, count)
      for (const [kind, path] of [
        ['folder of links', links],
        ['tar with label files', tar],
      ] as const) {
        const read = execFileSync(process.execPath, [process.argv[1], '--read', path], { encoding: 'utf8' })
        const row: Row = { kind, images: count, ...JSON.parse(read) }
        process.stderr.write(`${JSON.stringify(row)}\n`)
        rows.push(row)
        rmSync(path, { recursive: true })
      }
    }
    const growth = [0, 1].map((i) => ((rows[i + 2].peakMiB - rows[i].peakMiB) * 2 ** 20) / (0.9 * images))
    const report = {
      command: `npm run proof:images -- --images ${images}`,
      commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
      machine: { cpu: cpus()[0]?.model, cores: cpus().length, node: process.version },
      rows,
      bytesAnImage: { folder: Math.round(growth[0]), tar: Math.round(growth[1]) },
    }
    writeFileSync(RESULT, `${JSON.stringify(report, null, 2)}\n`)
    if (growth.some((bytes) => bytes > ALLOWED_GROWTH)) process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function makePictures(): Uint8Array[] {
  const random = new RandomStream({ seed: 1, purpose: 'proof.images' })
  return Array.from({ length: PICTURES }, () => {
    const data = Uint8Array.from({ length: SIDE * SIDE }, () => random.integer(256))
    return encodePng({ width: SIDE, height: SIDE, channels: 1, data })
  })
}

function makeLinks(folder: string, store: string, pictures: readonly Uint8Array[], count: number): void {
  mkdirSync(store, { recursive: true })
  for (const [i, bytes] of pictures.entries()) writeFileSync(join(store, `${i}.png`), bytes)
  for (let label = 0; label < CLASSES; label++) mkdirSync(join(folder, `class${label}`), { recursive: true })
  for (let i = 0; i < count; i++) {
    symlinkSync(join(store, `${i % PICTURES}.png`), join(folder, `class${i % CLASSES}`, `${i}.png`))
  }
}

async function makeTar(path: string, pictures: readonly Uint8Array[], count: number): Promise<void> {
  const { readable, controller } = createTarPacker()
  const written = pipeline(
    Readable.fromWeb(readable as import('node:stream/web').ReadableStream),
    createWriteStream(path),
  )
  const add = async (name: string, bytes: Uint8Array) => {
    const writer = controller.add({ name, size: bytes.length }).getWriter()
    await writer.write(bytes)
    await writer.close()
  }
  for (let i = 0; i < count; i++) {
    await add(`${i}.png`, pictures[i % PICTURES])
    await add(`${i}.cls`, Buffer.from(`${i % CLASSES}`))
  }
  controller.finalize()
  await written
}
