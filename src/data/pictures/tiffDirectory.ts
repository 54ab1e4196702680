/**
 * The first directory of a TIFF file, or of a block of EXIF, which is a TIFF file without pixels: which tags there are and where their values lie
 * (TIFF 6.0). Only what lies within the file counts.
 */

export interface TiffEntry {
  readonly tag: number
  /** Where the entry begins: tag, type, count, value. */
  readonly at: number
  /** 2 and 4: whole numbers of as many bytes; 0: others. */
  readonly type: number
  readonly count: number
  /** Where the values begin. */
  readonly valuesAt: number
}

export interface TiffDirectory {
  readonly entries: readonly TiffEntry[]
  /** The whole numbers of a tag; null where it is absent or no list of them. */
  numbers(tag: number): readonly number[] | null
}

const ENTRY_BYTES = 12
/** Bytes of a value by type, from type 1 on. */
const TYPE_BYTES = [1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8]
const [SHORT, LONG] = [3, 4]

/** Whether a file begins as TIFF does. */
export function isTiff(bytes: Uint8Array): boolean {
  const start = String.fromCharCode(...bytes.subarray(0, 4))
  return start === 'II*\0' || start === 'MM\0*'
}

/** @throws an error without a code where an entry lies outside of the file */
export function tiffDirectory(bytes: Uint8Array): TiffDirectory {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const little = bytes[0] === 0x49
  const cut = () => new Error('it is damaged or cut short: its directory lies outside of it')
  if (bytes.length < 8) throw cut()
  const directory = view.getUint32(4, little)
  if (directory + 2 > bytes.length) throw cut()
  const count = view.getUint16(directory, little)
  if (directory + 2 + count * ENTRY_BYTES > bytes.length) throw cut()
  const entries = Array.from({ length: count }, (_, i): TiffEntry => {
    const at = directory + 2 + i * ENTRY_BYTES
    const [tag, type, values] = [
      view.getUint16(at, little),
      view.getUint16(at + 2, little),
      view.getUint32(at + 4, little),
    ]
    const length = values * (TYPE_BYTES[type - 1] ?? 0)
    const valuesAt = length <= 4 ? at + 8 : view.getUint32(at + 8, little)
    if (valuesAt + length > bytes.length) throw cut()
    return { tag, at, type, count: values, valuesAt }
  })
  const numbers = (tag: number) => {
    const entry = entries.find((one) => one.tag === tag)
    if (!entry || (entry.type !== SHORT && entry.type !== LONG)) return null
    const { type, count: length, valuesAt } = entry
    return Array.from({ length }, (_, i) =>
      type === SHORT ? view.getUint16(valuesAt + 2 * i, little) : view.getUint32(valuesAt + 4 * i, little),
    )
  }
  return { entries, numbers }
}
