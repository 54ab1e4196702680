/** The files of tar archives, plain or gzipped, read from end to end each time: one archive, or the shards of a set (WebDataset). */
import { createReadStream } from 'node:fs'
import { basename } from 'node:path'
import { pipeline, Readable } from 'node:stream'
import { constants, createGunzip, gunzipSync } from 'node:zlib'
import type { ParsedTarEntry } from 'modern-tar'
import { createTarDecoder } from 'modern-tar'
import { splitOfShard } from '../format.ts'
import type { FileTree } from './fileTree.ts'
import { archiveError, hasHidden, requireFileBytes } from './fileTree.ts'

const isGzip = (head: Uint8Array): boolean => head[0] === 0x1f && head[1] === 0x8b

/** Where a header says what it is. */
const [MAGIC_AT, MAGIC] = [257, 'ustar']

/** Whether a file begins as tar archives do, gzipped or not. */
export function isTar(head: Uint8Array): boolean {
  const plain = isGzip(head) ? inflatedHead(head) : head
  return String.fromCharCode(...plain.subarray(MAGIC_AT, MAGIC_AT + MAGIC.length)) === MAGIC
}

/** What the first bytes of a gzipped file begin with. */
export function inflatedHead(head: Uint8Array): Uint8Array {
  if (!isGzip(head)) return head
  try {
    return gunzipSync(head, { finishFlush: constants.Z_SYNC_FLUSH })
  } catch {
    return new Uint8Array(0)
  }
}

export const TAR_NAME = /\.(tar|tar\.gz|tgz)$/i

/** Between an archive and a file in it, in ids. */
const SEPARATOR = '\0'
/** Bytes that are read at once. */
const READ_BYTES = 2 ** 20

/** @param source what the archives are called together */
export function tarTree(source: string, archives: readonly string[]): FileTree {
  const whole = archives.map((archive, i) => ({
    archive,
    prefix: `${i}${SEPARATOR}`,
    split: splitOfShard(basename(archive)),
  }))
  return {
    source,
    packed: true,
    async *files() {
      for (const { archive, prefix, split } of whole) {
        for await (const { header, body } of entriesOf(archive)) {
          const path = pathOf(header)
          if (isFile(header) && !hasHidden(path)) {
            yield { id: prefix + path, path, split, passing: () => bytesOf(header, body, archive) }
          }
          if (!body.locked) await passOver(body, archive)
        }
      }
    },
    async *read(ids) {
      const wanted = new Set(Array.from(ids, (id) => id.slice(0, id.indexOf(SEPARATOR) + 1)))
      for (const { archive, prefix } of whole) {
        if (!wanted.has(prefix)) continue
        for await (const { header, body } of entriesOf(archive)) {
          const id = prefix + pathOf(header)
          if (isFile(header) && ids.has(id)) yield { id, bytes: () => bytesOf(header, body, archive) }
          if (!body.locked) await passOver(body, archive)
        }
      }
    },
    nameOf(id) {
      const [at, path] = id.split(SEPARATOR)
      return `${archives[Number(at)]}: ${path}`
    },
    close: async () => undefined,
  }
}

type Header = ParsedTarEntry['header']

const isFile = ({ type }: Header): boolean => type === undefined || type === 'file'
const pathOf = ({ name }: Header): string => name.replace(/^(\.\/)+/, '')

async function* entriesOf(archive: string): AsyncIterable<ParsedTarEntry> {
  const file = createReadStream(archive, { highWaterMark: READ_BYTES })
  const [first] = await beginningOf(archive)
  const plain = isGzip(first) ? pipeline(file, createGunzip(), () => undefined) : file
  try {
    const entries = Readable.toWeb(plain as Readable).pipeThrough(createTarDecoder({ strict: true }))
    for await (const entry of entries as unknown as AsyncIterable<ParsedTarEntry>) yield entry
  } catch (cause) {
    if (cause instanceof Error && 'kind' in cause) throw cause
    throw archiveError(archive, cause)
  } finally {
    file.destroy()
  }
}

async function beginningOf(archive: string): Promise<Uint8Array[]> {
  for await (const part of createReadStream(archive, { end: 1 })) return [part as Buffer]
  return [new Uint8Array(0)]
}

/** The next header is read then, and may be damaged. */
async function passOver(body: ReadableStream<Uint8Array>, archive: string): Promise<void> {
  try {
    await body.cancel()
  } catch (cause) {
    throw archiveError(archive, cause)
  }
}

async function bytesOf(header: Header, body: ReadableStream<Uint8Array>, archive: string): Promise<Uint8Array> {
  requireFileBytes(header.size, `${archive}: ${pathOf(header)}`)
  const parts: Uint8Array[] = []
  try {
    for await (const part of body as unknown as AsyncIterable<Uint8Array>) parts.push(part)
  } catch (cause) {
    throw archiveError(archive, cause)
  }
  return Buffer.concat(parts)
}
