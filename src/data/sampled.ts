/** A random part of what is there, the same on every machine and in every order of listing, in memory for that part alone. */
import { RandomStream, sha256 } from '../base/index.ts'

/** Rows 0 to total - 1, all or `most` of them, ascending. */
export function sampledRows(total: number, most: number | null): readonly number[] {
  if (most === null || most >= total) return Array.from({ length: total }, (_, row) => row)
  const random = new RandomStream({ seed: 0, purpose: 'data.sample' })
  const chosen = new Set<number>()
  // Floyd's: each part of that many rows is as likely.
  for (let last = total - most; last < total; last++) {
    const row = random.integer(last + 1)
    chosen.add(chosen.has(row) ? last : row)
  }
  return [...chosen].sort((a, b) => a - b)
}

interface Keyed<T> {
  readonly key: string
  readonly item: T
}

/** Keeps the items whose names have the lowest hashes. */
export class SampledNames<T> {
  readonly #most: number | null
  #kept: Keyed<T>[] = []

  constructor(most: number | null) {
    this.#most = most
  }

  add(name: string, item: T): void {
    const key = this.#most === null ? name : sha256(name)
    this.#kept.push({ key, item })
    if (this.#most !== null && this.#kept.length >= 2 * this.#most + ROOM) this.#prune(this.#most)
  }

  items(): T[] {
    if (this.#most !== null) this.#prune(this.#most)
    return this.#kept.map(({ item }) => item)
  }

  #prune(most: number): void {
    if (this.#kept.length <= most) return
    this.#kept = this.#kept.sort((a, b) => (a.key < b.key ? -1 : 1)).slice(0, most)
  }
}

const ROOM = 1024
