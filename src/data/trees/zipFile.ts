/** A zip archive, listed from its central directory and read at the places that are asked for. */
import type { Readable } from 'node:stream'
import type { Entry, ZipFile } from 'yauzl'
import yauzl from 'yauzl'
import { inputError, MOST_INFLATION } from '../../base/index.ts'
import { archiveError } from './fileTree.ts'

/** Whether a file begins as zip archives do. */
export const isZip = (head: Uint8Array): boolean =>
  head[0] === 0x50 && head[1] === 0x4b && ((head[2] === 3 && head[3] === 4) || (head[2] === 5 && head[3] === 6))

/** Method of files that are stored as they are. */
const STORED = 0

export class Zip {
  readonly #path: string
  readonly #file: ZipFile

  private constructor(path: string, file: ZipFile) {
    this.#path = path
    this.#file = file
  }

  /** @throws `data.archive` */
  static async open(path: string): Promise<Zip> {
    return new Zip(path, await openedZip(path))
  }

  /** Its files, folders left out. @throws `data.archive` */
  async *entries(): AsyncIterable<Entry> {
    // A listing cannot begin anew: each has the file opened for itself.
    const file = await openedZip(this.#path)
    try {
      for await (const entry of file.eachEntry()) if (!entry.fileName.endsWith('/')) yield entry
    } catch (cause) {
      throw archiveError(this.#path, cause)
    } finally {
      file.close()
    }
  }

  /** The bytes of a file, or the first of them. @throws `data.archive` */
  async bytesOf(entry: Entry, most = entry.uncompressedSize): Promise<Uint8Array> {
    const parts: Buffer[] = []
    let length = 0
    const stream = await this.#streamOf(entry)
    try {
      for await (const part of stream) {
        parts.push(part as Buffer)
        length += (part as Buffer).length
        if (length >= most) break
      }
    } catch (cause) {
      throw archiveError(`${this.#path}: ${entry.fileName}`, cause)
    } finally {
      stream.destroy()
    }
    return Buffer.concat(parts).subarray(0, most)
  }

  /** Where the bytes of a file lie in the archive; null where they are packed. */
  async placeOf(entry: Entry): Promise<number | null> {
    if (entry.compressionMethod !== STORED || entry.isEncrypted()) return null
    return (await this.#file.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart
  }

  async #streamOf(entry: Entry): Promise<Readable> {
    const name = `${this.#path}: ${entry.fileName}`
    if (entry.isEncrypted()) throw inputError('data.archive', `${name} is encrypted; unpack it and give the folder`)
    if (entry.uncompressedSize > MOST_INFLATION * entry.compressedSize + 64) {
      throw inputError(
        'data.archive',
        `${name} says that it holds ${entry.uncompressedSize} bytes in ${entry.compressedSize}; fetch the archive again`,
      )
    }
    return await this.#file.openReadStreamPromise(entry).catch((cause) => {
      throw archiveError(name, cause)
    })
  }

  close(): void {
    this.#file.close()
  }
}

const openedZip = (path: string): Promise<ZipFile> =>
  yauzl.openPromise(path, { autoClose: false }).catch((cause) => {
    throw archiveError(path, cause)
  })
