/**
 * How the user called this command, so that a command that we print works when it is pasted: `npx bilevel` where npx (or `npm start` in the
 * project's own folder) started it, `bilevel` where it was found on the path, else the very file, `node dist/cli/main.js`.
 */
import { basename, delimiter, dirname, isAbsolute, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Caller } from '../runs/index.ts'
import { shellWord } from '../runs/index.ts'

/** The part of `process` that tells. */
export interface Called {
  readonly argv: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  cwd(): string
}

const NPX = 'npx bilevel'

/** @param root the folder of this package */
export function callerOf(
  { argv, env, cwd }: Called,
  root: string = fileURLToPath(new URL('../..', import.meta.url)),
): Caller {
  const [, script] = argv
  const directory = cwd()
  if (basename(script) === 'bilevel') return { command: commandOf(script, env), directory }
  // What npm starts in the project's own folder; npx finds the command there.
  if (env.npm_lifecycle_event !== undefined && isWithin(directory, root)) return { command: NPX, directory }
  return { command: `node ${shellWord(isWithin(script, directory) ? relative(directory, script) : script)}`, directory }
}

/** A link of its own name: npm's for a project, or one on the path. */
function commandOf(script: string, { PATH = '' }: Called['env']): string {
  const folder = dirname(script)
  if (/[\\/]node_modules[\\/]\.bin$/.test(folder)) return NPX
  return PATH.split(delimiter).includes(folder) ? 'bilevel' : shellWord(script)
}

function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path)
  return way.split(sep)[0] !== '..' && !isAbsolute(way)
}
