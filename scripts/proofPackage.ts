/**
 * Packs the project, installs the tarball in an empty folder by the command that README prints, and uses it there as a stranger would:
 *
 *     npm run proof:package
 *
 * The command line makes images, README's examples are compiled by an old TypeScript with every index checked, README's links are
 * followed inside the package. Needs the npm registry and nothing else of the network. Writes docs/results/package.md; exit code 1 if
 * anything does not hold.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const RESULT = 'docs/results/package.md'
const OLDEST_TYPESCRIPT = '5.4'

const readme = readFileSync('README.md', 'utf8')
const [, installCommand] = /^(npm install .*\.tgz)$/m.exec(readme) ?? []
if (installCommand === undefined) throw new Error('README.md prints no command that installs the tarball')

const scratch = mkdtempSync(join(tmpdir(), 'bilevel-package-'))
const home = join(scratch, 'user')
const packages = join(home, 'node_modules')
const own = join(packages, 'bilevel-diffusion')
mkdirSync(home)

interface Check {
  readonly name: string
  readonly held: boolean
  readonly said: string
}

const checks: Check[] = []

/** As in a shell of the user's: without what npm tells the scripts of this project. */
const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('npm_')))

/** Runs a command where the package is a dependency. */
function check(name: string, command: string, says: RegExp): void {
  const { status, stdout, stderr } = spawnSync('bash', ['-c', command], {
    cwd: home,
    env: environment,
    encoding: 'utf8',
  })
  const said = (stdout.trim() || stderr).trim().split('\n')
  checks.push({
    name,
    held: status === 0 && said.some((line) => says.test(line)),
    said: said.find((line) => says.test(line)) ?? said[0],
  })
}

const mebibytes = (path: string): number => {
  if (!statSync(path).isDirectory()) return statSync(path).size / 2 ** 20
  return readdirSync(path).reduce((sum, name) => sum + mebibytes(join(path, name)), 0)
}

try {
  execFileSync('npm', ['pack', '--silent', '--pack-destination', home], { stdio: ['ignore', 'ignore', 'inherit'] })
  const [tarball] = readdirSync(home)
  const packed = mebibytes(join(home, tarball))
  check(`\`${installCommand}\``, installCommand, /added \d+ packages/)
  check('the command', 'npx bilevel --version', /^\d+\.\d+\.\d+$/)
  check('images of a shipped model', 'npx bilevel sample digits-16 --count 4 --steps 5 --out images', /4 images by/)

  const sizes = {
    tarball: packed,
    own: mebibytes(own),
    engine: mebibytes(join(packages, 'onnxruntime-node')),
    all: mebibytes(packages),
  }

  for (const file of readdirSync('examples')) cpSync(join('examples', file), join(home, file))
  const options = {
    strict: true,
    noUncheckedIndexedAccess: true,
    exactOptionalPropertyTypes: true,
    skipLibCheck: false,
  }
  const compilerOptions = { ...options, module: 'nodenext', target: 'es2022', noEmit: true, types: ['node'] }
  writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  writeFileSync(
    join(home, 'package.json'),
    JSON.stringify({ ...JSON.parse(readFileSync(join(home, 'package.json'), 'utf8')), type: 'module' }),
  )
  const compiler = `npm install --silent --ignore-scripts --no-save typescript@${OLDEST_TYPESCRIPT} @types/node@20`
  check(
    `examples under TypeScript ${OLDEST_TYPESCRIPT}, strict, noUncheckedIndexedAccess, library checked`,
    `${compiler} && npx tsc --version && npx tsc -p .`,
    new RegExp(`^Version ${OLDEST_TYPESCRIPT.replace('.', '\\.')}\\.\\d+$`),
  )
  const targets = [...readFileSync(join(own, 'README.md'), 'utf8').matchAll(/\]\(([^)]+)\)/g)]
    .map(([, target]) => target)
    .filter((target) => !target.startsWith('https:'))
  const dead = targets.filter((target) => !existsSync(join(own, target)))
  checks.push({
    name: `README's ${targets.length} links and pictures`,
    held: dead.length === 0,
    said: dead.join(', ') || 'all there',
  })

  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
  const lines = checks.map(
    ({ name, held, said }) => `| ${name} | ${held ? 'holds' : '**fails**'} | ${said.replaceAll('|', '\\|')} |`,
  )
  const text = [
    '# The package as a dependency',
    '',
    `\`npm run proof:package\` at ${commit}, Node ${process.version}: the packed project, installed in an empty folder with the npm registry alone.`,
    '',
    '| what | | it said |',
    '| --- | --- | --- |',
    ...lines,
    '',
    `Sizes in MiB: tarball ${sizes.tarball.toFixed(1)}, unpacked ${sizes.own.toFixed(1)}, the engine (onnxruntime-node, libraries of every platform) ${sizes.engine.toFixed(0)}, everything ${sizes.all.toFixed(0)}.`,
    '',
  ].join('\n')
  writeFileSync(resolve(RESULT), text)
  process.stdout.write(text)
  if (checks.some(({ held }) => !held)) process.exitCode = 1
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
