/** `bilevel sample --print python`, run as printed, against the same command's images from the same noise. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSafetensors } from '../../src/files/index.ts'
import type { Case, Workplace } from './case.ts'
import type { Said } from './reportCase.ts'
import { compared, requireClean, SEED, writeNoiseOf } from './reportCase.ts'

export interface PrintedOptions {
  readonly name: string
  readonly about: string
  /** The model and flags of `bilevel sample`. */
  readonly args: readonly string[]
  readonly steps: number
  /** The class that must run it; absent: whatever is printed. */
  readonly scheduler?: string
  readonly imageShape: readonly number[]
  readonly prepare?: (at: Workplace) => Promise<void>
  /** Takes seconds. */
  readonly quick?: true
  /** Also in `StableDiffusionPipeline` on the folder that the code names, guided so much, with its scheduler. */
  readonly pipeline?: { readonly scale: number }
}

const COUNT = 12

export function printedCase(options: PrintedOptions): Case {
  const { name, about, args, steps, scheduler, imageShape, prepare, quick, pipeline } = options
  return {
    name,
    about,
    bound: 1e-3,
    ...(quick && { quick }),
    async run(at) {
      await prepare?.(at)
      const flags = [...args, '--count', String(COUNT)]
      const python = at.bilevel(['sample', ...flags, '--print', 'python'])
      at.bilevel(['sample', ...flags, '--seed', String(SEED), '--out', 'ours'])
      await writeNoiseOf(at, { count: COUNT, imageShape, steps })
      await writeFile(join(at.folder, 'printed.py'), python)
      const said = at.python('run_printed.py', ['printed.py', 'noise.safetensors', 'theirs.safetensors']) as Said
      requireClean(said, scheduler)
      const { samples } = (await readSafetensors(join(at.folder, 'ours', 'samples.safetensors'))).tensors
      const { x } = (await readSafetensors(join(at.folder, 'theirs.safetensors'))).tensors
      const apart = compared(samples.data as Float32Array, x.data as Float32Array)
      const run = ['bilevel', 'sample', ...flags, '--print', 'python'].join(' ')
      const facts = { run, class: said.class, steps: said.steps, noiseDrawn: said.drawn, images: COUNT }
      if (!pipeline) return { ...apart, facts }
      const drawn = ['printed.py', 'noise.safetensors', 'pipeline.safetensors', String(pipeline.scale)]
      const found = at.python('run_prompts.py', drawn) as { readonly class: string }
      const own = (await readSafetensors(join(at.folder, 'pipeline.safetensors'))).tensors.x
      const inPipeline = compared(samples.data as Float32Array, own.data as Float32Array)
      const largest = Math.max(apart.largest, inPipeline.largest)
      return { ...apart, largest, facts: { ...facts, pipelines: [found.class] } }
    },
  }
}
