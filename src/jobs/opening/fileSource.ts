/** Files as a manifest records them. */
import { stat } from 'node:fs/promises'
import { shippedPath } from '../../data/index.ts'
import { fileHash } from '../../files/index.ts'
import type { Settings } from '../../runs/index.ts'

export type FileSource = { readonly path: string; readonly sha256: string | null }

/** Its place and its hash; of a folder, or where it is gone by now, the place alone. */
export async function fileSource(path: string): Promise<FileSource> {
  const place = shippedPath(path)
  const found = await stat(place).catch(() => null)
  return { path, sha256: found?.isFile() ? await fileHash(place) : null }
}

/** Settings that may name a file which is read beside the networks: a description, prompts, a mean and a standard deviation. */
export const FILE_SETTINGS = ['modelJson', 'prompts', 'featuresMeanStd', 'judgeMeanStd', 'rewardMeanStd'] as const

/** The files that such settings name, under their names. */
export async function fileSources(
  settings: Settings & Partial<Record<(typeof FILE_SETTINGS)[number], string | null>>,
): Promise<Readonly<Record<string, FileSource>>> {
  const found = await Promise.all(
    FILE_SETTINGS.map(async (name) => {
      const path = settings[name]
      return typeof path === 'string' ? ([name, await fileSource(path)] as const) : null
    }),
  )
  return Object.fromEntries(
    found.filter((entry) => entry !== null && entry[1].sha256 !== null) as [string, FileSource][],
  )
}
