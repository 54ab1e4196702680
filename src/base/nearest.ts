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

/** The known word with the fewest edits, the first of equals; undefined if there are none. */
export function nearestOf(word: string, known: readonly string[]): string | undefined {
  const distances = known.map((candidate) => editDistance(plain(word), plain(candidate)))
  return known[distances.indexOf(Math.min(...distances))]
}
