/**
 * Attention and rotary embeddings as single nodes: those of operator set 23 and later, and those of ONNX Runtime's optimizer. Each is what it is short
 * for: products, a softmax, slices.
 */
import { tensor } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import {
  add,
  and,
  cast,
  concat,
  constant,
  div,
  expand,
  gather,
  less,
  lessOrEqual,
  linear,
  matmul,
  mul,
  pad,
  reshape,
  slice,
  softmax,
  split,
  sub,
  tanh,
  tensorOf,
  transpose,
  where,
} from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { refused, required } from '../importer.ts'

/** Far below any score, and finite: a row of nothing else has no 0 / 0. */
const MASKED = -3e38

/** [b, n, heads d] as [b, heads, n, d]. */
function toHeads(x: SymbolicTensor, heads: number): SymbolicTensor {
  if (x.rank === 4) return x
  const [batch, length, width] = x.shape
  if (x.rank !== 3 || !(heads > 0) || width % heads !== 0) {
    throw refused(
      `queries, keys and values must be [b, n, heads d] with the number of heads, or [b, heads, n, d], got [${x.shape}]`,
    )
  }
  return transpose(reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3])
}

/** [b, heads, n, d] as [b, n, heads d]. */
function fromHeads(x: SymbolicTensor): SymbolicTensor {
  const [batch, heads, length, width] = x.shape
  return reshape(transpose(x, [0, 2, 1, 3]), [batch, length, heads * width])
}

/** Each head `count` times, one beside the other. */
function eachHead(x: SymbolicTensor, count: number): SymbolicTensor {
  if (count === 1) return x
  const [batch, heads, length, width] = x.shape
  const copies = expand(reshape(x, [batch, heads, 1, length, width]), [batch, heads, count, length, width])
  return reshape(copies, [batch, heads * count, length, width])
}

/** What scores are limited by. */
interface Masks {
  /** Bool, true where a key may be seen; broadcasts to the scores. */
  readonly allowed?: SymbolicTensor | null
  /** Added to the scores. */
  readonly bias?: SymbolicTensor | null
}

interface AttentionOptions extends Masks {
  readonly scale: number
  /** c tanh(score / c) in place of the scores; 0: as they are. */
  readonly softcap?: number
}

/** Scores before and after masks, their softmax, and the values weighed by it. Heads of keys and values may be fewer, each for several of queries. */
function attend(q: SymbolicTensor, keys: SymbolicTensor, values: SymbolicTensor, options: AttentionOptions) {
  const { scale, softcap = 0, allowed, bias } = options
  const group = q.shape[1] / keys.shape[1]
  if (!Number.isInteger(group)) throw refused(`${keys.shape[1]} heads of keys must divide the ${q.shape[1]} of queries`)
  const [k, v] = [eachHead(keys, group), eachHead(values, group)]
  const scores = matmul(scale === 1 ? q : mul(q, scale), transpose(k, [0, 1, 3, 2]))
  const capped = softcap > 0 ? mul(tanh(div(scores, softcap)), softcap) : scores
  const biased = bias ? add(capped, bias) : capped
  const weights = softmax(allowed ? where(allowed, biased, MASKED) : biased)
  // A query that may see nothing gets 0.
  const guarded = allowed && !alwaysSees(allowed) ? where(allowed, weights, 0) : weights
  return { y: matmul(guarded, v), scores, capped, biased, weights: guarded }
}

/** Whether each row of a mask is known to have a true one. */
function alwaysSees({ constant: mask, shape }: SymbolicTensor): boolean {
  if (!mask) return false
  const width = shape[shape.length - 1]
  const data = mask.data as ArrayLike<number>
  return Array.from({ length: mask.data.length / width }, (_, row) => row).every((row) =>
    Array.from({ length: width }, (_, i) => data[row * width + i]).some((value) => value !== 0),
  )
}

/** Both masks; the second is there. */
const both = (a: SymbolicTensor | null | undefined, b: SymbolicTensor): SymbolicTensor => (a ? and(a, b) : b)

/** Which keys a query sees: from `before` places before its own to `after` places after it, -1 for any number; its own is i + offset. */
interface Nearness {
  readonly offset: number
  readonly before: number
  readonly after: number
}

function near(queries: number, keys: number, { offset, before, after }: Nearness): SymbolicTensor {
  const data = Uint8Array.from({ length: queries * keys }, (_, i) => {
    const ahead = (i % keys) - Math.floor(i / keys) - offset
    return Number((after < 0 || ahead <= after) && (before < 0 || -ahead <= before))
  })
  return constant(tensor('bool', [queries, keys], data))
}

/** Query i sees key j where j <= i + offset. */
const causal = (queries: number, keys: number, offset: number) => near(queries, keys, { offset, before: -1, after: 0 })

const counting = (shape: readonly number[], length: number) =>
  constant(
    tensorOf(
      'int64',
      shape,
      Array.from({ length }, (_, i) => i),
    ),
  )

/** A mask as bool or as what is added, as wide as there are keys: what it lacks is hidden. */
function asMasks(mask: SymbolicTensor | null | undefined, keys: number): Masks {
  if (!mask) return {}
  const lacking = keys - mask.shape[mask.rank - 1]
  const widths = {
    before: mask.shape.map(() => 0),
    after: mask.shape.map((_, i) => (i === mask.rank - 1 ? lacking : 0)),
  }
  if (mask.dtype !== 'bool') return { bias: lacking > 0 ? pad(mask, widths, MASKED) : mask }
  return { allowed: lacking > 0 ? cast(pad(cast(mask, 'float32'), widths), 'bool') : mask }
}

/** Keys that are real, by their number [b], and of those what a causal query may see: the last query the last of them. */
function upTo(count: SymbolicTensor, queries: number, keys: number, isCausal: boolean): SymbolicTensor {
  const counts = reshape(cast(count, 'int64'), [count.size, 1, 1, 1])
  const places = counting([1, 1, 1, keys], keys)
  const real = less(places, counts)
  if (!isCausal) return real
  return and(real, lessOrEqual(places, add(counting([1, 1, queries, 1], queries), sub(counts, queries))))
}

function attention(call: NodeCall): (SymbolicTensor | undefined)[] {
  const { inputs, attributes, outputs } = call
  const [heads, keyHeads] = [attributes.int('q_num_heads', 0), attributes.int('kv_num_heads', 0)]
  attributes.ignore('softmax_precision')
  const [before, after] = [attributes.int('left_window_size', -1), attributes.int('right_window_size', -1)]
  const given = required(call, 0, 'Q')
  const q = toHeads(given, heads)
  const [k, v] = [toHeads(required(call, 1, 'K'), keyHeads), toHeads(required(call, 2, 'V'), keyHeads)]
  const [, , , mask, pastKey, pastValue, realKeys] = inputs
  const keys = pastKey ? concat([pastKey, k], 2) : k
  const values = pastValue ? concat([pastValue, v], 2) : v
  const [queries, count] = [q.shape[2], keys.shape[2]]
  const isCausal = attributes.int('is_causal', 0) !== 0
  const masks = asMasks(mask, count)
  let { allowed } = masks
  if (realKeys) {
    if (before >= 0 || after >= 0) throw refused('a sliding window over a number of real keys is not offered')
    allowed = both(allowed, upTo(realKeys, queries, count, isCausal))
  } else if (isCausal || before >= 0 || after >= 0) {
    const ahead = isCausal ? 0 : after
    allowed = both(allowed, near(queries, count, { offset: pastKey ? pastKey.shape[2] : 0, before, after: ahead }))
  }
  const { y, ...steps } = attend(q, keys, values, {
    scale: attributes.float('scale', 1 / Math.sqrt(q.shape[3])),
    softcap: attributes.float('softcap', 0),
    allowed,
    bias: masks.bias,
  })
  const mode = attributes.int('qk_matmul_output_mode', 0)
  const scores = [steps.scores, steps.capped, hidden(steps.biased, allowed), steps.weights][mode]
  if (!scores) throw refused(`its qk_matmul_output_mode must be from 0 to 3, got ${mode}`)
  return [given.rank === 3 ? fromHeads(y) : y, keys, values, outputs[3] ? scores : undefined]
}

/** Scores with -Infinity where a key may not be seen. */
const hidden = (scores: SymbolicTensor, allowed: SymbolicTensor | null | undefined) =>
  allowed ? where(allowed, scores, -Infinity) : scores

/** A rotation of pairs of features by angles given as cosines and sines [b, n, d / 2]. */
interface Rotation {
  readonly cosine: SymbolicTensor
  readonly sine: SymbolicTensor
  /** Pairs are neighbours; otherwise the halves of the features. */
  readonly interleaved: boolean
  /** How many features are turned; the others stay. 0: all. */
  readonly turned: number
}

/** Rotary position embedding (Su et al. 2021) of x [b, heads, n, d]. */
function rotated(x: SymbolicTensor, { cosine, sine, interleaved, turned }: Rotation): SymbolicTensor {
  const width = turned || x.shape[3]
  const half = width / 2
  const [cos, sin] = [cosine, sine].map((table) => reshape(table, [table.shape[0], 1, table.shape[1], table.shape[2]]))
  if (cos.shape[3] !== half)
    throw refused(`the tables must have ${half} columns, half of the features that turn, got ${cos.shape[3]}`)
  const part = (start: number) =>
    interleaved
      ? slice(x, { axis: 3, start, end: width, step: 2 })
      : slice(x, { axis: 3, start: start * half, end: (start + 1) * half })
  const [first, second] = [part(0), part(1)]
  const real = sub(mul(first, cos), mul(second, sin))
  const imaginary = add(mul(first, sin), mul(second, cos))
  const shape = x.shape.with(3, half)
  const pairs = [real, imaginary].map((value) => reshape(value, [...shape, 1]))
  const joined = interleaved ? reshape(concat(pairs, 4), x.shape.with(3, width)) : concat([real, imaginary], 3)
  return width === x.shape[3] ? joined : concat([joined, slice(x, { axis: 3, start: width })], 3)
}

/** Rows of the tables for each place; without places the tables are [b, n, d / 2] already. */
function rotary(
  call: NodeCall,
  places: SymbolicTensor | null,
  tables: readonly SymbolicTensor[],
  heads: number,
): SymbolicTensor[] {
  const { attributes } = call
  const given = required(call, 0, 'X')
  const x = toHeads(given, heads)
  const [cosine, sine] = tables.map((table) => (places ? gather(table, cast(places, 'int64')) : table))
  const interleaved = attributes.int('interleaved', 0) !== 0
  const result = rotated(x, { cosine, sine, interleaved, turned: attributes.int('rotary_embedding_dim', 0) })
  return [given.rank === 3 ? fromHeads(result) : result]
}

/** Before ONNX had it: places come first, and may be one number, the first place. */
function earlyRotary(call: NodeCall): SymbolicTensor[] {
  const { attributes } = call
  const [x, given] = [required(call, 0, 'input'), required(call, 1, 'position_ids')]
  const tables = [required(call, 2, 'cos_cache'), required(call, 3, 'sin_cache')]
  if (attributes.int('is_packed_batching', 0) !== 0 || attributes.float('scale', 1) !== 1) {
    throw refused('packed batches and a scale other than 1 are not offered')
  }
  const length = x.shape[x.rank - 2]
  const places = given.rank === 2 ? given : add(reshape(cast(given, 'int64'), [1, 1]), counting([1, length], length))
  const perHead = 2 * tables[0].shape[1]
  const heads = attributes.int('num_heads', 0) || x.shape[x.rank - 1] / perHead
  return rotary(call, places, tables, heads)
}

/** Attention of ONNX Runtime's optimizer between queries, keys and values [b, n, heads d]. */
function multiHead(call: NodeCall): (SymbolicTensor | undefined)[] {
  const { attributes, inputs, outputs } = call
  const heads = attributes.int('num_heads')
  const given = [required(call, 0, 'query'), required(call, 1, 'key'), required(call, 2, 'value')]
  if (given[0].rank !== 3) throw refused(`packed queries, keys and values are not offered, got [${given[0].shape}]`)
  if (inputs.slice(6).some(Boolean) || inputs[4]) throw refused('padding masks and keys of the past are not offered')
  attributes.ignore('mask_filter_value')
  const biases = inputs[3]
    ? split(
        inputs[3],
        given.map((value) => value.shape[value.rank === 3 ? 2 : 1] * (value.rank === 3 ? 1 : value.shape[3])),
        0,
      )
    : []
  const [q, k, v] = given.map((value, i) =>
    toHeads(biases[i] && value.rank === 3 ? add(value, biases[i]) : value, heads),
  )
  const isCausal = attributes.int('unidirectional', 0) !== 0
  const { y, scores } = attend(q, k, v, {
    scale: attributes.float('scale', 0) || 1 / Math.sqrt(q.shape[3]),
    bias: inputs[5] ?? null,
    allowed: isCausal ? causal(q.shape[2], k.shape[2], k.shape[2] - q.shape[2]) : null,
  })
  if (outputs[3]) throw refused('its scores are not offered as an output')
  return [fromHeads(y), k, v, scores]
}

/** The same from one input, by one matrix for queries, keys and values together. */
function selfAttention(call: NodeCall): (SymbolicTensor | undefined)[] {
  const { attributes, inputs } = call
  const x = required(call, 0, 'input')
  const weights = transpose(required(call, 1, 'weights'), [1, 0])
  const heads = attributes.int('num_heads')
  if (inputs.slice(3, 5).some(Boolean) || inputs.slice(6).some(Boolean))
    throw refused('masks by length and keys of the past are not offered')
  attributes.ignore('mask_filter_value')
  if (attributes.int('do_rotary', 0) !== 0 || attributes.int('past_present_share_buffer', 0) !== 0) {
    throw refused('rotation and shared buffers within it are not offered')
  }
  const third = weights.shape[0] / 3
  const sizes = attributes.ints('qkv_hidden_sizes', [third, third, third])
  const all = linear(x, weights, inputs[2] ?? undefined)
  const [q, k, v] = split(all, sizes, 2).map((value) => toHeads(value, heads))
  const isCausal = attributes.int('unidirectional', 0) !== 0
  const { y } = attend(q, k, v, {
    scale: attributes.float('scale', 0) || 1 / Math.sqrt(q.shape[3]),
    bias: inputs[5] ?? null,
    allowed: isCausal ? causal(q.shape[2], k.shape[2], 0) : null,
  })
  if (call.outputs[1]) throw refused('keys and values are not offered as an output')
  return [fromHeads(y)]
}

export const attentionFamily: ImporterTable = {
  Attention: attention,

  RotaryEmbedding(call) {
    const tables = [required(call, 1, 'cos_cache'), required(call, 2, 'sin_cache')]
    return rotary(call, call.inputs[3] ?? null, tables, call.attributes.int('num_heads', 0))
  },

  'com.microsoft:RotaryEmbedding': earlyRotary,
  'com.microsoft:MultiHeadAttention': multiHead,
  'com.microsoft:Attention': selfAttention,
}
