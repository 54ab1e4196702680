/**
 * The cache that programs of Hugging Face share: `models--org--name/snapshots/COMMIT/` holds the files of a commit, `refs/REVISION` the commit that a branch or
 * tag was at. `HF_HUB_CACHE`, else `HF_HOME`/hub, else ~/.cache/huggingface/hub.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, sep } from 'node:path'
import type { HubName } from './hubName.ts'

const COMMIT = /^[0-9a-f]{40}$/

/** Whether a revision is a commit, which never changes. */
export const isCommit = (revision: string): boolean => COMMIT.test(revision)

/** The folder of a commit's files. */
export const snapshotOf = (cache: string, { repository }: Pick<HubName, 'repository'>, commit: string): string =>
  join(cache, folderOf(repository), 'snapshots', commit)

const folderOf = (repository: string): string => `models--${repository.replace('/', '--')}`

/** The commit that a revision was at when it was fetched last; null: it was not. */
export async function cachedCommit(cache: string, { repository, revision }: HubName): Promise<string | null> {
  if (isCommit(revision)) return revision
  const text = await readFile(join(cache, folderOf(repository), 'refs', revision), 'utf8').catch(() => null)
  const commit = text?.trim() ?? ''
  return isCommit(commit) ? commit : null
}

/** Paths of the files of a commit that are there, with slashes; a link whose file is gone is none. */
export async function cachedFiles(snapshot: string): Promise<readonly string[]> {
  const names = await readdir(snapshot, { recursive: true }).catch(() => [])
  const found = await Promise.all(names.map((name) => stat(join(snapshot, name)).catch(() => null)))
  return names.filter((_, i) => found[i]?.isFile()).map((name) => name.split(sep).join('/'))
}

/** Where something comes from. */
export interface HubOrigin {
  /** `org/name`. */
  readonly repository: string
  readonly revision: string
}

/** The repository and commit that a path in such a cache is of; null: it is in none. */
export function hubOrigin(path: string): HubOrigin | null {
  const parts = path.split(/[\\/]/)
  const at = parts.lastIndexOf('snapshots')
  const [, org, name] = parts[at - 1]?.match(/^models--(.+?)--(.+)$/) ?? []
  const revision = parts[at + 1] ?? ''
  return org && name && isCommit(revision) ? { repository: `${org}/${name}`, revision } : null
}
