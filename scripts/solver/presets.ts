/** Runs of a preset, as a user starts them: what is learned against the best default, on noise of the held-out rows, run by run. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { MeanAndStandardError } from '../../src/metrics/index.ts'
import { bilevel } from '../tinyRuns.ts'

/** What of a run's `--json` is kept. */
export interface PresetRow {
  readonly steps: number
  /** Of training, tuning and all other randomness but the sampling seeds of the rows. */
  readonly seed: number
  readonly learned: MeanAndStandardError
  readonly bestDefault: MeanAndStandardError & { readonly sampler: string; readonly stepList: string }
  /** FID of the best default, whose network trained on by what the search cost, less that of the learned one, paired over sampling seeds. */
  readonly gain: MeanAndStandardError
  /** The same of the best default at the network that the schedule was learned for. */
  readonly gainOverStart: MeanAndStandardError
  readonly kept: 'learned' | 'start' | null
  readonly seconds: number
}

interface Told {
  readonly samplingSteps: number
  readonly seed: number
  readonly learned: { readonly fid: MeanAndStandardError }
  readonly bestDefault: { readonly fid: MeanAndStandardError; readonly sampler: string; readonly stepList: string }
  readonly gain: { readonly overBestDefault: MeanAndStandardError; readonly overStart: MeanAndStandardError }
  readonly decision: { readonly kept: 'learned' | 'start' } | null
  readonly seconds: number
}

export function presetRow(json: string): PresetRow {
  const { samplingSteps, seed, learned, bestDefault, gain, decision, seconds } = JSON.parse(json) as Told
  const { fid, sampler, stepList } = bestDefault
  return {
    steps: samplingSteps,
    seed,
    learned: learned.fid,
    bestDefault: { ...fid, sampler, stepList },
    gain: gain.overBestDefault,
    gainOverStart: gain.overStart,
    kept: decision?.kept ?? null,
    seconds,
  }
}

/**
 * Runs `bilevel schedule --preset …` from the built command.
 *
 * @param runs where the run is kept, in a folder named by its seed; null: nowhere
 */
export async function runPreset(
  preset: string,
  seed: number,
  steps: number | null,
  runs: string | null,
): Promise<PresetRow> {
  const folder = mkdtempSync(join(tmpdir(), 'bilevel-preset-'))
  const counted = steps === null ? [] : ['--sampling-steps', String(steps)]
  const out = runs === null ? 'run' : resolve(runs, String(seed))
  const words = ['schedule', '--preset', preset, '--seed', String(seed), ...counted, '--out', out, '--json']
  try {
    return presetRow((await bilevel(words, folder)).stdout)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** How often the learned side is behind by more than so many standard errors. */
export const behind = (gains: readonly MeanAndStandardError[], errors: number): number =>
  gains.filter(({ mean, standardError }) => mean < -errors * (standardError ?? 0)).length

/** How often it is ahead by more than so many. */
export const ahead = (gains: readonly MeanAndStandardError[], errors: number): number =>
  gains.filter(({ mean, standardError }) => mean > errors * (standardError ?? 0)).length
