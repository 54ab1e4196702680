/** A search that the user brings: a module whose default export proposes points. */
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { inputError, sha256 } from '../../base/index.ts'
import { readManifest } from '../../runs/index.ts'
import type { SearchMethod } from '../../search/index.ts'
import { requireRecordedCode } from '../opening/namedCode.ts'

export interface OwnSearch {
  readonly method: SearchMethod
  readonly sha256: string
}

/** @throws `compare.search` on what is no such module */
export async function openOwnSearch(path: string): Promise<OwnSearch> {
  const file = resolve(path)
  const refuse = (came: string, cause?: unknown) =>
    inputError(
      'compare.search',
      `a search is a JavaScript file that exports default {name, propose(study)}, or such a function; ${path} ${came}`,
      { cause },
    )
  const bytes = await readFile(file).catch((cause: unknown) => {
    throw refuse('cannot be read', cause)
  })
  const loaded = await import(pathToFileURL(file).href).catch((cause: unknown) => {
    throw refuse(`fails to load: ${(cause as Error).message}`, cause)
  })
  const given: unknown = (loaded as { readonly default?: unknown }).default
  const method = typeof given === 'function' ? { propose: given } : given
  if (!isSearch(method)) throw refuse(`exports ${given === null ? 'null' : typeof given}`)
  return {
    method: {
      ...(method.best && { best: method.best.bind(method) }),
      propose: method.propose.bind(method),
      name: 'own',
    },
    sha256: sha256(bytes),
  }
}

const isSearch = (value: unknown): value is SearchMethod =>
  typeof value === 'object' &&
  value !== null &&
  typeof (value as SearchMethod).propose === 'function' &&
  ['function', 'undefined'].includes(typeof (value as SearchMethod).best)

/** @throws `code.changed` where a run would go on with another search than it began with */
export async function requireSameSearch(folder: string, search: string | null): Promise<void> {
  if (search === null) return
  const { sources } = await readManifest(folder)
  const { search: recorded } = (sources ?? {}) as { readonly search?: { readonly sha256: string } }
  await requireRecordedCode(join(folder, 'manifest.json'), [search], recorded && { [search]: recorded.sha256 })
}

/** What stands at the end of the help of comparisons. */
export const OWN_SEARCH = `A search of your own, then --search ./mine.mjs:

  export default {
    // trials: {id, point, outcome: {value} or null}; smaller is better
    propose({ space, start, seed, trials }) {
      return { point: start.map((value, i) => Math.min(space[i].high, value * (1 + 0.05 * trials.length))) }
    },
  }`
