/** Damage to files, seeded: to bytes wherever they are, and to JSON where it hurts, in its values. */
import type { RandomStream } from '../../src/base/index.ts'

const ENDS = [0, 1, 0x7f, 0x80, 0xfe, 0xff] as const
/** Counts and lengths that files should not claim, little-endian words. */
const WORDS = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x10000, 0xfffffff0] as const

const pick = <T>(random: RandomStream, from: readonly T[]): T => from[random.integer(from.length)]

/** One to four changes of bytes; `others` lends pieces. */
export function mutateBytes(bytes: Uint8Array, others: readonly Uint8Array[], random: RandomStream): Uint8Array {
  let out = bytes
  for (let n = 1 + random.integer(4); n > 0; n--) out = pick(random, BYTE_CHANGES)(out, others, random)
  return out
}

type ByteChange = (bytes: Uint8Array, others: readonly Uint8Array[], random: RandomStream) => Uint8Array

/** Headers decide more than bodies: half of all places are among the first hundred bytes. */
function placeIn({ length }: Uint8Array, random: RandomStream): number {
  if (length === 0) return 0
  return random.integer(random.integer(2) === 0 ? Math.min(length, 100) : length)
}

function changed(bytes: Uint8Array, change: (copy: Uint8Array) => void): Uint8Array {
  const copy = bytes.slice()
  if (copy.length > 0) change(copy)
  return copy
}

const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))

const BYTE_CHANGES: readonly ByteChange[] = [
  (bytes, _, random) =>
    changed(bytes, (copy) => {
      copy[placeIn(copy, random)] ^= 1 << random.integer(8)
    }),
  (bytes, _, random) =>
    changed(bytes, (copy) => {
      copy[placeIn(copy, random)] = pick(random, ENDS)
    }),
  (bytes, _, random) =>
    changed(bytes, (copy) => {
      copy[placeIn(copy, random)] = random.integer(256)
    }),
  (bytes, _, random) =>
    changed(bytes, (copy) => {
      const view = new DataView(copy.buffer)
      const at = placeIn(copy, random)
      if (at + 4 <= copy.length) view.setUint32(at, pick(random, WORDS), random.integer(2) === 0)
    }),
  (bytes, _, random) => bytes.slice(0, placeIn(bytes, random)),
  (bytes, _, random) => {
    const at = placeIn(bytes, random)
    return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + random.integer(16)))
  },
  (bytes, _, random) => {
    const at = placeIn(bytes, random)
    const piece = bytes.subarray(at, at + 1 + random.integer(64))
    return joined(bytes.subarray(0, at), piece, bytes.subarray(at))
  },
  (bytes, others, random) => {
    const other = pick(random, others)
    const from = placeIn(other, random)
    const at = placeIn(bytes, random)
    return joined(bytes.subarray(0, at), other.subarray(from, from + 1 + random.integer(64)), bytes.subarray(at))
  },
]

/** Stands for text that JSON.stringify would not write. */
const RAW = '\u0000raw:'
const raw = (text: string): string => `${RAW}${text}\u0000`

const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1,
  0.5,
  -0.5,
  1e-9,
  1e9,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  'x',
  '__proto__',
  'constructor',
  [],
  [[]],
  [0],
  ['x', null],
  {},
  { x: 1 },
  raw('1e999'),
  raw('-1e999'),
  raw('NaN'),
  raw('Infinity'),
  raw('-Infinity'),
  raw('1e-400'),
  raw('-0'),
  raw('123456789012345678901234567890'),
  raw('"\\ud800"'),
  raw('['.repeat(3000)),
  raw(`${'['.repeat(3000)}${']'.repeat(3000)}`),
]

/** JSON text of a value with one to three of its parts replaced, taken out, doubled or put elsewhere. */
export function mutateJson(value: unknown, random: RandomStream): string {
  const root = { value: structuredClone(value) }
  for (let n = 1 + random.integer(3); n > 0; n--) change(root, random)
  const text = JSON.stringify(root.value) ?? 'null'
  return text.replaceAll(/"\\u0000raw:(.*?)\\u0000"/g, (_, quoted: string) => JSON.parse(`"${quoted}"`) as string)
}

type Node = Record<string, unknown> | unknown[]

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null

/** Every place of a value: what it lies in, and its key there. Of long lists the first few. */
function places(node: Node, found: [Node, string][] = []): [Node, string][] {
  for (const [key, value] of Object.entries(node).slice(0, 40)) {
    found.push([node, key])
    if (isNode(value)) places(value, found)
  }
  return found
}

function change(root: { value: unknown }, random: RandomStream): void {
  const all = places(root)
  // The whole may have been taken out before.
  if (all.length === 0) return
  const [node, key] = pick(random, all)
  const record = node as Record<string, unknown>
  switch (random.integer(6)) {
    case 0:
      if (Array.isArray(node)) node.splice(Number(key), 1)
      else delete record[key]
      return
    case 1: {
      const [from, name] = pick(random, all)
      record[key] = structuredClone((from as Record<string, unknown>)[name])
      return
    }
    case 2: {
      const value = record[key]
      if (typeof value === 'number') record[key] = value * pick(random, [-1, 0, 1e3, 1e-3, 1e20])
      else if (typeof value === 'string') record[key] = value.slice(0, random.integer(value.length + 1))
      else if (Array.isArray(value)) record[key] = [...value, ...value].slice(0, random.integer(2 * value.length + 2))
      return
    }
    case 3:
      if (!Array.isArray(node)) record[pick(random, ['x', '__proto__', 'length', `${key}_`])] = pick(random, VALUES)
      return
    default:
      record[key] = pick(random, VALUES)
  }
}
