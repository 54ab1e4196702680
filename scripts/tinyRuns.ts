/**
 * Runs of every kind, as small as they come, through the built command: what the proofs of kills and of flipped bits break. Each is started
 * in a working folder with a trained run `base`, and its network as somebody else's ONNX file.
 */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'

const MAIN = resolve('dist/cli/main.js')

export interface Finished {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

/** `bilevel …args`, without the caller's own BILEVEL_ variables. */
export function start(args: readonly string[], cwd: string): { child: ChildProcess; finished: Promise<Finished> } {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BILEVEL_')))
  const env = { ...clean, NO_COLOR: '1' }
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const finished = once(child, 'close').then(([code, signal]) => ({ code: code ?? signal, stdout, stderr }))
  return { child, finished }
}

/** @throws if it does not end well */
export async function bilevel(args: readonly string[], cwd: string): Promise<Finished> {
  const finished = await start(args, cwd).finished
  if (finished.code !== 0) throw new Error(`bilevel ${args.join(' ')} ended with ${finished.code}: ${finished.stderr}`)
  return finished
}

/** A command that is tried. */
export interface Scenario {
  readonly name: string
  /** `run`: a run folder, resumable. `images`: a folder of images. `numbers`: JSON on stdout alone. */
  readonly kind: 'run' | 'images' | 'numbers'
  readonly args: readonly string[]
}

const words = (text: string): string[] => text.split(' ')
const TINY = '--preset tiny --train-steps 8 --iterations 2 --sampling-seeds 11 --checkpoint-seconds 0'
const FOREIGN = '--model theirs.onnx --scheduler theirs.json'

export const SCENARIOS: readonly Scenario[] = [
  { name: 'schedule', kind: 'run', args: words(`schedule ${TINY}`) },
  {
    name: 'schedule, both levels',
    kind: 'run',
    args: words(`schedule ${TINY} --learn both --gamma 50 --lower-steps 1 --twin-steps 1 --class-conditional`),
  },
  {
    name: 'schedule, given network',
    kind: 'run',
    args: words(`schedule ${TINY} --model base --sampling-family levels --features pixels --judge none`),
  },
  {
    name: 'schedule, ONNX file',
    kind: 'run',
    args: words(`schedule ${TINY} ${FOREIGN} --iterations 1 --checkpoint-seconds 30`),
  },
  {
    name: 'entropy, guided',
    kind: 'run',
    args: words('entropy --preset tiny --model base/model --checkpoint-seconds 0'),
  },
  {
    name: 'entropy, tilt',
    kind: 'run',
    args: words(`entropy --preset tiny ${FOREIGN} --max-evaluations 3000 --checkpoint-seconds 0`),
  },
  { name: 'sample', kind: 'images', args: words('sample base --count 12') },
  { name: 'evaluate', kind: 'numbers', args: words('evaluate base --samples 72 --seeds 11 --json') },
]

/** Makes what the scenarios work on. */
export async function prepare(folder: string): Promise<void> {
  await bilevel(words(`schedule ${TINY} --out base`), folder)
  const model = join(folder, 'base', 'model')
  copyFileSync(join(model, 'unet', 'model.onnx'), join(folder, 'theirs.onnx'))
  copyFileSync(join(model, 'scheduler', 'scheduler_config.json'), join(folder, 'theirs.json'))
}

/** All files below a folder, as paths relative to it. */
export function filesIn(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .toSorted()
}

type Facts = Readonly<Record<string, string>>

const withoutKeys = (text: string, keys: readonly string[]): string =>
  JSON.stringify(JSON.parse(text), (key, value) => (keys.includes(key) ? undefined : value))

/** What depends on the clock, the machine and the name of the folder. */
const PLACE = ['seconds', 'secondsOf', 'peakMemoryMiB', 'run', 'out', 'model', 'guidance']

/** What two equal runs must have alike, by name: numbers, events without their times, and the bytes of everything that is read again or looked at. */
export function factsOfRun(folder: string): Facts {
  const facts: Record<string, string> = {}
  for (const path of filesIn(folder)) {
    const bytes = readFileSync(join(folder, path))
    if (path === 'result.json') facts[path] = withoutKeys(bytes.toString(), PLACE)
    else if (path === 'events.jsonl') facts[path] = bytes.toString().replace(/,"time":"[^"]*"/g, '')
    else if (/^(samples|model|guidance)/.test(path)) facts[path] = bytes.toString('base64')
  }
  return facts
}

/** What two equal commands must have alike, whatever their kind. */
export function factsOf({ kind }: Scenario, folder: string, { stdout }: Finished): Facts {
  if (kind === 'run') return factsOfRun(folder)
  if (kind === 'numbers') return { numbers: withoutKeys(stdout, PLACE) }
  return Object.fromEntries(filesIn(folder).map((path) => [path, readFileSync(join(folder, path), 'base64')]))
}

/** Names of what is not alike. */
export function differences(a: Facts, b: Facts): string[] {
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].filter((name) => a[name] !== b[name])
}
