/** A run's report: its Python run by the real library, its command line run as printed, from the same noise. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseHTML } from 'linkedom'
import { sizeOf, tensor } from '../../src/base/index.ts'
import { readSamplingSchedule } from '../../src/diffusion/files/index.ts'
import { startNoise, stepNoise } from '../../src/diffusion/index.ts'
import { readSafetensors } from '../../src/files/index.ts'
import { encodeSafetensors } from '../../src/nn/index.ts'
import type { Case, Outcome, Workplace } from './case.ts'

export const SEED = 7

/** What `run_printed.py` says of the real classes. */
export interface Said {
  readonly class: string
  readonly steps: number
  readonly drawn: number
  readonly defaulted: readonly string[]
  readonly said: readonly string[]
}

export interface ReportOptions {
  readonly name: string
  readonly about: string
  /** Flags of `bilevel schedule --preset tiny`. */
  readonly flags: readonly string[]
  /** What must lie in the folder first. */
  readonly prepare?: (at: Workplace) => Promise<void>
  /** Largest difference that passes. Default 1e-3. */
  readonly bound?: number
  /** The class that must run it; absent: whatever is kept. */
  readonly scheduler?: string
  /** Also in diffusers' own pipeline. */
  readonly pipeline?: boolean
}

/** The run folder's name needs quotes in a shell and in Python. */
const RUN = `it's a "run"`

export function reportCase(options: ReportOptions): Case {
  const { name, about, flags, prepare, bound = 1e-3, scheduler, pipeline = false } = options
  return {
    name,
    about,
    bound,
    async run(at) {
      await prepare?.(at)
      const schedule = ['schedule', '--preset', 'tiny', ...flags]
      at.bilevel([...schedule, '--out', RUN])
      const { python, shell } = await printed(join(at.folder, RUN, 'report.html'))
      const noise = await writeNoise(at, python)
      at.shell(`${shell} --count ${noise.count} --seed ${SEED} --out ours`)
      const { samples } = (await readSafetensors(join(at.folder, 'ours', 'samples.safetensors'))).tensors
      await writeFile(join(at.folder, 'printed.py'), python)
      const said = at.python('run_printed.py', ['printed.py', 'noise.safetensors', 'theirs.safetensors']) as Said
      requireClean(said, scheduler)
      const { x } = (await readSafetensors(join(at.folder, 'theirs.safetensors'))).tensors
      const apart = compared(samples.data as Float32Array, x.data as Float32Array)
      const facts = {
        run: ['bilevel', ...schedule].join(' '),
        class: said.class,
        steps: said.steps,
        noiseDrawn: said.drawn,
        images: noise.count,
      }
      if (!pipeline) return { ...apart, facts }
      const inPipeline = await pipelineOf(at, noise.name, said.steps, samples.data as Float32Array)
      return {
        ...apart,
        largest: Math.max(apart.largest, inPipeline.largest),
        facts: { ...facts, pipelines: inPipeline.pipelines },
      }
    },
  }
}

/** The code blocks of a report, as a reader copies them. */
async function printed(report: string): Promise<{ python: string; shell: string }> {
  const { document } = parseHTML(await readFile(report, 'utf8'))
  const text = (kind: string): string => {
    const found = document.querySelector(`code.${kind}`)?.textContent
    if (!found) throw new Error(`${report} prints no ${kind}`)
    return found
  }
  return { python: text('python'), shell: text('shell') }
}

/** Our start noise, and that of each step, for as many images as the code draws. */
async function writeNoise({ folder }: Workplace, python: string): Promise<{ count: number; name: string }> {
  const [count, ...imageShape] = (/torch\.randn\(([\d, ]+)\)/.exec(python)?.[1] ?? '').split(', ').map(Number)
  const name = /schedules\/([^/"]+)/.exec(python)?.[1] ?? ''
  const file = join(folder, RUN, 'model', 'schedules', name, 'sampling_schedule.json')
  const { schedule } = readSamplingSchedule(await readFile(file, 'utf8'), file)
  await writeNoiseOf({ folder }, { count, imageShape, steps: schedule.levels.length })
  return { count, name }
}

/** `noise.safetensors`: our start noise, and that of so many steps. */
export async function writeNoiseOf(
  { folder }: Pick<Workplace, 'folder'>,
  wanted: { readonly count: number; readonly imageShape: readonly number[]; readonly steps: number },
): Promise<void> {
  const { count, imageShape, steps } = wanted
  const start = startNoise({ imageShape, count, seed: SEED })
  const size = count * sizeOf(imageShape)
  const noise = new Float32Array(steps * size)
  for (let step = 0; step < steps; step++) {
    stepNoise(noise.subarray(step * size, (step + 1) * size), { count, seed: SEED, firstItem: 0, step })
  }
  const tensors = { start, steps: tensor('float32', [steps, count, ...imageShape], noise) }
  await writeFile(join(folder, 'noise.safetensors'), encodeSafetensors(tensors))
}

/** @throws where another class ran, or the real classes filled in a field or warned */
export function requireClean({ class: ran, defaulted, said }: Said, scheduler?: string): void {
  if (scheduler !== undefined && ran !== scheduler) throw new Error(`${scheduler} must run it, ${ran} did`)
  if (defaulted.length > 0) throw new Error(`the config leaves fields to their defaults: ${defaulted.join(', ')}`)
  if (said.length > 0) throw new Error(`diffusers warned: ${said.join(' | ')}`)
}

async function pipelineOf(at: Workplace, schedule: string, steps: number, ours: Float32Array) {
  await mkdir(join(at.folder, 'pipeline'))
  const file = 'pipeline/theirs.safetensors'
  const said = at.python('run_pipeline.py', [RUN, schedule, String(steps), 'noise.safetensors', file]) as {
    readonly class: string
    readonly made: readonly { readonly pipeline: string; readonly scheduler: string }[]
  }
  if (said.class !== 'DDPMPipeline') throw new Error(`model_index.json must name DDPMPipeline, it made ${said.class}`)
  const cut = ours.map((value) => Math.max(-1, Math.min(1, value)))
  const { tensors } = await readSafetensors(join(at.folder, file))
  let largest = 0
  for (const { data } of Object.values(tensors)) {
    // The pipeline gives pixels in [0, 1], cut.
    const apart = compared(
      cut,
      Float32Array.from(data as Float32Array, (value) => 2 * value - 1),
    ).largest
    if (!(apart <= largest)) largest = apart
  }
  const pipelines = said.made.map(({ pipeline, scheduler }) => `${pipeline} with ${scheduler}`)
  return { pipelines: [...new Set(pipelines)], largest }
}

export function compared(ours: Float32Array, theirs: Float32Array): Pick<Outcome, 'largest' | 'rms'> {
  if (ours.length !== theirs.length) throw new Error(`${ours.length} numbers of ours, ${theirs.length} of theirs`)
  let [largest, squares] = [0, 0]
  for (const [i, value] of ours.entries()) {
    const apart = Math.abs(value - theirs[i])
    // NaN is no small difference.
    if (!(apart <= largest)) largest = apart
    squares += apart ** 2
  }
  return { largest, rms: Math.sqrt(squares / ours.length) }
}
