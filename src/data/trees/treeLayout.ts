/**
 * What the folders of a tree say of its images: `train/` and `test/` are splits, the folder that an image lies in is its class. Where a file says the
 * classes (`metadata.jsonl`), folders below the splits say nothing.
 */
import { inputError } from '../../base/index.ts'
import type { NamedSplit } from '../format.ts'
import { splitNamed } from '../format.ts'

/** Folders with images directly in them, each with how many and one of them. */
export type FolderCounts = ReadonlyMap<string, { readonly images: number; readonly example: string }>

export interface TreeLayout {
  /** Names of classes, the index being the label; empty where folders say none. */
  readonly classes: readonly string[]
  placeOf(folder: string): { readonly split: NamedSplit | null; readonly label: string | null }
}

const WHOLE_NUMBER = /^\d+$/

/** By number if all are numbers, else by character code. */
export function inOrder(names: Iterable<string>): string[] {
  const all = [...new Set(names)]
  const numbers = all.every((name) => WHOLE_NUMBER.test(name))
  return all.sort((a, b) => (numbers ? Number(a) - Number(b) : 0) || (a < b ? -1 : 1))
}

/**
 * @param packed whether the folders that all have in common are the archive's own
 * @param labelled whether a file says the classes
 * @throws `data.layout` where images lie both beside and in folders, or deeper
 */
export function treeLayout(source: string, folders: FolderCounts, packed: boolean, labelled: boolean): TreeLayout {
  const parts = new Map([...folders.keys()].map((folder) => [folder, folder === '' ? [] : folder.split('/')]))
  const above = packed ? commonParts([...parts.values()]) : 0
  const below = (folder: string) => (parts.get(folder) ?? []).slice(above)
  const split = [...folders.keys()].every((folder) => splitNamed(below(folder)[0] ?? '') !== null)
  const placeOf = (folder: string) => {
    const [first = '', ...rest] = below(folder)
    const names = split ? rest : below(folder)
    return { split: split ? splitNamed(first) : null, names }
  }
  if (!labelled) requireOneLevel(source, folders, (folder) => placeOf(folder).names)
  const classes = labelled ? [] : inOrder([...folders.keys()].flatMap((folder) => placeOf(folder).names))
  return {
    classes,
    placeOf(folder) {
      const { split: named, names } = placeOf(folder)
      return { split: named, label: labelled ? null : (names[0] ?? null) }
    },
  }
}

/** Parts that all begin with, up to a split. */
function commonParts(all: readonly (readonly string[])[]): number {
  const [first = []] = all
  let common = 0
  while (
    common < first.length &&
    splitNamed(first[common]) === null &&
    all.every((parts) => parts[common] === first[common])
  ) {
    common++
  }
  return common
}

function requireOneLevel(source: string, folders: FolderCounts, namesOf: (folder: string) => readonly string[]): void {
  const all = [...folders.keys()]
  const rule =
    'images lie in the folder itself (no classes) or in one sub-folder per class, below train/ and test/ if there are such'
  const deep = all.find((folder) => namesOf(folder).length > 1)
  if (deep !== undefined) {
    const fix = 'give the folder right above the classes, or say the classes in a metadata.jsonl'
    throw inputError('data.layout', `${source}: ${rule}, but ${folders.get(deep)?.example} lies deeper; ${fix}`)
  }
  const [flat, inClass] = [0, 1].map((depth) => all.find((folder) => namesOf(folder).length === depth))
  if (flat === undefined || inClass === undefined) return
  const [one, other] = [flat, inClass].map((folder) => folders.get(folder)?.example)
  throw inputError('data.layout', `${source}: ${rule}, got both: ${one} and ${other}; move one of them`)
}
