/** The Python of the real libraries: a virtual environment with pinned packages, made where there is none. */
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'

const HERE = resolve('scripts/interop')
const REQUIREMENTS = join(HERE, 'requirements.txt')
/** Installed without what they ask for: pytorch-fid wants torchvision to read images, and only its arithmetic is asked. */
const ALONE = join(HERE, 'requirements-alone.txt')
/** What torch's exporter to ONNX needs: for `npm run bench:peer` alone. */
const EXPORTER = join(HERE, 'requirements-exporter.txt')

/** INTEROP_VENV: an environment that exists. */
export async function pinnedPython(venv = process.env.INTEROP_VENV ?? '.cache/interop'): Promise<string> {
  const python = join(resolve(venv), 'bin', 'python')
  if (!existsSync(python)) {
    // Made beside and moved into place when it is whole: a half one would pass for one that exists.
    const draft = `${resolve(venv)}.part`
    await rm(draft, { recursive: true, force: true })
    execFileSync('python3', ['-m', 'venv', draft], { stdio: 'inherit' })
    const pip = [join(draft, 'bin', 'python'), '-m', 'pip', 'install', '--quiet', '--requirement', REQUIREMENTS]
    execFileSync(pip[0], [...pip.slice(1), '--requirement', EXPORTER], { stdio: 'inherit' })
    const alone = [...pip.slice(1, -1), ALONE, '--no-deps']
    execFileSync(pip[0], alone, { stdio: 'inherit' })
    await mkdir(dirname(resolve(venv)), { recursive: true })
    await rename(draft, resolve(venv))
  }
  return python
}

/** Installed versions of the pinned packages. @throws where one is another */
export async function versionsOf(python: string): Promise<Record<string, string>> {
  const files = await Promise.all([REQUIREMENTS, ALONE].map((file) => readFile(file, 'utf8')))
  const pins = files
    .join('')
    .trim()
    .split('\n')
    .map((line) => line.split('=='))
  const code = 'import importlib.metadata as m, json, sys; print(json.dumps([m.version(n) for n in sys.argv[1:]]))'
  const found = JSON.parse(
    execFileSync(python, ['-c', code, ...pins.map(([name]) => name)], { encoding: 'utf8' }),
  ) as string[]
  for (const [i, [name, version]] of pins.entries()) {
    // torch says which build it is: 2.13.0+cpu.
    if (found[i].split('+')[0] !== version)
      throw new Error(`${name} must be ${version}, the environment has ${found[i]}`)
  }
  const own = execFileSync(python, ['-c', 'import platform; print(platform.python_version())'], { encoding: 'utf8' })
  return { node: process.version, python: own.trim(), ...Object.fromEntries(pins.map(([name], i) => [name, found[i]])) }
}
