/** What a learned schedule is worth where it was not learned: other training seeds of the same preset, images of no class. */
import { readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { MeanAndStandardError } from '../../src/metrics/index.ts'
import { bilevel } from '../tinyRuns.ts'
import type { KeptRow } from './measure.ts'

/** A schedule of one run on the network of another. */
export interface TransferRow {
  readonly learnedOn: number
  readonly usedOn: number
  readonly fid: MeanAndStandardError
}

/** What was learned at so many steps, used elsewhere, and the best default there. */
export interface ElsewhereRow {
  readonly steps: number
  readonly learned: KeptRow
  readonly bestDefault: KeptRow
}

export interface TransferRecord {
  readonly command: string
  readonly commit: string
  /** Runs of preset quick, by training seed. */
  seeds: TransferRow[]
  /** The shipped digits-16 by the number of steps that was learned for: images of no class; one step more. */
  withoutClass: ElsewhereRow[]
  oneMoreStep: ElsewhereRow[]
}

/** @param runs a folder of run folders, each named by its seed */
export async function transferRow(runs: string, learnedOn: number, usedOn: number): Promise<TransferRow> {
  const schedules = resolve(runs, String(learnedOn), 'model/schedules')
  const [name] = readdirSync(schedules)
  const schedule = join(schedules, name, 'sampling_schedule.json')
  const effort = ['--samples', '2000', '--seeds', '21,22', '--side', 'learned', '--json']
  const words = ['evaluate', resolve(runs, String(usedOn)), '--schedule', schedule, ...effort]
  const { fid } = JSON.parse((await bilevel(words, process.cwd())).stdout) as { fid: MeanAndStandardError }
  return { learnedOn, usedOn, fid }
}
