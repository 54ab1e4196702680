/**
 * Counter-based random streams: Philox4x32-10 (Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
 * SC 2011). A stream is named by (seed, purpose, step, item) and owes nothing to any other, so an image does not depend on
 * the batch, device or worker that makes it.
 */
import { inputError } from './errors.ts'

const MULTIPLIER_0 = 0xd2511f53
const MULTIPLIER_1 = 0xcd9e8d57
const WEYL_0 = 0x9e3779b9
const WEYL_1 = 0xbb67ae85
const ROUNDS = 10

/** High 32 bits of the 64-bit product of two unsigned 32-bit words. */
function multiplyHigh(a: number, b: number): number {
  const aLow = a & 0xffff
  const aHigh = a >>> 16
  const bLow = b & 0xffff
  const bHigh = b >>> 16
  const middle = aHigh * bLow + ((aLow * bLow) >>> 16)
  const cross = aLow * bHigh + (middle & 0xffff)
  return (aHigh * bHigh + Math.floor(middle / 0x10000) + Math.floor(cross / 0x10000)) >>> 0
}

/** One Philox4x32-10 block: four counter words and two key words to four random words, written into `out`. */
export function philox4x32(counter: ArrayLike<number>, key: ArrayLike<number>, out: Uint32Array): void {
  let c0 = counter[0]
  let c1 = counter[1]
  let c2 = counter[2]
  let c3 = counter[3]
  let k0 = key[0]
  let k1 = key[1]
  for (let round = 0; round < ROUNDS; round++) {
    const high0 = multiplyHigh(MULTIPLIER_0, c0)
    const low0 = Math.imul(MULTIPLIER_0, c0) >>> 0
    const high1 = multiplyHigh(MULTIPLIER_1, c2)
    const low1 = Math.imul(MULTIPLIER_1, c2) >>> 0
    c0 = (high1 ^ c1 ^ k0) >>> 0
    c1 = low1
    c2 = (high0 ^ c3 ^ k1) >>> 0
    c3 = low0
    k0 = (k0 + WEYL_0) >>> 0
    k1 = (k1 + WEYL_1) >>> 0
  }
  out[0] = c0
  out[1] = c1
  out[2] = c2
  out[3] = c3
}

/** FNV-1a, 32 bits: the counter word of a purpose. */
function hashWord(text: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(text)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

/** Name of a stream. `step` and `item` default to 0. All three integers are at least 0; `seed` below 2^53, the others below 2^32. */
export interface StreamName {
  readonly seed: number
  readonly purpose: string
  readonly step?: number
  readonly item?: number
}

/** A sequence of random numbers, the same for the same name on any machine. */
export class RandomStream {
  readonly #key: [number, number]
  readonly #counter: [number, number, number, number]
  readonly #block = new Uint32Array(4)
  #used = 4

  constructor({ seed, purpose, step = 0, item = 0 }: StreamName) {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw inputError('random.seed', `a seed is an integer from 0 to 2^53 - 1, got ${seed}`)
    }
    this.#key = [seed % 0x100000000, Math.floor(seed / 0x100000000)]
    this.#counter = [0, item, step, hashWord(purpose)]
  }

  /** The next 32 random bits, as an unsigned integer. */
  word(): number {
    if (this.#used === 4) {
      philox4x32(this.#counter, this.#key, this.#block)
      this.#counter[0] = (this.#counter[0] + 1) >>> 0
      this.#used = 0
    }
    return this.#block[this.#used++]
  }

  /** Uniform in [0, 1), 53 bits. */
  uniform(): number {
    const high = this.word() >>> 5
    const low = this.word() >>> 6
    return (high * 0x4000000 + low) / 0x20000000000000
  }

  /** Uniform integer in [0, bound), without bias. */
  integer(bound: number): number {
    const limit = Math.floor(0x100000000 / bound) * bound
    for (;;) {
      const word = this.word()
      if (word < limit) return word % bound
    }
  }

  /** Fills `out` with standard normal numbers (Box-Muller on pairs) and returns it. */
  normal<T extends Float32Array | Float64Array>(out: T): T {
    for (let i = 0; i < out.length; i += 2) {
      const radius = Math.sqrt(-2 * Math.log((this.word() + 1) / 0x100000000))
      const angle = (2 * Math.PI * this.word()) / 0x100000000
      out[i] = radius * Math.cos(angle)
      if (i + 1 < out.length) out[i + 1] = radius * Math.sin(angle)
    }
    return out
  }

  /** A random permutation of 0..n-1 (Fisher-Yates). */
  permutation(n: number): Int32Array {
    const order = Int32Array.from({ length: n }, (_, i) => i)
    for (let i = n - 1; i > 0; i--) {
      const j = this.integer(i + 1)
      const swapped = order[i]
      order[i] = order[j]
      order[j] = swapped
    }
    return order
  }
}

/** The stream of that name. */
export function randomStream(name: StreamName): RandomStream {
  return new RandomStream(name)
}
