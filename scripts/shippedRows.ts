/**
 * What a shipped model is worth on the held-out split: default DDIM, the best default and the learned schedule at each number of steps, from the
 * same sampling seeds. The best default is chosen among all samplers and step lists on the tuning split.
 */
import { tensor } from '../src/base/index.ts'
import type { Dataset, Split } from '../src/data/index.ts'
import type { LoadedModel, SavedSchedule } from '../src/diffusion/files/index.ts'
import type { Denoiser } from '../src/diffusion/index.ts'
import { compileDenoiser, generate, samplerSettings, samplingScheduleFrom } from '../src/diffusion/index.ts'
import type { ClassifierFeatures, EvaluationReference, MeanAndStandardError } from '../src/metrics/index.ts'
import {
  evaluateImages,
  evaluationReference,
  frechetDistance,
  meanAndStandardError,
  pairedDifference,
  RECOGNISED_ABOVE,
  referenceMoments,
  verdictsOf,
} from '../src/metrics/index.ts'
import type { LearnSettings } from '../src/tuners/index.ts'
import { planOf, rankDefaults } from '../src/tuners/schedule/candidates.ts'

export interface Networks {
  readonly features: ClassifierFeatures
  readonly judge: ClassifierFeatures
}

export interface RowsRequest {
  readonly model: LoadedModel
  readonly data: Dataset
  readonly networks: Networks
  /** How the schedule of that many steps is or was learned. */
  readonly settingsAt: (steps: number) => LearnSettings
  readonly steps: readonly number[]
  readonly classes: number
  /** Images of each default in the search for the best one. */
  readonly candidateImages: number
  /** Images a sampling seed. */
  readonly images: number
  readonly seeds: readonly number[]
  readonly chunk: number
  readonly say: (text: string) => void
}

export type Role = 'default' | 'best' | 'learned'

/** A way of sampling, and whether its images are of the classes in turn or of the null class. */
interface Way extends Pick<SavedSchedule, 'schedule' | 'settings'> {
  readonly role: Role
  readonly label: string
  readonly stepList: string
  readonly conditional: boolean
}

/** A row of the record. */
export interface ShippedRow {
  readonly role: Role
  readonly label: string
  readonly classes: 'in turn' | 'null'
  readonly sampler: string
  readonly stepList: string
  readonly steps: number
  /** Fréchet distance to the held-out images, over sampling seeds, and of each. */
  readonly fid: number
  readonly standardError: number | null
  readonly fidBySeed: readonly number[]
  readonly judgeFid: number
  readonly recognised: number
  /** Share that the judge takes for the class that was asked for; null of the null class. */
  readonly ofItsClass: number | null
}

/** What learning gained: other minus learned at as many steps, paired over sampling seeds. */
export interface ShippedGain {
  /** Of the learned row. */
  readonly label: string
  readonly steps: number
  readonly over: Exclude<Role, 'learned'>
  readonly gain: Pick<MeanAndStandardError, 'mean' | 'standardError'>
}

export interface ShippedNumbers {
  readonly imagesPerSeed: number
  readonly samplingSeeds: readonly number[]
  readonly candidateImages: number
  /** Real tuning images against held-out ones, and how many held-out images the judge recognises. */
  readonly real: { readonly fid: number; readonly recognised: number }
  /** By number of steps, the nearest to the tuning images first: three of how many. */
  readonly candidates: Readonly<
    Record<
      string,
      { readonly tried: number; readonly first: readonly { sampler: string; stepList: string; fid: number }[] }
    >
  >
  readonly rows: readonly ShippedRow[]
  readonly gains: readonly ShippedGain[]
}

const imagesOf = ({ images, count, shape }: Split) => tensor('float32', [count, ...shape], images)

/** Measures every row. */
export async function shippedNumbers(request: RowsRequest): Promise<ShippedNumbers> {
  const { model, data, networks, steps: numbers, candidateImages, images, seeds, chunk, say } = request
  const { network, state } = model
  const denoiser = await compileDenoiser({ network, state, batch: chunk, binding: 'bound' })
  const reference = await evaluationReference(imagesOf(data.splits.heldOut), networks)
  const [rows, candidates]: [ShippedRow[], Record<string, ShippedNumbers['candidates'][string]>] = [[], {}]
  const measure = async (way: Way) => {
    const row = await measured(denoiser, way, request, reference)
    say(`${row.label}, classes ${row.classes}: FID ${row.fid.toFixed(2)}, recognised ${row.recognised.toFixed(3)}`)
    rows.push(row)
  }
  for (const steps of numbers) {
    const { ways, ...found } = await waysAt(denoiser, steps, request)
    candidates[steps] = found
    for (const way of ways) await measure(way)
    if (steps !== numbers.at(-1)) continue
    for (const way of ways) await measure({ ...way, conditional: false })
  }
  await denoiser.dispose()
  return {
    imagesPerSeed: images,
    samplingSeeds: seeds,
    candidateImages,
    real: await realRow(data, networks, reference),
    candidates,
    rows,
    gains: gainsOf(rows),
  }
}

async function waysAt(denoiser: Denoiser, steps: number, { model, data, networks, ...request }: RowsRequest) {
  const { noiseSchedule: schedule, samplingSchedules } = model
  const { classes, settingsAt, candidateImages: samples, say } = request
  const condition = (item: number) => item % classes
  const { features } = networks
  const job = {
    subject: { kind: 'foreign', denoiser, schedule } as const,
    settings: { ...settingsAt(steps), candidateSamples: samples },
    schedule,
    features,
    tuningReference: referenceMoments(await features.features(imagesOf(data.splits.tuning))),
    reward: null,
    condition,
  }
  const ranked = await rankDefaults(job, denoiser)
  const best = planOf(job, ranked[0])
  say(
    `${steps} steps: best default ${best.label} of ${ranked.length}, FID ${ranked[0].value.toFixed(2)} on the tuning split`,
  )
  const learned = samplingSchedules.filter((saved) => saved.schedule.levels.length === steps)
  const trailing = samplingScheduleFrom(schedule, 'trailing', steps)
  const ways: Way[] = [
    {
      role: 'default',
      label: `default ddim-${steps}`,
      stepList: 'trailing',
      schedule: trailing,
      settings: samplerSettings(),
    },
    {
      role: 'best',
      label: `best default-${steps}`,
      stepList: best.stepList,
      schedule: best.schedule,
      settings: best.settings,
    },
    ...learned.map(({ name, schedule, settings }) => ({
      role: 'learned',
      label: `learned ${name}`,
      stepList: 'learned',
      schedule,
      settings,
    })),
  ].map((way) => ({ ...way, conditional: true }) as Way)
  return {
    ways,
    tried: ranked.length,
    first: ranked.slice(0, 3).map(({ sampler, stepList, value: fid }) => ({ sampler, stepList, fid })),
  }
}

/** One row, on the held-out split. */
async function measured(
  denoiser: Denoiser,
  { role, label, stepList, schedule, settings, conditional }: Way,
  { images: count, seeds, classes, networks }: RowsRequest,
  reference: EvaluationReference,
): Promise<ShippedRow> {
  const condition = Int32Array.from({ length: count }, (_, item) => (conditional ? item % classes : classes))
  const found: { fid: number; judgeFid: number; recognised: number; right: number }[] = []
  for (const seed of seeds) {
    const { images } = await generate({ denoiser, schedule, settings, count, seed, condition })
    const { fid, judgeFid, recognised } = await evaluateImages(images, { ...networks, reference, pairwise: false })
    const told = verdictsOf(await networks.judge.probabilities(images)).classes
    const right = told.reduce((sum, value, i) => sum + Number(value === condition[i]), 0)
    found.push({
      fid: fid.value,
      judgeFid: judgeFid?.value ?? Number.NaN,
      recognised: recognised ?? Number.NaN,
      right: right / count,
    })
  }
  const over = (key: 'fid' | 'judgeFid' | 'recognised' | 'right') => meanAndStandardError(found.map((one) => one[key]))
  return {
    role,
    label,
    classes: conditional ? 'in turn' : 'null',
    sampler: settings.sampler,
    stepList,
    steps: schedule.levels.length,
    fid: over('fid').mean,
    standardError: over('fid').standardError,
    fidBySeed: found.map(({ fid }) => fid),
    judgeFid: over('judgeFid').mean,
    recognised: over('recognised').mean,
    ofItsClass: conditional ? over('right').mean : null,
  }
}

function gainsOf(rows: readonly ShippedRow[]): ShippedGain[] {
  const inTurn = rows.filter(({ classes }) => classes === 'in turn')
  return inTurn.flatMap((learned) => {
    if (learned.role !== 'learned') return []
    const { label, steps } = learned
    return inTurn.flatMap(({ role: over, steps: taken, fidBySeed }) => {
      if (over === 'learned' || taken !== steps) return []
      const { mean, standardError } = pairedDifference(fidBySeed, learned.fidBySeed)
      return [{ label, steps, over, gain: { mean, standardError } }]
    })
  })
}

async function realRow({ splits }: Dataset, { features, judge }: Networks, reference: EvaluationReference) {
  const { confidence } = verdictsOf(await judge.probabilities(imagesOf(splits.heldOut)))
  return {
    fid: frechetDistance(await features.features(imagesOf(splits.tuning)), reference.features).value,
    recognised: confidence.reduce((sum, value) => sum + Number(value > RECOGNISED_ABOVE), 0) / confidence.length,
  }
}
