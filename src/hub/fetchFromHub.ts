/**
 * What a name of the hub stands for, as a path on this machine: fetched into the shared cache by @huggingface/hub, which is loaded only then, or already there.
 * `HF_ENDPOINT`, `HF_TOKEN`, `HF_HUB_OFFLINE`, `HF_HUB_CACHE` and `HF_HOME` are those of Hugging Face's own programs.
 */
import { mkdir, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { inputError } from '../base/index.ts'
import { cachedCommit, cachedFiles, isCommit, snapshotOf } from './hubCache.ts'
import type { HubWanted } from './hubFiles.ts'
import { neededFiles } from './hubFiles.ts'
import type { HubName } from './hubName.ts'
import { hubName } from './hubName.ts'

export interface FetchOptions {
  readonly wanted: HubWanted
  /** Default: the environment's. */
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Told what is fetched, and where what is there already is taken instead, a sentence each. */
  readonly onNote?: (note: string) => void
}

type Library = typeof import('@huggingface/hub')

interface Place {
  readonly library: Library
  readonly cache: string
  readonly hubUrl?: string
  readonly accessToken?: string
}

/**
 * Path of a model's folder or file: what is needed of it is there then.
 * @param text `hf:org/name[/path][@revision]`
 * @throws `hub.name`, `hub.files`, `hub.pickle`; `hub.offline` where it is not in the cache and the network may not be used; `hub.fetch` where the hub refuses it
 * or cannot be reached
 * @example const folder = await fetchFromHub('hf:org/name@main', { wanted: 'model' })
 */
export async function fetchFromHub(text: string, options: FetchOptions): Promise<string> {
  const { wanted, environment = process.env, onNote } = options
  const name = hubName(text)
  const library = await import('@huggingface/hub')
  const { HF_ENDPOINT: endpoint, HF_TOKEN: token } = environment
  if (token) requireToken(token)
  const place: Place = {
    library,
    cache: cacheOf(environment, library),
    ...(endpoint && { hubUrl: endpoint.replace(/\/+$/, '') }),
    ...(token && { accessToken: token }),
  }
  if (isOffline(environment)) return fromCache(text, name, wanted, place.cache)
  const listed = await listing(name, place).catch(async (error: unknown) => {
    if (statusOf(error) !== null) throw refusedBy(text, error)
    const path = await fromCache(text, name, wanted, place.cache).catch(() => null)
    if (path === null) throw unreachable(text, place, error)
    onNote?.(`the hub cannot be reached: ${text} is taken as it was fetched before`)
    return path
  })
  if (typeof listed === 'string') return listed
  return fetched(text, name, listed, { ...options, place })
}

/** As the Hugging Face programs find it. */
function cacheOf(environment: NonNullable<FetchOptions['environment']>, { getHFHubCachePath }: Library): string {
  const { HF_HUB_CACHE: cache, HUGGINGFACE_HUB_CACHE: earlier, HF_HOME: home } = environment
  return cache || earlier || (home ? join(home, 'hub') : getHFHubCachePath())
}

const isOffline = ({ HF_HUB_OFFLINE: value = '' }: NonNullable<FetchOptions['environment']>): boolean =>
  ['1', 'true', 'yes', 'on'].includes(value.toLowerCase())

/** @throws `hub.offline` */
async function fromCache(text: string, name: HubName, wanted: HubWanted, cache: string): Promise<string> {
  const commit = await cachedCommit(cache, name)
  const snapshot = commit && snapshotOf(cache, name, commit)
  const paths = snapshot ? await cachedFiles(snapshot) : []
  if (snapshot && paths.length > 0) {
    neededFiles(paths, name.path, wanted, text)
    return join(snapshot, name.path)
  }
  throw inputError(
    'hub.offline',
    `offline (HF_HUB_OFFLINE), a model must be in the cache, ${text} is not in ${cache}; fetch it once online, or give a folder`,
  )
}

interface Listing {
  readonly commit: string
  readonly sizes: ReadonlyMap<string, number>
}

async function listing({ repository, revision }: HubName, place: Place): Promise<Listing> {
  const { library, hubUrl, accessToken } = place
  const access = { ...(hubUrl && { hubUrl }), ...(accessToken && { accessToken }) }
  const { sha } = isCommit(revision)
    ? { sha: revision }
    : await library.modelInfo({ name: repository, revision, additionalFields: ['sha'], ...access })
  const sizes = new Map<string, number>()
  for await (const entry of library.listFiles({ repo: repository, revision: sha, recursive: true, ...access })) {
    if (entry.type === 'file') sizes.set(entry.path, entry.size)
  }
  return { commit: sha, sizes }
}

async function fetched(
  text: string,
  name: HubName,
  { commit, sizes }: Listing,
  { wanted, onNote, place }: FetchOptions & { readonly place: Place },
): Promise<string> {
  const { library, cache, hubUrl, accessToken } = place
  const needed = neededFiles([...sizes.keys()], name.path, wanted, text)
  const snapshot = snapshotOf(cache, name, commit)
  await keepRef(cache, name, commit, snapshot)
  const there = await cachedFiles(snapshot)
  const missing = needed.filter((path) => !there.includes(path))
  const bytes = missing.reduce((sum, path) => sum + (sizes.get(path) ?? 0), 0)
  if (missing.length > 0) {
    onNote?.(`${text}: ${missing.length} files, ${(bytes / 2 ** 20).toFixed(1)} MiB, of commit ${commit} are fetched`)
  }
  for (const path of missing) {
    const asked = { repo: name.repository, path, revision: commit, cacheDir: cache }
    const access = { ...(hubUrl && { hubUrl }), ...(accessToken && { accessToken }) }
    const file = await quietly(() => library.downloadFileToCacheDir({ ...asked, ...access })).catch(
      (error: unknown) => {
        throw statusOf(error) === null ? unreachable(text, place, error) : refusedBy(text, error)
      },
    )
    await requireWhole(file, sizes.get(path), text)
  }
  return join(snapshot, name.path)
}

/** What a branch or tag is at, as the cache keeps it. */
async function keepRef(cache: string, { revision }: HubName, commit: string, snapshot: string): Promise<void> {
  if (revision === commit) return
  const path = join(dirname(dirname(snapshot)), 'refs', revision)
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, commit)
  await mkdir(cache, { recursive: true })
}

/** @throws `hub.fetch` on a file that came in part, which is taken away */
async function requireWhole(file: string, size: number | undefined, text: string): Promise<void> {
  const found = await stat(file)
  if (size === undefined || found.size === size) return
  await rm(file)
  throw inputError('hub.fetch', `${text} must come whole, a file came with ${found.size} of ${size} bytes; try again`)
}

/** The library says what it fetches on standard output, where answers go. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { debug } = console
  console.debug = () => undefined
  try {
    return await work()
  } finally {
    console.debug = debug
  }
}

/** The status that a hub answered with; null: it gave no answer. */
function statusOf(error: unknown): number | null {
  const { statusCode } = error as { readonly statusCode?: unknown }
  return typeof statusCode === 'number' ? statusCode : null
}

function refusedBy(text: string, error: unknown): Error {
  const status = statusOf(error)
  const why =
    status === 401 || status === 403
      ? 'it is not open to everyone, or not there: a token of who may read it goes into HF_TOKEN'
      : status === 404
        ? 'there is no such repository, revision or file'
        : (error as Error).message
  return inputError('hub.fetch', `the hub must give ${text}, it answered ${status}: ${why}`, { cause: error })
}

/** @throws `hub.fetch` on a token that is none: the library would not send it */
function requireToken(token: string): void {
  if (token.startsWith('hf_')) return
  throw inputError('hub.fetch', 'a token of the hub (HF_TOKEN) must begin with hf_; set the right one, or none')
}

function unreachable(text: string, { hubUrl = 'its usual address' }: Place, error: unknown): Error {
  const { message, cause } = error as Error
  const why = cause instanceof Error ? `${message}: ${cause.message}` : message
  return inputError(
    'hub.fetch',
    `the hub (${hubUrl}) must be reached to fetch ${text}, but: ${why}; give a folder, or fetch it elsewhere into the cache (HF_HOME)`,
    { cause: error },
  )
}
