/**
 * Which network of a run is sampled. A run that trained its network leaves two: the learned side's, in `model/`, and the default side's,
 * in `model-default/`, which trained on by what tuning cost and is what the default rows of its tables are measured with.
 */

import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
import { SAMPLERS } from '../../diffusion/index.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'
import { openModelAt } from './openModel.ts'
import { requirePromptsTaken } from './promptsUsed.ts'
import type { RunRecord } from './runRecord.ts'
import { runRecordOf } from './runRecord.ts'
import { chooseSampling } from './samplingChoice.ts'
import type { SamplingConfig } from './settings.ts'

/** Folder of the default side's network in a run folder. */
export const DEFAULT_SIDE = 'model-default'

export type Side = 'learned' | 'default'

/** A model to sample from, and whose network it is. */
export interface OpenedSide {
  readonly opened: OpenedModel
  /** Null where there is only one: no run, a run of a model that was trained before. */
  readonly side: Side | null
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
}

/**
 * Opens the side that is asked for; where none is, the default schedule is sampled with the default side's network, any other with the
 * learned side's.
 * @param path   a run, a model folder, or an ONNX file
 * @param guided a guidance decides the schedule
 * @throws `config.prompts` on prompts that the model takes none of; `sample.side` on the default side of what has none; what `openModelAt` and `chooseSampling` throw
 */
export async function openSide(
  path: string,
  config: SamplingConfig & Pick<OpenModelOptions, 'pictures'> & { readonly side: Side | null },
  guided = false,
): Promise<OpenedSide> {
  await requirePromptsTaken(path, config)
  const folder = join(path, DEFAULT_SIDE)
  const has = await stat(folder).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (config.side === 'default' && !has) {
    const rule = `the default side has a network of its own in the folder of a run that trained one (${folder})`
    throw inputError('sample.side', `${rule}, there is none; leave side out`)
  }
  const run = await runRecordOf(path)
  const opened = withRun(await openModelAt(path, config), run)
  const byDefault = !guided && (await chooseSampling(opened, config)).byDefault === true
  const side = config.side ?? (byDefault ? 'default' : 'learned')
  if (!has) return { opened, side: null, notes: byDefault && isTraining(run) ? [onlyLearned(path)] : [] }
  if (side === 'learned') return { opened, side, notes: [] }
  // The learned schedules stay on offer: they can be sampled with either network.
  await opened.close()
  const other = { ...withRun(await openModelAt(folder, config), run), schedules: opened.schedules }
  return { opened: other, side, notes: config.side === null ? [chosenBySchedule(folder)] : [] }
}

/** What a run did with the noise of clipped images in its rows of DDIM. */
function withRun(opened: OpenedModel, run: RunRecord | null): OpenedModel {
  const { clippedNoise, sampler } = run?.settings ?? {}
  if ((clippedNoise !== 'keep' && clippedNoise !== 'recompute') || ownWay(sampler)) return opened
  return { ...opened, clippedNoise }
}

/** Whether a sampler makes the noise of a clipped image anew by itself: what it did is then no wish for DDIM. */
const ownWay = (sampler: unknown): boolean =>
  SAMPLERS.some(({ name, usualClippedNoise }) => name === sampler && usualClippedNoise === 'recompute')

const isTraining = (run: RunRecord | null): boolean =>
  run?.command === 'schedule' && (run.settings.model === null || run.settings.learn !== 'sampling')

const onlyLearned = (path: string): string =>
  `${path} holds no network of the default side: what is sampled by default is the learned side's, which trained for fewer steps than the default rows of its table`

const chosenBySchedule = (folder: string): string =>
  `the default schedule is sampled with the default side's network, ${folder}, which trained on by what tuning cost; --side learned takes the other`
