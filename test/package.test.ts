/**
 * What `npm ci` needs on a fresh machine: a lockfile that is whole, on every platform, and holds no addresses. And what the package
 * needs at its user's: nothing that is only for tests or development.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Installed } from './installed.fixture.ts'
import { installedPackage } from './installed.fixture.ts'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Readonly<Record<string, Locked>> }
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Readonly<Record<string, string>>
  dependencies: Readonly<Record<string, string>>
  bin: { readonly bilevel: string }
}

let installed: Installed
beforeAll(() => {
  installed = installedPackage()
})
afterAll(() => rmSync(installed.home, { recursive: true, force: true }))

test('the lockfile names every optional dependency, also those of other platforms', () => {
  const paths = Object.keys(lock.packages)
  const missing = Object.values(lock.packages).flatMap(({ optionalDependencies = {} }) =>
    Object.keys(optionalDependencies).filter((name) => !paths.some((path) => path.endsWith(`node_modules/${name}`))),
  )
  expect(missing).toEqual([])
})

test('the lockfile records no download addresses', () => {
  expect(Object.values(lock.packages).filter(({ resolved }) => resolved !== undefined)).toEqual([])
})

test('nothing is built or downloaded at install time', () => {
  for (const hook of ['preinstall', 'install', 'postinstall', 'prepare'])
    expect(manifest.scripts).not.toHaveProperty(hook)
})

test('what is shipped imports no test support, and of packages only those that are installed with it', () => {
  const support = /\.(test|fixture|cases)(\.ts)?$/
  const shipped = readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !support.test(file))
    .map((file) => join('src', file))
  const strange = shipped.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(/^(?:import|export)\b[^;'"`]*?from '([^']+)'/gm)]
      .map(([, target]) => target)
      .filter((target) => {
        if (target.startsWith('.')) return support.test(target)
        if (target.startsWith('node:')) return !builtinModules.includes(target.slice('node:'.length))
        return !(target.split('/', target.startsWith('@') ? 2 : 1).join('/') in manifest.dependencies)
      })
      .map((target) => `${file} imports ${target}`),
  )
  expect(strange).toEqual([])
})

test('the package holds what its README points to, and the command', () => {
  const { packed } = installed
  const targets = [...readFileSync('README.md', 'utf8').matchAll(/\]\(([^)]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !target.startsWith('https:'))
  const isThere = (target: string) => packed.some((path) => path === target || path.startsWith(`${target}/`))
  expect(targets.length).toBeGreaterThan(5)
  expect([...targets, manifest.bin.bilevel].filter((target) => !isThere(target))).toEqual([])
})

/** A clone in small: the real launcher, and a build that writes a command which says its version. */
function clone(): string {
  const folder = mkdtempSync(join(tmpdir(), 'bilevel-clone-'))
  cpSync('bin', join(folder, 'bin'), { recursive: true })
  mkdirSync(join(folder, 'src'))
  writeFileSync(join(folder, 'src', 'version.ts'), '1')
  writeFileSync(
    join(folder, 'build.mjs'),
    `import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
mkdirSync('dist/cli', { recursive: true })
const version = readFileSync('src/version.ts', 'utf8')
writeFileSync('dist/cli/main.js', 'console.log(' + version + ', process.argv.slice(2).join()); process.exitCode = 7')
writeFileSync('dist/.tsbuildinfo', '')
console.log('compiler output')`,
  )
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module', scripts: { build: 'node build.mjs' } }))
  return folder
}

test('in a clone the command is built at first use, and again when a source is newer; its words and exit code are the command’s own', () => {
  const folder = clone()
  const run = () => {
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [join(folder, 'bin', 'bilevel.js'), '--one', 'two'],
      {
        encoding: 'utf8',
      },
    )
    return { status, stdout, built: stderr.includes('building') }
  }
  expect(run()).toEqual({ status: 7, stdout: '1 --one,two\n', built: true })
  expect(run()).toEqual({ status: 7, stdout: '1 --one,two\n', built: false })
  const source = join(folder, 'src', 'version.ts')
  writeFileSync(source, '2')
  const later = new Date(Date.now() + 60_000)
  utimesSync(source, later, later)
  expect(run()).toEqual({ status: 7, stdout: '2 --one,two\n', built: true })
  writeFileSync(join(folder, 'build.mjs'), 'process.exit(1)')
  utimesSync(source, new Date(Date.now() + 120_000), new Date(Date.now() + 120_000))
  expect(run()).toEqual({ status: 3, stdout: '', built: true })
})

// That the examples compile against these in a strict project of a user's: npm run proof:package.
test('no declaration gives typed arrays a parameter, which TypeScript before 5.7 does not know', () => {
  const declarations = readdirSync('dist', { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.d.ts'),
  )
  expect(declarations.length).toBeGreaterThan(100)
  const newer = declarations.filter((file) =>
    /\b(?:Int|Uint|BigInt|BigUint|Float)\d+(?:Clamped)?Array</.test(readFileSync(join('dist', file), 'utf8')),
  )
  expect(newer).toEqual([])
})

test('both entries of the installed package load in Node: the library with its engine, the core with none', () => {
  const double = `
    const double = graph.trace({ x: { dtype: 'float32', shape: [2] } }, ({ x }) => ({ y: graph.mul(x, 2) }))
    const result = await compile(double).then((program) => program.run({ x: float32([1, 2]) }), ({ code }) => ({ y: { data: [code] } }))
    console.log(...result.y.data)`
  const run = (entry: string) =>
    execFileSync(
      process.execPath,
      ['--input-type=module', '-e', `import { compile, float32, graph } from '${entry}'${double}`],
      { cwd: installed.home, encoding: 'utf8' },
    ).trim()
  expect(run('bilevel-diffusion')).toBe('2 4')
  expect(run('bilevel-diffusion/core')).toBe('runtime.engine')
})
