/**
 * Which images train, which tune, which are held out: decided by content, once. Rows are sorted by (label, content hash)
 * and dealt out in a fixed cycle, so every class has the same shares; copies of an image follow the first one, so none is on both
 * sides. Within a split the order is by hash alone: the first n of it are a random sample of all classes.
 */
import { inputError } from '../base/index.ts'

export type SplitName = 'train' | 'tuning' | 'heldOut'
export type SplitRows = Readonly<Record<SplitName, number[]>>

/** Cycles in which rows are dealt out, and the rule in words. */
export const SPLIT_CYCLES = {
  /** One source for everything: 3 : 1 : 1. */
  whole: {
    cycle: ['train', 'train', 'train', 'tuning', 'heldOut'],
    rule: 'sorted by (label, SHA-256 of the pixels), of every five in turn 3 train, 1 tuning, 1 held-out; copies stay together',
  },
  /** Held-out images come from elsewhere: 5 : 1. */
  withoutHeldOut: {
    cycle: ['train', 'train', 'train', 'train', 'train', 'tuning'],
    rule: 'sorted by (label, SHA-256 of the pixels), of every six in turn 5 train, 1 tuning; held-out: the separate test files, no copy of which trains',
  },
} as const satisfies Record<string, { cycle: readonly SplitName[]; rule: string }>

/** Deals rows out in a cycle. `labels` null: by hash alone. */
export function splitByContent(
  hashes: readonly string[],
  labels: Int32Array | null,
  cycle: readonly SplitName[],
): SplitRows {
  const byHash = (a: number, b: number): number => (hashes[a] < hashes[b] ? -1 : hashes[a] > hashes[b] ? 1 : a - b)
  const order = hashes.map((_, row) => row).sort((a, b) => (labels ? labels[a] - labels[b] : 0) || byHash(a, b))
  const taken = new Map<string, SplitName>()
  const rows: SplitRows = { train: [], tuning: [], heldOut: [] }
  for (const row of order) {
    const name = taken.get(hashes[row]) ?? cycle[taken.size % cycle.length]
    taken.set(hashes[row], name)
    rows[name].push(row)
  }
  for (const list of Object.values(rows)) list.sort(byHash)
  return rows
}

/** Fewest images each split must hold. */
export type SplitNeeds = Readonly<Record<SplitName, number>>

/** A mean and a covariance need two images on either side of a comparison. */
export const DEFAULT_NEEDS: SplitNeeds = { train: 1, tuning: 2, heldOut: 2 }

/** @throws `data.tooFew` naming the split, and how many distinct images would be enough */
export function requireEnough(
  counts: Readonly<Record<SplitName, number>>,
  needs: SplitNeeds,
  cycle: readonly SplitName[],
  source: string,
): void {
  const short = (['train', 'tuning', 'heldOut'] as const).filter((name) => counts[name] < needs[name])
  if (short.length === 0) return
  const shares = short.map((name) => ({ name, share: cycle.filter((other) => other === name).length }))
  const cycles = Math.max(...shares.map(({ name, share }) => (share > 0 ? Math.ceil(needs[name] / share) : 0)))
  const wanted = short.map((name) => `${needs[name]} ${name} (has ${counts[name]})`).join(', ')
  const total = counts.train + counts.tuning + counts.heldOut
  const enough = cycles > 0 ? `: ${cycles * cycle.length} different images to split are always enough` : ''
  throw inputError('data.tooFew', `${source} has too few images, ${total} in all; the split needs ${wanted}${enough}`)
}
