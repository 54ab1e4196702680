/** The package as a stranger has it: packed, unpacked in an empty folder, beside the packages it depends on and no others. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

/**
 * Needs the build in `dist/`.
 * @param others packages that the stranger has too
 * @returns the folder, of which `node_modules/bilevel-diffusion` is the package
 */
export function installedPackage(others: readonly string[] = []): string {
  const home = mkdtempSync(join(tmpdir(), 'bilevel-installed-'))
  const packages = join(home, 'node_modules')
  const own = join(packages, 'bilevel-diffusion')
  mkdirSync(own, { recursive: true })
  execFileSync('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', home], { stdio: 'pipe' })
  const tarball = readdirSync(home).find((name) => name.endsWith('.tgz')) ?? ''
  execFileSync('tar', ['-xzf', join(home, tarball), '-C', own, '--strip-components', '1'])
  const { dependencies } = JSON.parse(readFileSync(join(own, 'package.json'), 'utf8')) as { dependencies: object }
  for (const name of [...Object.keys(dependencies), ...others]) {
    mkdirSync(dirname(join(packages, name)), { recursive: true })
    symlinkSync(resolve('node_modules', name), join(packages, name))
  }
  writeFileSync(join(home, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  return home
}
