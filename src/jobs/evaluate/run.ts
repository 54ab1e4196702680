/** A model's images against held-out ones: every metric with its standard error over sampling seeds, and how it was made. */

import { tensor } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { generate, picturesOf } from '../../diffusion/index.ts'
import type { EvaluationReference, FeatureNetwork, ImageEvaluation, MeanAndStandardError } from '../../metrics/index.ts'
import {
  evaluateImages,
  evaluationReference,
  frechetDistance,
  meanAndStandardError,
  recognisedShare,
} from '../../metrics/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { changeNotesOf } from '../../runs/index.ts'
import type { WorkHooks } from '../job.ts'
import { classOfImage, withClassNames } from '../opening/classChoice.ts'
import { openGuidedDenoiser } from '../opening/classGuidance.ts'
import { noFidText, splitCounts, whyNoFid } from '../opening/fewImages.ts'
import type { MeasuringNetworks } from '../opening/measuringNetworks.ts'
import { openMeasuring } from '../opening/measuringNetworks.ts'
import { runRecordOf } from '../opening/runRecord.ts'
import type { Side } from '../opening/runSide.ts'
import { openSide } from '../opening/runSide.ts'
import type { SamplingChoice } from '../opening/samplingChoice.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import type { ScheduleNumbers } from '../opening/scheduleNumbers.ts'
import { scheduleNumbers } from '../opening/scheduleNumbers.ts'
import type { HeldOutKnowledge } from '../opening/seenImages.ts'
import { heldOutNotes, leftOutText, seenBy, tunedBy, unseen } from '../opening/seenImages.ts'
import { sharedData } from '../opening/sharedData.ts'
import { comparedCounts, noFidNotes } from './figures.ts'
import type { EvaluateConfig } from './settings.ts'
import { evaluateLayerOf, resolveEvaluateConfig } from './settings.ts'

type Estimate = MeanAndStandardError

/** `accuracy`: the share of labelled real images that it names rightly, of `askedImages`; null where it cannot be asked. */
interface JudgeReport {
  readonly name: string
  readonly sha256: string
  readonly accuracy: number | null
  readonly askedImages: number
}

interface RealImages {
  readonly fid: number | null
  readonly recognised: number | null
}

export interface EvaluationReport {
  readonly model: string
  /** Whose network of a run it is: `default` is `model-default/` in its folder; null where there is only one. */
  readonly side: Side | null
  readonly schedule: ScheduleNumbers
  /** Names with hashes: `fid` and what follows it are in the features of the first, `judgeFid`, `recognised` and `inceptionScore` the judge's. */
  readonly featureNetwork: { readonly name: string; readonly sha256: string; readonly dimensions: number }
  readonly judgeNetwork: JudgeReport | null
  /** Null, and `judgeFid` too, where there are no more images on either side than features. */
  readonly fid: Estimate | null
  readonly kid: Estimate | null
  readonly precision: Estimate | null
  readonly recall: Estimate | null
  readonly diversity: Estimate | null
  readonly judgeFid: Estimate | null
  readonly recognised: Estimate | null
  readonly inceptionScore: Estimate | null
  /** Real tuning images against the held-out ones: what a perfect model would score; the share of them that the judge recognises, null without one. */
  readonly real: RealImages
  readonly protocol: {
    readonly data: string
    readonly split: 'heldOut'
    readonly heldOutImages: number
    /** Whether the model, and the schedule, are known not to have seen the held-out images. */
    readonly heldOutKnown: boolean
    /** Images that the model has seen and that were left out of the splits. */
    readonly leftOut: HeldOutKnowledge['leftOut']
    readonly samplesPerSeed: number
    readonly samplingSeeds: readonly number[]
    /** Of all images; null: the classes in turn, where there are some. */
    readonly class: EvaluateConfig['class']
    /** Of classifier-free guidance towards the class; null: none. */
    readonly guidanceScale: number | null
  }
  /** What a reader must know of model and networks, a sentence each. */
  readonly notes: readonly string[]
  readonly networkEvaluations: number
  /** Beside them: those by which the model was tried and its convention found. */
  readonly checkingEvaluations: number
  readonly seconds: number
}

/**
 * @param path a run, a model folder, or an ONNX file
 * @param given settings over those of the run, if the path is one
 * @throws `schedule.tooFewImages` where there is one image a seed, `sample.*`; what opening, sampling and measuring throw
 */
export async function evaluateModel(
  path: string,
  given: SettingsLayer | readonly SettingsLayer[],
  hooks: WorkHooks = {},
): Promise<{ readonly json: EvaluationReport; readonly summary: string }> {
  const began = performance.now()
  const run = await runRecordOf(path)
  const config = await evaluateConfigOf(path, given)
  const shared = sharedData({ ...config, size: null })
  const { opened, side, notes: sideNotes } = await openSide(path, { ...config, pictures: shared.pictures })
  for (const note of await changeNotesOf([config.schedule, config.scheduler])) hooks.onNote?.(note)
  if (run?.command === 'entropy')
    hooks.onNote?.(`${path} tuned a guidance: what is measured here is its model, unguided`)
  const closers = [opened.close]
  try {
    const choice = await chooseSampling(opened, config)
    const { denoiser, close } = await openGuidedDenoiser(opened, config, choice)
    closers.unshift(close)
    const { data, heldOut, seenNotes } = await unseenData(path, config, await shared.open(opened.pictureShape))
    const networks = await openMeasuring(config, data)
    try {
      const few = noFidNotes(data, config, networks, leftOutText(heldOut.leftOut))
      const notes = [...opened.notes, ...sideNotes, ...choice.notes, ...seenNotes, ...networks.notes, ...few]
      for (const note of notes) hooks.onNote?.(note)
      const reference = await evaluationReference(heldOutOf(data), networks)
      const classOf = classOfImage(withClassNames(opened, data.classes), config.class, data.classes.length)
      const measured = await measure({ classOf, denoiser, choice, networks, reference, config, hooks })
      const tuning = tuningOf(data)
      const real = {
        fid: whyNoFid(splitCounts(data), networks.features)
          ? null
          : frechetDistance(await networks.features.features(tuning), reference.features).value,
        recognised: networks.judge && (await recognisedShare(tuning, networks.judge)),
      }
      const found = { path, side, choice, networks, data, heldOut, config, measured, real, notes, began }
      const json = reportOf({ ...found, checking: opened.evaluations })
      return { json, summary: summaryOf(json) }
    } finally {
      await networks.close()
    }
  } finally {
    for (const closeOne of closers) await closeOne()
  }
}

/** The data without what the model has seen, or the schedule was tuned on, and what is to be said of that. */
async function unseenData(path: string, { schedule }: EvaluateConfig, whole: Dataset) {
  const seen = await seenBy(path, whole.shape[1])
  const file = schedule !== null && /\.(json|txt)$/i.test(schedule) ? schedule : null
  const tuned = file === null ? new Set<string>() : await tunedBy(file)
  const found = unseen(whole, {
    trained: seen.trained,
    tuned: new Set([...seen.tuned, ...(tuned ?? [])]),
    complete: seen.complete && tuned !== null,
  })
  const unknown = seen.complete ? `what images ${file} was tuned on` : undefined
  return { ...found, seenNotes: heldOutNotes(found.heldOut, path, unknown) }
}

/** The settings that a model is evaluated with: what is given, over those of the run if it is one. */
export async function evaluateConfigOf(
  path: string,
  given: SettingsLayer | readonly SettingsLayer[],
): Promise<EvaluateConfig> {
  return resolveEvaluateConfig([...(await evaluateLayers(path)), ...[given].flat()])
}

/** The settings of the run that the path is of, if it is one. */
export async function evaluateLayers(path: string): Promise<readonly SettingsLayer[]> {
  const run = await runRecordOf(path)
  return run ? [evaluateLayerOf(path, run)] : []
}

const heldOutOf = ({ splits: { heldOut }, shape }: Dataset) =>
  tensor('float32', [heldOut.count, ...shape], heldOut.images)
const tuningOf = ({ splits: { tuning }, shape }: Dataset) => tensor('float32', [tuning.count, ...shape], tuning.images)

interface Measurement {
  readonly classOf: ReturnType<typeof classOfImage>
  readonly denoiser: Parameters<typeof generate>[0]['denoiser']
  readonly choice: SamplingChoice
  readonly networks: MeasuringNetworks
  readonly reference: EvaluationReference
  readonly config: EvaluateConfig
  readonly hooks: WorkHooks
}

async function measure(work: Measurement): Promise<{ evaluations: ImageEvaluation[]; networkEvaluations: number }> {
  const { classOf, denoiser, choice, networks, reference, config, hooks } = work
  const { samples: count, samplingSeeds: seeds } = config
  const evaluations: ImageEvaluation[] = []
  let networkEvaluations = 0
  for (const seed of seeds) {
    const before = networkEvaluations
    const { images, evaluations: spent } = await generate({
      denoiser,
      schedule: choice.schedule,
      settings: choice.settings,
      ...(choice.own && { own: choice.own }),
      count,
      seed,
      ...(classOf && { condition: Int32Array.from({ length: count }, (_, item) => classOf(item)) }),
      ...(hooks.signal && { signal: hooks.signal }),
      onProgress: (done, total) =>
        hooks.onProgress?.({
          phase: 'evaluate',
          done: before + done,
          total: total * seeds.length,
          detail: `seed ${seed}`,
        }),
    })
    networkEvaluations += spent
    evaluations.push(await evaluateImages(await picturesOf(denoiser, images), { ...networks, reference }))
  }
  return { evaluations, networkEvaluations }
}

interface Findings {
  readonly path: string
  readonly side: Side | null
  readonly choice: SamplingChoice
  readonly networks: MeasuringNetworks
  readonly data: Dataset
  readonly heldOut: HeldOutKnowledge
  readonly config: EvaluateConfig
  readonly measured: { readonly evaluations: readonly ImageEvaluation[]; readonly networkEvaluations: number }
  readonly real: RealImages
  readonly notes: readonly string[]
  readonly checking: number
  readonly began: number
}

function reportOf({
  path,
  side,
  choice,
  networks,
  data,
  heldOut,
  config,
  measured,
  real,
  notes,
  checking,
  began,
}: Findings): EvaluationReport {
  const { evaluations, networkEvaluations } = measured
  const over = (value: (evaluation: ImageEvaluation) => number | null | undefined): Estimate | null => {
    const values = evaluations.map(value).filter((found) => typeof found === 'number')
    return values.length === evaluations.length ? meanAndStandardError(values) : null
  }
  const { features, judge, judgeKnowledge } = networks
  const allows = (network: FeatureNetwork | null) =>
    network !== null && whyNoFid(comparedCounts(data, config), network) === null
  return {
    model: path,
    side,
    schedule: scheduleNumbers(choice),
    featureNetwork: { name: features.name, sha256: features.hash, dimensions: features.dimensions },
    judgeNetwork: judge && {
      name: judge.name,
      sha256: judge.hash,
      accuracy: judgeKnowledge?.accuracy ?? null,
      askedImages: judgeKnowledge?.images ?? 0,
    },
    fid: allows(features) ? over(({ fid }) => fid.value) : null,
    kid: over(({ kid }) => kid),
    precision: over(({ precisionRecall }) => precisionRecall?.precision),
    recall: over(({ precisionRecall }) => precisionRecall?.recall),
    diversity: over(({ diversity }) => diversity?.meanPairwiseDistance),
    judgeFid: allows(judge) ? over(({ judgeFid }) => judgeFid?.value) : null,
    recognised: over(({ recognised }) => recognised),
    inceptionScore: over(({ inceptionScore }) => inceptionScore?.value),
    real,
    protocol: {
      data: `${data.name} (${data.provenance.source}): ${data.provenance.rule}`,
      split: 'heldOut',
      heldOutImages: data.splits.heldOut.count,
      heldOutKnown: heldOut.known,
      leftOut: heldOut.leftOut,
      samplesPerSeed: config.samples,
      samplingSeeds: config.samplingSeeds,
      class: config.class,
      guidanceScale: config.guidanceScale,
    },
    notes,
    networkEvaluations,
    checkingEvaluations: checking,
    seconds: (performance.now() - began) / 1000,
  }
}

/** The numbers as lines of text. */
function summaryOf(report: EvaluationReport): string {
  const { schedule, protocol, featureNetwork, judgeNetwork, real } = report
  const rows: [string, Estimate | null][] = [
    ['KID', report.kid],
    ['precision', report.precision],
    ['recall', report.recall],
    ['diversity', report.diversity],
    ["judge's FID", report.judgeFid],
    ['recognised', report.recognised],
    ['inception score', report.inceptionScore],
  ]
  const lines = rows.flatMap(([name, estimate]) => (estimate ? [`${name.padEnd(16)}${estimateText(estimate)}`] : []))
  const realFigures = [
    ...(real.fid === null ? [] : [`FID ${real.fid.toFixed(3)}`]),
    ...(real.recognised === null ? [] : [`recognised ${real.recognised.toFixed(4)}`]),
  ]
  return [
    `${report.model}: ${schedule.name}${report.side === null ? '' : `, the ${report.side} side's network`}`,
    `${'FID'.padEnd(16)}${report.fid ? estimateText(report.fid) : noFidText(featureNetwork.dimensions)}`,
    ...lines,
    ...(realFigures.length > 0 ? [`${'real images'.padEnd(16)}${realFigures.join(', ')}`] : []),
    `FID, KID, precision, recall, diversity in ${featureNetwork.name}${judgeNetwork ? `; judge ${judgeText(judgeNetwork)}` : ''}`,
    `${protocol.samplesPerSeed} images for each of the sampling seeds ${protocol.samplingSeeds.join(', ')}, against ${protocol.heldOutImages} held-out images of ${protocol.data}`,
    protocol.heldOutKnown
      ? 'the model has seen none of these held-out images'
      : 'whether the model has seen some of these held-out images is not known',
  ].join('\n')
}

const judgeText = ({ name, accuracy, askedImages }: JudgeReport): string =>
  `${name}, ${accuracy === null ? 'not checked on real images' : `right about ${(100 * accuracy).toFixed(1)} % of ${askedImages} real images`}`

const estimateText = ({ mean, standardError }: Estimate): string =>
  `${mean.toFixed(4)}${standardError === null ? '' : ` ± ${standardError.toFixed(4)}`}`
