/** The package as a stranger has it: packed, unpacked in an empty folder, beside the packages it depends on and no others. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

export interface Installed {
  /** The folder, of which `node_modules/bilevel-diffusion` is the package. */
  readonly home: string
  /** What was packed, as paths in the package. */
  readonly packed: readonly string[]
}

/**
 * Needs the build in `dist/`.
 * @param others packages that the stranger has too
 */
export function installedPackage(others: readonly string[] = []): Installed {
  const home = mkdtempSync(join(tmpdir(), 'bilevel-installed-'))
  const packages = join(home, 'node_modules')
  const own = join(packages, 'bilevel-diffusion')
  mkdirSync(own, { recursive: true })
  const args = ['pack', '--json', '--ignore-scripts', '--silent', '--pack-destination', home]
  const [{ filename, files }] = JSON.parse(execFileSync('npm', args, { encoding: 'utf8', stdio: 'pipe' })) as [
    { filename: string; files: readonly { readonly path: string }[] },
  ]
  execFileSync('tar', ['-xzf', join(home, filename), '-C', own, '--strip-components', '1'])
  const { dependencies } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as { dependencies: object }
  for (const name of [...Object.keys(dependencies), ...others]) {
    mkdirSync(dirname(join(packages, name)), { recursive: true })
    symlinkSync(resolve('node_modules', name), join(packages, name))
  }
  writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  return { home, packed: files.map(({ path }) => path) }
}
