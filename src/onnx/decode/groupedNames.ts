/** Lists of nodes in errors: each operator once, with the nodes that it stands at. */

/** Nodes named of each group at most. */
const NAMED = 5

/** `Loop (a, b and 3 more): why` for each group, in the order in which they first come. */
export function groupedNames(
  entries: readonly { readonly group: string; readonly node: string; readonly why?: string | undefined }[],
): string[] {
  const groups = new Map<string, string[]>()
  const keyOf = ({ group, why }: (typeof entries)[number]) => JSON.stringify([group, why])
  for (const entry of entries) groups.set(keyOf(entry), [...(groups.get(keyOf(entry)) ?? []), entry.node])
  return [...groups].map(([key, nodes]) => {
    const [group, why] = JSON.parse(key) as [string, string | null]
    const more = nodes.length > NAMED ? ` and ${nodes.length - NAMED} more` : ''
    return `${group} (${nodes.slice(0, NAMED).join(', ')}${more})${why ? `: ${why}` : ''}`
  })
}
