/**
 * Bundles TypeScript for Node: packages stay where they are installed, everything else becomes one file, which starts faster than a module
 * graph of some five hundred.
 *
 *     node scripts/bundle.js                        the command and its thread, over dist/cli, and what it says (words.json)
 *     node scripts/bundle.js FILE.ts [argument ...]  a script of this repository, into dist/scripts, and runs it; NODE_FLAGS for node's own
 *     node scripts/bundle.js --only FILE.ts          the same without running it
 */
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { rolldown } from 'rolldown'

const { dependencies, devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const packages = Object.keys({ ...dependencies, ...devDependencies })
const external = (id) => packages.some((name) => id === name || id.startsWith(`${name}/`))

async function bundle(input, output) {
  const made = await rolldown({ input, external, platform: 'node' })
  await made.write({ format: 'esm', ...output })
  await made.close()
}

const only = process.argv[2] === '--only'
const [file, ...args] = process.argv.slice(only ? 3 : 2)
if (file === undefined) {
  // Beside each other and no deeper: package.json is found from here.
  const input = ['src/cli/main.ts', 'src/cli/command.ts', 'src/jobs/thread/worker.ts']
  await bundle(input, { dir: 'dist/cli', chunkFileNames: '[name].part.js' })
  const { commandWords } = await import('../dist/cli/command.js')
  writeFileSync('dist/cli/words.json', JSON.stringify(commandWords()))
} else {
  // bench/peer/main.ts: bench-peer.mjs
  const name = file
    .replace(/^scripts\//, '')
    .replace(/(\/main)?\.ts$/, '')
    .replaceAll('/', '-')
  const script = `dist/scripts/${name}.mjs`
  await bundle(file, { file: script, codeSplitting: false })
  if (only) process.exit()
  const flags = (process.env.NODE_FLAGS ?? '').split(' ').filter(Boolean)
  const child = spawn(process.execPath, [...flags, script, ...args], { stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('close', (code) => {
    process.exitCode = code ?? 1
  })
}
