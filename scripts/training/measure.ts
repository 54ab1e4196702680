/** A row of the grid at one seed: trained, then judged at the best default and at the learned sampling schedule. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { tensor } from '../../src/base/index.ts'
import { digits } from '../../src/data/index.ts'
import { codeOf, compileDenoiser, predictionOf, Trainer, train } from '../../src/diffusion/index.ts'
import { digitFeatures, digitJudge } from '../../src/metrics/files/index.ts'
import { evaluationReference } from '../../src/metrics/index.ts'
import { adamw, learningRate, unet } from '../../src/nn/index.ts'
import { learnSettings } from '../../src/tuners/index.ts'
import { planOf, rankDefaults } from '../../src/tuners/schedule/candidates.ts'
import { openJob } from '../../src/tuners/schedule/job.ts'
import type { ScheduleRow } from '../../src/tuners/schedule/result.ts'
import type { MeasuredRow, SamplingPlan } from '../../src/tuners/schedule/rows.ts'
import { measureRow } from '../../src/tuners/schedule/rows.ts'
import { Search } from '../../src/tuners/schedule/search/search.ts'
import { SEARCH_START } from '../../src/tuners/schedule/search/state.ts'
import { learnedSampler } from '../../src/tuners/schedule/settings/index.ts'
import type { GridRow } from './grid.ts'

/** How much is spent on a row. */
export interface Effort {
  readonly trainSteps: number
  readonly iterations: number
  readonly tuningSamples: number
  readonly images: number
  readonly samplingSeeds: readonly number[]
}

export interface KeptRow
  extends Pick<ScheduleRow, 'label' | 'sampler' | 'stepList' | 'fid' | 'judgeFid' | 'recognised'> {
  readonly fidBySeed: readonly number[]
  readonly judgeFidBySeed: readonly number[]
}

/** A row at one seed, as it is kept. */
export interface Cell {
  readonly row: string
  readonly seed: number
  /** Mean of the last 200 losses: of the row's own loss, so not to be compared between rows. */
  readonly loss: number
  /** By number of sampling steps. */
  at: Record<string, { readonly bestDefault: KeptRow; readonly learned: KeptRow; readonly kept: string | null }>
  seconds: number
}

const kept = ({ row, fidBySeed, judgeFidBySeed }: MeasuredRow): KeptRow => {
  const { label, sampler, stepList, fid, judgeFid, recognised } = row
  return {
    ...{ label, sampler, stepList, fid, judgeFid, recognised },
    fidBySeed: fidBySeed ?? [],
    judgeFidBySeed: judgeFidBySeed ?? [],
  }
}

/** What all rows share. */
export async function openGrid(effort: Effort) {
  const [data, features, judge] = await Promise.all([
    digits({ size: 16 }),
    digitFeatures({ size: 16 }),
    digitJudge({ size: 16 }),
  ])
  const network = unet({ size: 16, channels: [16, 32, 64], layersPerBlock: 1, groups: 8 })
  const { images, count, shape } = data.splits.heldOut
  const reference = await evaluationReference(tensor('float32', [count, ...shape], images), { features, judge })
  const { trainSteps, iterations, tuningSamples, images: samplesPerSeed, samplingSeeds } = effort
  const protocol = { features, judge, reference, measures: null, samplesPerSeed, samplingSeeds }

  /** The moving average of the weights, kept at `path`, and the last losses. */
  async function trained({ schedule, prediction, weighting }: GridRow, seed: number, path: string) {
    if (existsSync(path)) {
      const bytes = readFileSync(path)
      const all = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
      return { weights: all.slice(1), loss: all[0] }
    }
    const trainer = await Trainer.create({
      network,
      data: data.splits.train,
      timesteps: 1000,
      prediction,
      weighting,
      optimizer: adamw({ weightDecay: 0 }),
      batch: 64,
      seed,
    })
    const last: number[] = []
    const { ema } = await train(trainer, {
      steps: trainSteps,
      schedule: schedule(),
      rate: learningRate({ kind: 'constant', rate: 3e-3, warmUpSteps: 100 }),
      maxDecay: 0.998,
      passing: true,
      onStep: ({ step, loss }) => {
        if (step > trainSteps - 200) last.push(loss)
      },
    })
    await trainer.dispose()
    const loss = last.reduce((sum, value) => sum + value, 0) / last.length
    const weights = Float32Array.from(ema)
    const all = Float32Array.from([loss, ...weights])
    writeFileSync(path, new Uint8Array(all.buffer))
    return { weights, loss }
  }

  /** What is there already of a cell, gone on with. */
  return async function measured(
    row: GridRow,
    seed: number,
    steps: readonly number[],
    path: string,
    before: Cell | null,
    save: (cell: Cell) => void,
  ): Promise<void> {
    const began = Date.now()
    const spent = before?.seconds ?? 0
    const { weights, loss } = await trained(row, seed, path)
    const state = { weights, statistics: new Float32Array(0) }
    const schedule = codeOf(row.schedule())
    const prediction = predictionOf(row.prediction)
    const denoiser = await compileDenoiser({ network, state, batch: 64, binding: 'bound', prediction })
    const cell: Cell = before ?? { row: row.name, seed, loss, at: {}, seconds: 0 }
    for (const n of steps) {
      if (cell.at[n]) continue
      const job = await openJob({
        subject: { kind: 'pretrained', network, state, schedule, prediction },
        data,
        features,
        judge,
        settings: learnSettings({
          ...(row.prediction === 'flow' && { clippedNoise: 'recompute' }),
          ...{ samplingSteps: n, seed, free: ['levels', 'times'], iterations, tuningSamples, starts: 2 },
        }),
      })
      const [best] = await rankDefaults(job, denoiser)
      const incumbent = planOf(job, best)
      const search = new Search(job, denoiser, incumbent)
      const found = await search.run(SEARCH_START)
      const bestDefault = kept(await measureRow(denoiser, incumbent, protocol))
      const { sampling } = search.found(found)
      const plan: SamplingPlan = {
        ...{ label: `learned, ${n} steps`, stepList: 'learned', schedule: sampling },
        settings: learnedSampler(job.settings),
      }
      const isStart = found.decision?.kept === 'start'
      const learned = isStart ? bestDefault : kept(await measureRow(denoiser, plan, protocol))
      cell.at[n] = { bestDefault, learned, kept: found.decision?.kept ?? null }
      cell.seconds = Math.round(spent + (Date.now() - began) / 1000)
      save(cell)
    }
    await denoiser.dispose()
  }
}
