#!/usr/bin/env node
/**
 * The installed command. A package brings `dist` along; a fresh clone has only the sources, and one that was pulled has newer ones than what
 * was built, so there they are built first.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const main = join(root, 'dist', 'cli', 'main.js')
const sources = join(root, 'src')

/** The compiler notes here what it has built; it does so last. */
const built = join(root, 'dist', '.tsbuildinfo')

/** Whether what stands in `dist` is older than its sources. A package holds no sources. */
function isStale() {
  if (!existsSync(sources)) return false
  if (!existsSync(main) || !existsSync(built)) return true
  const since = statSync(built).mtimeMs
  return readdirSync(sources, { recursive: true, encoding: 'utf8' }).some(
    (file) => file.endsWith('.ts') && statSync(join(sources, file)).mtimeMs > since,
  )
}

function build() {
  process.stderr.write('building dist from the sources\n')
  // The compiler's words belong on stderr: stdout is the command's data.
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  })
  // The compiler leaves the note alone where a newer file says the same as before.
  if (status === 0) return utimesSync(built, new Date(), new Date())
  process.stderr.write('error: dist could not be built from the sources; run npm ci first, then npm run build\n')
  process.exit(3)
}

if (isStale()) build()
await import(new URL('../dist/cli/main.js', import.meta.url))
