/** Rows of the comparison: a way of sampling, measured on the held-out split with several sampling seeds, the same for every row. */
import { sizeOf } from '../../base/index.ts'
import type { Denoiser, Images, Sampling } from '../../diffusion/index.ts'
import { generate, picturesOf } from '../../diffusion/index.ts'
import type { EvaluationReference, FeatureNetwork, ImageEvaluation } from '../../metrics/index.ts'
import { evaluateImages, meanAndStandardError, meanPairwiseDistance } from '../../metrics/index.ts'
import type { ObjectiveMeasure, RowMeasures } from './objectives/rowMeasures.ts'
import type { ScheduleRow } from './result.ts'

/** A way of sampling as a row of the comparison. */
export interface SamplingPlan extends Sampling {
  readonly label: string
  /** Name of the step list, or `learned`. */
  readonly stepList: string
}

/** With what a row is measured. */
export interface RowProtocol {
  /** Null: none. */
  readonly features: FeatureNetwork | null
  readonly judge: FeatureNetwork | null
  /** Real images in both networks; null without data: there is no distance to any. */
  readonly reference: EvaluationReference | null
  /** What else is measured; null: nothing. */
  readonly measures: RowMeasures | null
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
  /** Null without data. */
  readonly fidBySeed: readonly number[] | null
  readonly judgeFidBySeed: readonly number[] | null
  /** Of the objective; absent with objective fid. */
  readonly objectiveBySeed?: readonly number[]
  /** The sampling seeds, in order; absent in checkpoints of earlier releases. */
  readonly seeds?: readonly number[]
}

/** Pictures of a plan for one sampling seed: picture i depends on (seed, i) alone. */
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
  return picturesOf(denoiser, images)
}

export interface SampleRequest extends Pick<RowProtocol, 'condition' | 'signal' | 'onEvaluations'> {
  readonly count: number
  readonly seed: number
}

/** Of the images of one seed. */
interface SeedEvaluation extends Partial<ObjectiveMeasure> {
  /** Against real images; null without data. */
  readonly real: ImageEvaluation | null
  readonly diversity: number | null
}

/** Samples a plan with every seed and evaluates the images. */
export async function measureRow(denoiser: Denoiser, plan: SamplingPlan, protocol: RowProtocol): Promise<MeasuredRow> {
  const evaluations: SeedEvaluation[] = []
  for (const seed of protocol.samplingSeeds) {
    const images = await imagesOfPlan(denoiser, plan, { ...protocol, count: protocol.samplesPerSeed, seed })
    // What compares all pairs of images takes longer than sampling them: on the first seed only.
    const pairwise = evaluations.length === 0
    const measured = await protocol.measures?.(denoiser, images, seed)
    evaluations.push({ ...(await evaluated(images, protocol, pairwise)), ...measured })
  }
  return { ...summarise(plan, evaluations), seeds: [...protocol.samplingSeeds] }
}

/** Images that the diversity of pixels looks at, the first ones. */
const MOST_PAIRED = 1000

async function evaluated(
  images: Images,
  { features, judge, reference }: RowProtocol,
  pairwise: boolean,
): Promise<Pick<SeedEvaluation, 'real' | 'diversity'>> {
  if (features && reference) {
    const real = await evaluateImages(images, { features, judge, reference, pairwise })
    return { real, diversity: real.diversity?.meanPairwiseDistance ?? null }
  }
  return { real: null, diversity: pairwise ? await diversityOf(images, features) : null }
}

/** Mean pairwise distance in features, or of pixels. */
async function diversityOf(images: Images, features: FeatureNetwork | null): Promise<number | null> {
  const count = Math.min(images.shape[0], MOST_PAIRED)
  if (count < 2) return null
  const size = sizeOf(images.shape.slice(1))
  const some = {
    ...images,
    shape: [count, ...images.shape.slice(1)],
    data: images.data.subarray(0, count * size),
  } as Images
  const rows = features ? await features.features(some) : ({ ...some, shape: [count, size] } as Images)
  return meanPairwiseDistance(rows)
}

function summarise({ label, stepList, schedule, settings }: SamplingPlan, all: readonly SeedEvaluation[]): MeasuredRow {
  const known = (values: readonly (number | null | undefined)[]): number[] | null => {
    const numbers = values.filter((value) => typeof value === 'number')
    return numbers.length < values.length ? null : numbers
  }
  const estimate = (values: readonly number[] | null) => values && meanAndStandardError(values)
  const mean = (values: readonly (number | null | undefined)[]) => estimate(known(values))?.mean ?? null
  const fidBySeed = known(all.map(({ real }) => real?.fid.value))
  const judgeFidBySeed = known(all.map(({ real }) => real?.judgeFid?.value))
  const objectiveBySeed = known(all.map(({ objective }) => objective))
  const teacherBySeed = known(all.map(({ teacher }) => teacher))
  return {
    row: {
      label,
      sampler: settings.sampler,
      steps: schedule.levels.length,
      stepList,
      fid: estimate(fidBySeed),
      ...(objectiveBySeed && { objective: meanAndStandardError(objectiveBySeed) }),
      ...(teacherBySeed && { teacherDistance: meanAndStandardError(teacherBySeed) }),
      judgeFid: estimate(judgeFidBySeed),
      recognised: mean(all.map(({ real }) => real?.recognised)),
      inceptionScore: mean(all.map(({ real }) => real?.inceptionScore?.value)),
      kid: all[0].real?.kid ?? null,
      precision: all[0].real?.precisionRecall?.precision ?? null,
      recall: all[0].real?.precisionRecall?.recall ?? null,
      diversity: all[0].diversity,
    },
    fidBySeed,
    judgeFidBySeed,
    ...(objectiveBySeed && { objectiveBySeed }),
  }
}
