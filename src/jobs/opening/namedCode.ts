/**
 * JavaScript that a file names: the reward of a run folder, a `guidance.json` or a config that may come from elsewhere. It would run with
 * the rights of whoever samples or goes on, so its hash is compared with the recorded one before it is loaded, and it must be allowed.
 */
import { resolve } from 'node:path'
import { inputError, sha256 } from '../../base/index.ts'
import { parseRewardSpec, readModule } from '../../rewards/index.ts'

/** SHA-256 (hex) of modules by the paths they are named by. */
export type CodeHashes = Readonly<Record<string, string>>

/** The modules that rewards in words name. @throws `reward.spec` */
export function modulesIn(specs: readonly string[]): string[] {
  const terms = specs.flatMap((spec) => parseRewardSpec(spec))
  return [...new Set(terms.filter(({ kind }) => kind === 'module').map(({ name }) => name))]
}

/** @throws `reward.spec`, `reward.module` if a file cannot be read */
export async function codeHashes(specs: readonly string[]): Promise<CodeHashes> {
  const hash = async (path: string) => sha256(await readModule(path))
  return Object.fromEntries(await Promise.all(modulesIn(specs).map(async (path) => [path, await hash(path)] as const)))
}

/**
 * @param source   file that names the code, for errors
 * @param recorded what that file says of it
 * @throws `code.changed` on a module that is not the recorded one
 */
export async function requireRecordedCode(
  source: string,
  specs: readonly string[],
  recorded: CodeHashes | undefined,
): Promise<void> {
  const found = await codeHashes(specs)
  // A module that was moved is known by its hash.
  const known = Object.values(recorded ?? {})
  const isRecorded = (path: string) =>
    recorded !== undefined && (path in recorded ? recorded[path] === found[path] : known.includes(found[path]))
  const changed = Object.keys(found).find((path) => !isRecorded(path))
  if (changed === undefined) return
  const before = recorded?.[changed] ?? 'none'
  throw inputError(
    'code.changed',
    `${source} was made with another ${changed}: its SHA-256 must be ${before}, that of ${resolve(changed)} is ${found[changed]}; ` +
      'nothing of it was run. Bring the file back, or tune again',
  )
}

/** @throws `code.notAllowed` if it names code that nobody has allowed; `remedy`: what else would do */
export function requireAllowedCode(
  source: string,
  specs: readonly string[],
  allowed: boolean | undefined,
  remedy = '',
): void {
  const modules = allowed ? [] : modulesIn(specs)
  if (modules.length === 0) return
  const files = modules.map((path) => resolve(path)).join(' and ')
  throw inputError(
    'code.notAllowed',
    `${source} names code that would run with all your rights: ${files}; read it, and if you trust it, allow it with --allow-code${remedy}`,
  )
}
