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

const SEED = 7

/** What `run_printed.py` says of the real classes. */
interface Said {
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
  /** Also in diffusers' own pipeline. */
  readonly pipeline?: boolean
}

/** The run folder's name needs quotes in a shell and in Python. */
const RUN = `it's a "run"`

export function reportCase({ name, about, flags, prepare, bound = 1e-3, pipeline = false }: ReportOptions): Case {
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
      requireClean(said)
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
        facts: { ...facts, pipeline: inPipeline.class },
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
  const start = startNoise({ imageShape, count, seed: SEED })
  const size = count * sizeOf(imageShape)
  const steps = new Float32Array(schedule.levels.length * size)
  for (let step = 0; step < schedule.levels.length; step++) {
    stepNoise(steps.subarray(step * size, (step + 1) * size), { count, seed: SEED, firstItem: 0, step })
  }
  const tensors = { start, steps: tensor('float32', [schedule.levels.length, count, ...imageShape], steps) }
  await writeFile(join(folder, 'noise.safetensors'), encodeSafetensors(tensors))
  return { count, name }
}

/** @throws where the real classes filled in a field or warned */
function requireClean({ defaulted, said }: Said): void {
  if (defaulted.length > 0) throw new Error(`the config leaves fields to their defaults: ${defaulted.join(', ')}`)
  if (said.length > 0) throw new Error(`diffusers warned: ${said.join(' | ')}`)
}

async function pipelineOf(at: Workplace, schedule: string, steps: number, ours: Float32Array) {
  await mkdir(join(at.folder, 'pipeline'))
  const args = [RUN, schedule, String(steps), 'noise.safetensors', 'pipeline/theirs.safetensors']
  const said = at.python('run_pipeline.py', args) as { readonly class: string; readonly steps: number }
  if (said.class !== 'DDPMPipeline') throw new Error(`model_index.json must name DDPMPipeline, it made ${said.class}`)
  const { x } = (await readSafetensors(join(at.folder, 'pipeline', 'theirs.safetensors'))).tensors
  // The pipeline gives pixels in [0, 1], cut.
  const pixels = Float32Array.from(x.data as Float32Array, (value) => 2 * value - 1)
  const cut = ours.map((value) => Math.max(-1, Math.min(1, value)))
  return { class: said.class, largest: compared(cut, pixels).largest }
}

function compared(ours: Float32Array, theirs: Float32Array): Pick<Outcome, 'largest' | 'rms'> {
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
