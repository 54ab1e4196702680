/**
 * What `npm ci` needs on a fresh machine: a lockfile that is whole, on every platform, and holds no addresses. And what the package
 * needs at its user's: nothing that is only for tests or development.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'

interface Locked {
  readonly version?: string
  readonly resolved?: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Readonly<Record<string, Locked>> }
const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  scripts: Readonly<Record<string, string>>
  dependencies: Readonly<Record<string, string>>
}

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
