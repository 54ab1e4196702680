import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { decodeImage } from './imageFile.ts'
import type { ResizeWay } from './resample.ts'
import { resampled } from './resample.ts'

interface Kind {
  readonly file: string
  readonly shape: readonly number[]
  readonly values: string
}

/** What Pillow reads, upright and over white, and what it makes of a picture at other sizes. */
const { kinds, unread, resized } = JSON.parse(readFileSync('src/data/fixtures/pictureKinds.json', 'utf8')) as {
  readonly kinds: Readonly<Record<string, Kind>>
  readonly unread: Readonly<Record<string, string>>
  readonly resized: {
    readonly image: Pick<Kind, 'shape' | 'values'>
    readonly results: readonly { readonly size: number; readonly way: ResizeWay; readonly values: string }[]
  }
}

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64')
const floatsOf = (base64: string): Float32Array => new Float32Array(Uint8Array.from(bytesOf(base64)).buffer)

/** Interleaved values as planes. */
function planes(values: ArrayLike<number>, channels: number): number[] {
  const size = values.length / channels
  return Array.from(values, (_, i) => values[(i % size) * channels + Math.floor(i / size)])
}

/** Levels that decoders of one kind may differ by: jpeg-js rounds its colours elsewhere than libjpeg. */
const allowed = (name: string): number => (name === 'JPEG, CMYK' ? 2 : 1e-3)

describe('decodeImage', () => {
  it.each(Object.keys(kinds))('reads what Pillow reads, upright and over white: %s', async (name) => {
    const { file, shape, values } = kinds[name]
    const [height, width, channels = 1] = shape
    const picture = await decodeImage(bytesOf(file), name)
    expect([picture.height, picture.width]).toEqual([height, width])
    const wanted = planes(floatsOf(values), channels)
    const came =
      picture.channels === channels
        ? picture.pixels
        : [picture.pixels, picture.pixels, picture.pixels].flatMap((plane) => [...plane])
    expect(came.length).toBe(wanted.length)
    for (const [i, value] of wanted.entries()) expect(Math.abs(came[i] - value)).toBeLessThanOrEqual(allowed(name))
    expect(picture.turned ?? false).toBe(/turned|orientation [2-8]/.test(name))
    expect(picture.transparent).toBe(/alpha/.test(name))
  })

  it.each(Object.keys(unread))('refuses by name, with the way: %s', async (name) => {
    await expect(decodeImage(bytesOf(unread[name]), 'x.png')).rejects.toThrow(
      new RegExp(`^x\\.png is not a readable image \\(.*${name}.*(save it as PNG|are read|take its frames apart)`),
    )
  })

  // JPEGs: imageFile.test.ts.
  it.each(Object.keys(kinds).filter((name) => !name.startsWith('JPEG')))(
    'names a file of each kind that is cut short, and never fails otherwise: %s',
    async (name) => {
      const file = bytesOf(kinds[name].file)
      for (let length = 1; length < file.length; length += Math.max(7, Math.floor(file.length / 40))) {
        await decodeImage(file.subarray(0, length), 'cut').catch((error: Error) => {
          expect(error.message).toMatch(/^cut is not a readable image \(/)
        })
      }
    },
  )
})

describe('resampled', () => {
  const [height, width, channels] = resized.image.shape
  const pixels = Uint8Array.from(planes(bytesOf(resized.image.values), channels))

  it.each(resized.results)(
    'gives the bytes of Pillow, and without rounding their numbers: $way to $size',
    ({ size, way, values }) => {
      const wanted = planes(bytesOf(values), channels)
      expect([...resampled({ height, width, pixels }, size, way)]).toEqual(wanted)
      const floats = resampled({ height, width, pixels: Float32Array.from(pixels) }, size, way)
      const differences = wanted.map((value, i) => Math.abs(value - floats[i]))
      expect(Math.max(...differences)).toBeLessThan(1.5)
      expect(floats.some((value) => !Number.isInteger(value))).toBe(true)
    },
  )

  it('leaves a picture that has the size as it is', () => {
    const square = pixels.subarray(0, 3 * 16 * 16)
    expect(resampled({ height: 16, width: 16, pixels: square }, 16, 'fit')).toBe(square)
  })
})
