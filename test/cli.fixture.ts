/** Runs the built command as a user does: in a process of its own, in a folder of its own. Or the same command in this process, where nothing but its words is asked. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { parseHTML } from 'linkedom'
import { vi } from 'vitest'
import { runCommand } from '../src/cli/command.ts'
import { progressDisplay } from '../src/cli/progressDisplay.ts'
import { saveModel } from '../src/diffusion/files/index.ts'
import { noiseSchedule } from '../src/diffusion/index.ts'
import { readSafetensors } from '../src/files/index.ts'
import { constant, mul, sub, trace } from '../src/graph/index.ts'
import { jobNamed } from '../src/jobs/index.ts'
import { digitClassifierPath, digitClassifierRecord } from '../src/metrics/files/index.ts'
import { applyClassifier } from '../src/metrics/index.ts'
import { initialState, unet } from '../src/nn/index.ts'
import { encodeModel } from '../src/onnx/index.ts'
import { readEvents, withoutTimes } from '../src/runs/index.ts'

const MAIN = resolve('dist/cli/main.js')

export interface Finished {
  /** Exit code, or the signal that ended it. */
  readonly code: number | string
  readonly stdout: string
  readonly stderr: string
}

export interface Running {
  readonly pid: number
  readonly finished: Promise<Finished>
  kill(signal: NodeJS.Signals): void
  /** Resolves when stderr says it, or when the process has ended. */
  says(text: string): Promise<void>
}

/** A folder to run in. */
export const newFolder = (): Promise<string> => mkdtemp(join(tmpdir(), 'bilevel-cli-'))

/**
 * The caller's environment without its own BILEVEL_ variables (they are the test run's, and would be settings) and
 * without colours, which a CI server's environment would turn on. Models are kept, as a user's are, but not in a folder of the user's.
 */
export const clean: Readonly<Record<string, string | undefined>> = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BILEVEL_'))),
  NO_COLOR: '1',
  XDG_CACHE_HOME: resolve('node_modules/.cache'),
}

/** Starts `bilevel …args` in a folder, without the caller's own BILEVEL_ variables. */
export function start(args: readonly string[], cwd: string, environment: Record<string, string> = {}): Running {
  return startProcess(process.execPath, [MAIN, ...args], cwd, environment)
}

function startProcess(
  command: string,
  args: readonly string[],
  cwd: string,
  environment: Record<string, string>,
): Running {
  const env = { ...clean, ...environment }
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  const finished = once(child, 'close').then(([code, signal]) => ({
    code: (code ?? signal) as number | string,
    stdout,
    stderr,
  }))
  return {
    pid: child.pid!,
    finished,
    kill: (signal) => child.kill(signal),
    async says(text) {
      let ended = false
      void finished.then(() => {
        ended = true
      })
      while (!ended && !stderr.includes(text)) await new Promise((wake) => setTimeout(wake, 10))
    },
  }
}

/** The same to its end. */
export const bilevel = (args: readonly string[], cwd: string, environment: Record<string, string> = {}) =>
  start(args, cwd, environment).finished

/**
 * The same in this process, from the sources, in a tenth of the time. No signals, and jobs in this thread: for what is said and refused.
 * One at a time, as folder and environment are the process's.
 */
export async function bilevelHere(
  words: readonly string[],
  cwd: string,
  environment: Record<string, string> = {},
): Promise<Finished> {
  const before = process.cwd()
  for (const name of Object.keys(process.env)) {
    if (name.startsWith('BILEVEL_') && name !== 'BILEVEL_CACHE') vi.stubEnv(name, undefined)
  }
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  process.chdir(cwd)
  let [stdout, stderr] = ['', '']
  const out = (text: string) => {
    stdout += text
  }
  const err = (text: string) => {
    stderr += stripVTControlCharacters(text)
    return true
  }
  try {
    const code = await runCommand(words, {
      display: progressDisplay({ write: err }),
      out,
      err,
      work: ({ job, request }, telling) => jobNamed(job).run(request, telling),
      onInterrupt: () => undefined,
    })
    return { code, stdout, stderr }
  } finally {
    process.chdir(before)
    vi.unstubAllEnvs()
  }
}

/** A command line as a reader pastes it into a shell. */
export const shell = (line: string, cwd: string) => startProcess('sh', ['-c', line], cwd, {}).finished

/** How our messages call the command that `start` starts. */
export const CALLED = `node ${MAIN}`

/** The command lines that a run's report prints. */
export async function printedBy(run: string): Promise<string[]> {
  const { document } = parseHTML(await readFile(join(run, 'report.html'), 'utf8'))
  const lines = [...document.querySelectorAll('code.shell')].flatMap((code) => code.textContent?.split('\n') ?? [])
  if (lines.length === 0) throw new Error(`${run} prints no command`)
  return lines
}

/** What two equal runs must have alike, byte by byte: events without their times, samples, weights and schedules. */
export async function tracesOf(run: string, files: readonly string[]): Promise<unknown[]> {
  const events = withoutTimes(await readEvents(join(run, 'events.jsonl')))
  const bytes = await Promise.all(files.map((file) => readFile(join(run, file), 'base64')))
  return [events, ...bytes]
}

/** A result without what depends on time and place. */
export function withoutPlace(result: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const { seconds: _, secondsOf: __, peakMemoryMiB: ___, run: ____, ...numbers } = result
  return numbers
}

/** The same of a run. */
export const numbersOf = async (run: string): Promise<unknown> =>
  withoutPlace(JSON.parse(await readFile(join(run, 'result.json'), 'utf8')))

/** The digit classifier for 16 pixels as an ONNX file of logits that takes pixels in [0, 1], as other people's do. */
export async function classifierFile(batch: number): Promise<Uint8Array> {
  const { config } = await digitClassifierRecord(16, 'judge')
  const { tensors } = await readSafetensors(digitClassifierPath(16, 'judge', 'safetensors'))
  const weights = Object.fromEntries(Object.entries(tensors).map(([name, value]) => [name, constant(value)]))
  const graph = trace({ image: { dtype: 'float32', shape: [batch, ...config.imageShape] } }, ({ image }) => {
    const { logits } = applyClassifier(config, weights, sub(mul(image, 2), 1))
    return { logits }
  })
  return encodeModel(graph)
}

/** A model folder with an untrained 16x16 network of 20 timesteps, and its ONNX file. */
export async function untrainedModel(folder: string, classes?: number): Promise<void> {
  const network = unet({ size: 16, channels: [8, 8], groups: 4, ...(classes !== undefined && { classes }) })
  const state = initialState(network, 1)
  const schedule = noiseSchedule({ family: 'cosine', timesteps: 20 })
  await saveModel(folder, { network, state, noiseSchedule: schedule, samplingSchedules: [] }, { onnx: true })
}
