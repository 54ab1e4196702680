/**
 * Folders of models that come with the package and are read as anybody's are: a path may begin with the name of one. What lies at the path itself goes
 * first.
 */
import { existsSync } from 'node:fs'
import { packageAsset } from './packageAsset.ts'

/** `captioned-digits`: a text-to-image model with CLIP towers (`clip`), a classifier in their form (`judge`) and prompts (`prompts.txt`). */
export const SHIPPED_FOLDERS = ['captioned-digits'] as const

/**
 * A path; of one that does not exist and begins with the name of a folder that comes with the package, the place there.
 * @example shippedPath('captioned-digits/prompts.txt')
 */
export function shippedPath(path: string): string {
  const [name, ...rest] = path.split('/')
  if (!SHIPPED_FOLDERS.some((known) => known === name) || existsSync(path)) return path
  return packageAsset('text2image', name, ...rest)
}
