/**
 * Files that stand in for the one that was meant, as downloads leave them: a Git LFS pointer (git-lfs/spec, `version`, `oid`, `size`), and a
 * web page saved under the file's name.
 */
import type { BilevelError } from './errors.ts'
import { inputError } from './errors.ts'

/** Bytes of a file's beginning that tell. */
export const STAND_IN_BYTES = 1024

const POINTER = /^version https:\/\/git-lfs\.github\.com\/spec\/v1\s/
const PAGE = /^\s*(<!doctype\s+html|<html|<head|<\?xml[^>]*>\s*<!doctype\s+html)/i

/**
 * What is wrong with a file that only stands in for another; null: nothing of that kind.
 * @param start  its first bytes, {@link STAND_IN_BYTES} of them or all there are
 * @param source what to call it in the error
 * @returns an error `file.lfsPointer` with the size of what is missing, or `file.webPage`
 */
export function standInError(start: Uint8Array, source: string): BilevelError | null {
  // The byte order mark is not seen; broken UTF-8 is no matter here.
  const text = new TextDecoder('utf-8').decode(start.subarray(0, STAND_IN_BYTES))
  if (POINTER.test(text)) {
    const size = /^size (\d+)\s*$/m.exec(text)?.[1]
    const missing = size === undefined ? 'the file itself' : `the file itself, ${sizeText(Number(size))},`
    return inputError(
      'file.lfsPointer',
      `${source} is a Git LFS pointer, a text of ${text.length} bytes in place of the file: ${missing} was not fetched; ` +
        "run 'git lfs install' and 'git lfs pull' where it was cloned, or download the file itself",
    )
  }
  if (!PAGE.test(text)) return null
  const title = /<title[^>]*>\s*([^<]{1,80})/i.exec(text)?.[1].trim()
  const named = title ? ` titled '${title}'` : ''
  return inputError(
    'file.webPage',
    `${source} is a web page${named}, saved in place of the file; download the file itself (its 'raw' or 'resolve' address), signed in if need be`,
  )
}

/** `454741132 bytes (434 MiB)`. */
function sizeText(bytes: number): string {
  const [unit, name] = bytes >= 2 ** 20 ? [2 ** 20, 'MiB'] : [2 ** 10, 'KiB']
  return bytes < 2 ** 10 ? `${bytes} bytes` : `${bytes} bytes (${Math.round(bytes / unit)} ${name})`
}
