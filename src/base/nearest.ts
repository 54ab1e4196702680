/** The known word nearest to an unknown one, for errors that help. */

/** Edits (insert, delete, replace, swap neighbours) that lead from one word to the other. */
export function editDistance(a: string, b: string): number {
  let before: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      next[j] = Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        next[j] = Math.min(next[j], before[j - 2] + 1)
    }
    before = row
    row = next
  }
  return row[b.length]
}

/** Case, dashes and underscores aside: `sampling-steps` is `samplingSteps`. */
const plain = (word: string): string => word.replace(/[-_]/g, '').toLowerCase()

/** A suggestion keeps two letters of three: what is further away is another word, not a slip of the fingers. */
const MOST_EDITED = 1 / 3

/** The known word with the fewest edits, the first of equals; undefined if none is near enough to be what was meant. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const meant = plain(word)
  const candidates = known.map((name) => {
    const there = plain(name)
    const longer = Math.max(meant.length, there.length)
    return { name, edits: editDistance(meant, there), most: Math.max(1, Math.floor(MOST_EDITED * longer)) }
  })
  const [nearest] = candidates.filter(({ edits, most }) => edits <= most).toSorted((a, b) => a.edits - b.edits)
  return nearest?.name
}

/** `; did you mean 'sampler'?` for an error's end; empty where nothing is near. */
export function didYouMean(word: string, known: readonly string[]): string {
  const nearest = nearestOf(word, known)
  return nearest === undefined ? '' : `; did you mean '${nearest}'?`
}
