/** Rows of the comparison: a way of sampling, measured on the held-out split with several sampling seeds, the same for every row. */
import type { Denoiser, Images, Sampling } from '../../diffusion/index.ts'
import { generate } from '../../diffusion/index.ts'
import type { EvaluationNetworks, EvaluationReference, ImageEvaluation } from '../../metrics/index.ts'
import { evaluateImages, meanAndStandardError } from '../../metrics/index.ts'
import type { ScheduleRow } from './result.ts'

/** A way of sampling as a row of the comparison. */
export interface SamplingPlan extends Sampling {
  readonly label: string
  /** Name of the step list, or `learned`. */
  readonly stepList: string
}

/** With what a row is measured. */
export interface RowProtocol extends EvaluationNetworks {
  readonly reference: EvaluationReference
  /** Images per sampling seed. */
  readonly samplesPerSeed: number
  readonly samplingSeeds: readonly number[]
  /** Class of each image; unconditional if absent. */
  readonly condition?: (item: number) => number
  readonly signal?: AbortSignal
  /** Network evaluations done since the last call. */
  readonly onEvaluations?: (count: number) => void
}

/** A row with its values by sampling seed, from which paired differences are made. */
export interface MeasuredRow {
  readonly row: ScheduleRow
  readonly fidBySeed: readonly number[]
  readonly judgeFidBySeed: readonly number[] | null
}

/** Images of a plan for one sampling seed: image i depends on (seed, i) alone. */
export async function imagesOfPlan(
  denoiser: Denoiser,
  { schedule, settings }: SamplingPlan,
  { count, seed, condition, signal, onEvaluations }: SampleRequest,
): Promise<Images> {
  let reported = 0
  const { images } = await generate({
    denoiser,
    schedule,
    settings,
    count,
    seed,
    ...(condition && { condition: Int32Array.from({ length: count }, (_, item) => condition(item)) }),
    ...(signal && { signal }),
    onProgress(done) {
      onEvaluations?.(done - reported)
      reported = done
    },
  })
  return images
}

export interface SampleRequest extends Pick<RowProtocol, 'condition' | 'signal' | 'onEvaluations'> {
  readonly count: number
  readonly seed: number
}

/** Samples a plan with every seed and evaluates the images. */
export async function measureRow(denoiser: Denoiser, plan: SamplingPlan, protocol: RowProtocol): Promise<MeasuredRow> {
  const evaluations: ImageEvaluation[] = []
  for (const seed of protocol.samplingSeeds) {
    const images = await imagesOfPlan(denoiser, plan, { ...protocol, count: protocol.samplesPerSeed, seed })
    // What compares all pairs of images takes longer than sampling them: on the first seed only.
    evaluations.push(await evaluateImages(images, { ...protocol, pairwise: evaluations.length === 0 }))
  }
  return summarise(plan, evaluations)
}

function summarise(
  { label, stepList, schedule, settings }: SamplingPlan,
  all: readonly ImageEvaluation[],
): MeasuredRow {
  const mean = (values: readonly (number | null | undefined)[]) => {
    const known = values.filter((value) => typeof value === 'number')
    return known.length < values.length ? null : meanAndStandardError(known).mean
  }
  const fidBySeed = all.map(({ fid }) => fid.value)
  const judgeFidBySeed = all.flatMap(({ judgeFid }) => (judgeFid ? [judgeFid.value] : []))
  const judged = judgeFidBySeed.length === all.length
  return {
    row: {
      label,
      sampler: settings.sampler,
      steps: schedule.levels.length,
      stepList,
      fid: meanAndStandardError(fidBySeed),
      judgeFid: judged ? meanAndStandardError(judgeFidBySeed) : null,
      recognised: mean(all.map(({ recognised }) => recognised)),
      inceptionScore: mean(all.map(({ inceptionScore }) => inceptionScore?.value)),
      diversity: all[0].diversity?.meanPairwiseDistance ?? null,
    },
    fidBySeed,
    judgeFidBySeed: judged ? judgeFidBySeed : null,
  }
}
