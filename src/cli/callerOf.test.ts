/** What the user is told to type is what works where the user is. */
import { describe, expect, test } from 'vitest'
import { callerOf } from './callerOf.ts'

const ROOT = '/home/me/bilevel-diffusion'

const commandFor = (script: string, cwd: string, env: Record<string, string> = {}): string =>
  callerOf({ argv: ['node', script], env: { PATH: '/usr/bin:/usr/local/bin', ...env }, cwd: () => cwd }, ROOT).command

describe('the command that started us', () => {
  test.each([
    ['/home/me/project/node_modules/.bin/bilevel', '/home/me/project', {}, 'npx bilevel'],
    ['/home/me/.npm/_npx/1f/node_modules/.bin/bilevel', ROOT, {}, 'npx bilevel'],
    ['/usr/local/bin/bilevel', '/tmp', {}, 'bilevel'],
    ['/opt/my tools/bilevel', '/tmp', {}, "'/opt/my tools/bilevel'"],
    [`${ROOT}/dist/cli/main.js`, ROOT, { npm_lifecycle_event: 'start' }, 'npx bilevel'],
    [`${ROOT}/dist/cli/main.js`, '/tmp', { npm_lifecycle_event: 'test' }, `node ${ROOT}/dist/cli/main.js`],
    [`${ROOT}/dist/cli/main.js`, ROOT, {}, 'node dist/cli/main.js'],
    [`${ROOT}/bin/bilevel.js`, `${ROOT}/examples`, {}, `node ${ROOT}/bin/bilevel.js`],
    ["/it's/main.js", '/tmp', {}, "node '/it'\\''s/main.js'"],
  ])('%s in %s', (script, cwd, env, command) => {
    expect(commandFor(script, cwd, env)).toBe(command)
  })

  test('and the folder that its paths are relative to', () => {
    const called = { argv: ['node', '/usr/local/bin/bilevel'], env: {}, cwd: () => '/home/me/project' }
    expect(callerOf(called, ROOT).directory).toBe('/home/me/project')
  })
})
