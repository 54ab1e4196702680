/**
 * Which images train, which tune, which are held out: decided by content, once. Rows are sorted by (label, content hash)
 * and dealt out in a fixed cycle, so every class has the same shares; copies of an image follow the first one, so none is on both
 * sides. Within a split the order is by hash alone: the first n of it are a random sample of all classes.
 */
import { inputError } from '../base/index.ts'
import type { NamedSplit } from './format.ts'

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
  /** The data name all three. */
  named: {
    cycle: ['train'],
    rule: 'as the data name them: train trains, validation tunes, test is held out; no copy of a test image tunes or trains, none of a validation image trains',
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

/** Rows of each split, and how they came there. */
export interface DealtSplits {
  readonly rows: SplitRows
  readonly cycle: readonly SplitName[]
  readonly rule: string
}

/**
 * Splits by content, within what the data themselves call train, validation and test (null: none of these). Test images, or validation images where
 * there is no test, are held out; where there are both, validation images tune.
 */
export function namedSplits(
  hashes: readonly string[],
  labels: Int32Array | null,
  splits: readonly (NamedSplit | null)[],
): DealtSplits {
  const rowsOf = (name: NamedSplit) => splits.flatMap((split, row) => ((split ?? 'train') === name ? [row] : []))
  const [train, validation, test] = [rowsOf('train'), rowsOf('validation'), rowsOf('test')]
  const apart = test.length > 0 ? test : validation
  if (train.length === 0 || apart.length === 0) {
    const { cycle, rule } = SPLIT_CYCLES.whole
    return { rows: splitByContent(hashes, labels, cycle), cycle, rule }
  }
  const { heldOut } = dealtAmong(apart, hashes, null, ['heldOut'])
  const unheld = without(hashes, heldOut)
  const tuning = test.length > 0 ? dealtAmong(validation, hashes, null, ['tuning']).tuning.filter(unheld) : []
  // Some sets hold the same images as validation and as test: those that tune come from training then.
  if (tuning.length < DEFAULT_NEEDS.tuning) {
    const { cycle, rule } = SPLIT_CYCLES.withoutHeldOut
    const dealt = dealtAmong(train, hashes, labels, cycle)
    const rows = { train: dealt.train.filter(unheld), tuning: dealt.tuning.filter(unheld), heldOut }
    return { rows, cycle, rule: test.length > 0 ? rule : rule.replace('separate test files', 'validation images') }
  }
  const untuned = without(hashes, tuning)
  const rest = dealtAmong(train, hashes, null, ['train']).train.filter((row) => unheld(row) && untuned(row))
  return { rows: { train: rest, tuning, heldOut }, ...SPLIT_CYCLES.named }
}

/** Whether a row is of another image than some. */
function without(hashes: readonly string[], rows: readonly number[]): (row: number) => boolean {
  const taken = new Set(rows.map((row) => hashes[row]))
  return (row) => !taken.has(hashes[row])
}

/** `splitByContent` of some rows. */
function dealtAmong(
  rows: readonly number[],
  hashes: readonly string[],
  labels: Int32Array | null,
  cycle: readonly SplitName[],
): SplitRows {
  const dealt = splitByContent(
    rows.map((row) => hashes[row]),
    labels && Int32Array.from(rows, (row) => labels[row]),
    cycle,
  )
  const back = (some: readonly number[]) => some.map((at) => rows[at])
  return { train: back(dealt.train), tuning: back(dealt.tuning), heldOut: back(dealt.heldOut) }
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
