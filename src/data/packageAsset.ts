/** Files that come with the package, found by its name: this module may be part of a bundle, which lies elsewhere. */
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** Path of a file or folder below `assets/`. */
export const packageAsset = (...path: readonly string[]): string =>
  join(dirname(createRequire(import.meta.url).resolve('bilevel-diffusion/package.json')), 'assets', ...path)
