/**
 * Three places where JavaScript's characters are not those of the tokenizers library (Rust, Oniguruma) are written so that both agree:
 * `\s` (there U+0085 is white space and U+FEFF is none, here it is the other way round), the small final sigma (here only), and the pieces of
 * `ByteLevel`, whose expression the JavaScript package has fixed with its own `\s`.
 */
import type { TokenizerJson } from './tokenizerJson.ts'

/** Unicode's White_Space, inside brackets. */
const WHITE_SPACE = '\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000'

/** The expression of `ByteLevel` with `use_regex`. */
const BYTE_LEVEL_PIECES = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** Writes `\s` and `\S` of an expression out. */
export function writtenOut(expression: string): string {
  let inside = false
  return expression.replace(/\\[\s\S]|[[\]]/g, (found) => {
    if (found === '[') inside = true
    if (found === ']') inside = false
    if (found === '\\s') return inside ? WHITE_SPACE : `[${WHITE_SPACE}]`
    if (found === '\\S' && !inside) return `[^${WHITE_SPACE}]`
    return found
  })
}

interface Part {
  readonly type?: unknown
  readonly [key: string]: unknown
}

/** A tokenizer's file for the JavaScript package, so that it gives the ids of the Rust one. */
export function likeRust(json: TokenizerJson): TokenizerJson {
  return {
    ...json,
    ...(json.normalizer && { normalizer: rewritten(json.normalizer) as TokenizerJson['normalizer'] }),
    ...(json.pre_tokenizer && { pre_tokenizer: rewritten(json.pre_tokenizer) as TokenizerJson['pre_tokenizer'] }),
  }
}

function rewritten(part: Part): Part {
  const { type } = part
  if (type === 'Lowercase') {
    return { type: 'Sequence', normalizers: [{ type: 'Replace', pattern: { String: 'Σ' }, content: 'σ' }, part] }
  }
  if (type === 'ByteLevel' && part.use_regex !== false && part.add_prefix_space !== true) {
    const pieces = {
      type: 'Split',
      pattern: { Regex: writtenOut(BYTE_LEVEL_PIECES) },
      behavior: 'Removed',
      invert: true,
    }
    return { type: 'Sequence', pretokenizers: [pieces, { ...part, use_regex: false }] }
  }
  const inner = ['normalizers', 'pretokenizers'].find((key) => Array.isArray(part[key]))
  if (inner) return { ...part, [inner]: (part[inner] as Part[]).map(rewritten) }
  const expression = (part.pattern as { readonly Regex?: unknown } | undefined)?.Regex
  return typeof expression === 'string' ? { ...part, pattern: { Regex: writtenOut(expression) } } : part
}
