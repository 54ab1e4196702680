/** What a file of steps says: a scheduler's file, a list of sigmas or times, or a learned schedule. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
import type { SamplerSettings } from '../../diffusion/index.ts'
import { textTable } from '../../report/index.ts'
import type { GivenSteps } from '../convert/given.ts'
import { readGiven } from '../convert/given.ts'
import { resolveConvertConfig } from '../convert/settings.ts'
import { sigmasOf } from '../convert/targets.ts'
import { isModelFile } from '../opening/modelFile.ts'
import type { ShowConfig } from './settings.ts'

export interface ShownSteps {
  readonly steps: string
  /** In words, as `a list of sigmas`. */
  readonly what: string
  /** T; null: not known. */
  readonly timesteps: number | null
  readonly process: 'variance-preserving' | 'flow'
  /** Null: a list names none. */
  readonly sampler: SamplerSettings | null
  /** log(signal²/noise²), noisiest first; null: a list of times of no schedule. */
  readonly levels: readonly number[] | null
  /** noise / signal, of a flow the share of noise, the clean image's 0 behind; null as `levels`. */
  readonly sigmas: readonly number[] | null
  /** What the network is told; null: a list of sigmas of no schedule. */
  readonly times: readonly number[] | null
  /** Numbers of each step, by name; null: none. */
  readonly solver: GivenSteps['solver'] | null
  readonly notes: readonly string[]
}

/** Whether a path is that of a file, or of a folder of one schedule, and no model's. */
export async function isSteps(path: string): Promise<boolean> {
  if (isModelFile(path)) return false
  const found = await stat(path).catch(() => null)
  if (found?.isFile()) return true
  return found !== null && (await stat(join(path, 'sampling_schedule.json')).catch(() => null)) !== null
}

/** @throws `show.data`, and what reading it does */
export async function showSteps(path: string, config: ShowConfig): Promise<ShownSteps> {
  const { scheduler, data, prompts, steps, tokens } = config
  const ofModel = Object.entries({ data, prompts }).find(([, value]) => value !== null)
  if (ofModel) {
    throw inputError(
      'show.data',
      `data and prompts are for a model, and ${path} is a file of steps, got ${ofModel.join(' ')}; leave it out`,
    )
  }
  const given = await readGiven(
    path,
    resolveConvertConfig([{ source: 'the flags', values: { scheduler, steps, tokens } }]),
  )
  const { what, timesteps, path: process, settings, logSnr, times, solver, notes } = given
  return {
    steps: path,
    what,
    timesteps,
    process: process ?? 'variance-preserving',
    sampler: what.startsWith('a list') ? null : settings,
    levels: logSnr,
    sigmas: logSnr && sigmasOf(given),
    times,
    solver: solver ?? null,
    notes,
  }
}

/** Of more steps the first and the last are shown. */
const MOST_ROWS = 12

/** For a person. */
export function stepsText(shown: ShownSteps): string {
  const { steps: path, what, timesteps, process, sampler, levels, sigmas, times, solver, notes } = shown
  const count = (levels ?? times)!.length
  const known = timesteps === null ? 'of a schedule that is not known (--scheduler FILE)' : `of T = ${timesteps}`
  const rows = Array.from({ length: count }, (_, i) => [
    String(i + 1),
    levels ? short(levels[i]) : '–',
    sigmas ? short(sigmas[i]) : '–',
    times ? short(times[i]) : '–',
  ])
  const half = MOST_ROWS / 2
  const some = count <= MOST_ROWS ? rows : [...rows.slice(0, half), ['…', '', '', ''], ...rows.slice(-half)]
  return [
    path,
    `  ${what}: ${count} steps ${known}${process === 'flow' ? ', a flow' : ''}`,
    ...(sampler ? [`  ${sampler.sampler}, ${clipWords(sampler)}`] : []),
    ...(solver ? [`  numbers of each step: ${Object.keys(solver).join(', ')}`] : []),
    ...textTable([['step', 'log(signal²/noise²)', 'sigma', 'told time'], ...some], 1).map((line) =>
      line.replaceAll('\u00a0', ' ').trimEnd(),
    ),
    ...notes.map((note) => `note: ${note}`),
  ].join('\n')
}

const clipWords = ({ clip }: SamplerSettings): string => (clip ? `clipped to [${clip.join(', ')}]` : 'no clipping')

const short = (value: number): string => String(Number(value.toPrecision(5)))
