/** What the files beside this one give, computed here in float64 from their pictures: E[eps | x, t] of all pictures, or of those of a class. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

interface Known {
  /** Eight of 64 pixels. */
  readonly pictures: readonly (readonly number[])[]
  readonly classes: readonly number[]
  readonly alphaBar: readonly number[]
}

export const foundDenoiser = (name: string): string => join(import.meta.dirname, name)

const known = JSON.parse(readFileSync(foundDenoiser('pictures.json'), 'utf8')) as Known

/** The class that stands for none. */
export const NULL_CLASS = 4

/** The noise at images of 64 pixels, all told one time; a class each, NULL_CLASS for none. */
export function exactNoise(x: ArrayLike<number>, time: number, classes: (item: number) => number = () => NULL_CLASS) {
  const size = 64
  const [signal, noise] = [Math.sqrt(known.alphaBar[time]), Math.sqrt(1 - known.alphaBar[time])]
  const out = new Float64Array(x.length)
  for (let item = 0; item < x.length / size; item++) {
    const at = (pixel: number) => x[item * size + pixel]
    const wanted = classes(item)
    const pictures = known.pictures.filter((_, i) => wanted === NULL_CLASS || known.classes[i] === wanted)
    const logWeights = pictures.map(
      (picture) =>
        -picture.reduce((sum, value, pixel) => sum + (at(pixel) - signal * value) ** 2, 0) / (2 * noise ** 2),
    )
    const most = Math.max(...logWeights)
    const weights = logWeights.map((value) => Math.exp(value - most))
    const total = weights.reduce((sum, weight) => sum + weight, 0)
    for (let pixel = 0; pixel < size; pixel++) {
      const x0 = pictures.reduce((sum, picture, i) => sum + (weights[i] / total) * picture[pixel], 0)
      out[item * size + pixel] = (at(pixel) - signal * x0) / noise
    }
  }
  return out
}
