/** A table for a terminal. */

/** Lines of cells in columns of equal width, two spaces apart: the first `left` columns to the left, the others, numbers, to the right. */
export function textTable(lines: readonly (readonly string[])[], left = 1): string[] {
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)))
  return lines.map((line) =>
    line.map((cell, i) => (i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
  )
}
