/** Looks at a path: what is told apart by is read, and no more. */
import { open, opendir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { inputError } from '../base/index.ts'
import type { Found } from './format.ts'
import { PICTURE_NAME } from './pictures/imageFile.ts'

/** Bytes of a file that tell what it is: a tar's first header, and what stands behind it. */
const HEAD_BYTES = 4096
/** More other names than these are not looked at. */
const MOST_NAMES = 20_000

export const unreadable = (path: string, cause: unknown): Error =>
  inputError('data.unreadable', `${path} cannot be read: ${cause instanceof Error ? cause.message : cause}`, { cause })

/** @throws `data.unreadable` */
export async function lookAt(path: string): Promise<Found> {
  const found = await stat(path).catch((cause) => {
    throw unreadable(path, cause)
  })
  if (found.isDirectory()) return { path, ...(await contentsOf(path)), head: new Uint8Array(0) }
  return { path, names: null, folders: [], pictures: false, head: await headOf(path) }
}

/** The first bytes of a file. @throws `data.unreadable` */
async function headOf(path: string): Promise<Uint8Array> {
  const handle = await open(path).catch((cause) => {
    throw unreadable(path, cause)
  })
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    return buffer.subarray(0, bytesRead)
  } catch (cause) {
    throw unreadable(path, cause)
  } finally {
    await handle.close()
  }
}

async function contentsOf(folder: string): Promise<Pick<Found, 'names' | 'folders' | 'pictures'>> {
  const names: string[] = []
  const folders: string[] = []
  let pictures = false
  try {
    for await (const entry of await opendir(folder)) {
      const { name } = entry
      if (isHidden(name)) continue
      if (PICTURE_NAME.test(name)) pictures = true
      else if (names.length + folders.length < MOST_NAMES) {
        const isFolder = entry.isSymbolicLink() ? await leadsToFolder(join(folder, name)) : entry.isDirectory()
        ;(isFolder ? folders : names).push(name)
      }
    }
  } catch (cause) {
    throw unreadable(folder, cause)
  }
  return { names: names.sort(), folders: folders.sort(), pictures }
}

/** Whether a link is one to a folder; one that leads nowhere is not. */
export const leadsToFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (target) => target.isDirectory(),
    () => false,
  )

/** Left out: hidden ones, and what systems put beside. */
export const isHidden = (name: string): boolean => name.startsWith('.') || name === '__MACOSX' || name === '@eaDir'

/** `FOLDER/emnist-letters`, where there are files of that beginning and nothing of that name: the folder and the beginning. */
export async function beginningOf(
  path: string,
): Promise<{ readonly folder: Found; readonly beginning: string } | null> {
  const there = await stat(path).then(
    () => true,
    () => false,
  )
  const parent = await stat(dirname(path)).catch(() => null)
  if (there || !parent?.isDirectory()) return null
  const folder = await lookAt(dirname(path))
  const beginning = `${basename(path)}-`
  const names = folder.names?.filter((name) => name.startsWith(beginning)) ?? []
  return names.length === 0 ? null : { folder: { ...folder, names }, beginning }
}

/** Folders that tools put above the files of a set: `MNIST/raw`, `gzip`, `cifar-10-batches-bin`, the hub's `data`. */
const WRAPPER = /^(raw|gzip|data|(fashion|k|e|q)?-?mnist|cifar-?100?(-batches)?-bin(ary)?)$/i

export const wrappersIn = ({ path, folders }: Found): string[] =>
  folders.filter((name) => WRAPPER.test(name)).map((name) => join(path, name))
