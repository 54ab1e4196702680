/** Keys that stand twice in one object of a JSON text: `JSON.parse` keeps the last one without a word, other readers the first. */

/** Texts, brackets and colons: all that keys need. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\]:]/gs

/** The first key that its object has already, or null. @param json a text that parses */
export function repeatedKey(json: string): string | null {
  const open: (Set<string> | null)[] = []
  let text: string | null = null
  for (const [token] of json.matchAll(TOKEN)) {
    if (token === ':' && text !== null) {
      const key = JSON.parse(text) as string
      const seen = open.at(-1)
      if (seen?.has(key)) return key
      seen?.add(key)
    } else if (token === '{') open.push(new Set())
    else if (token === '[') open.push(null)
    else if (token === '}' || token === ']') open.pop()
    text = token.startsWith('"') ? token : null
  }
  return null
}
