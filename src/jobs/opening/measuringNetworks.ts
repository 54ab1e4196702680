/**
 * The networks that measure a job: one whose features distances are taken in, another one as judge. `auto` finds out whether the data are
 * digits, and an ONNX classifier's pixel range, by asking the classifier about labelled real images. What was given is asked too: a judge that
 * does no better than guessing is refused, and where nothing can be asked that is said.
 */
import { stat } from 'node:fs/promises'
import { inputError, tensor } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { firstOf } from '../../data/index.ts'
import { DIGIT_CLASSIFIER_SIZES, digitFeatures, digitJudge, pixelsText } from '../../metrics/files/index.ts'
import type { ClassifierKnowledge, FeatureNetwork, LabelledImages } from '../../metrics/index.ts'
import { guesses, KNOWS_ABOVE, knowledgeOf, knowledgeText } from '../../metrics/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { ScheduleConfig } from '../schedule/schema.ts'
import type { BroughtNetwork } from './broughtNetwork.ts'
import { bestFor, broughtAs, openBrought, openStated, remedyOf } from './broughtNetwork.ts'
import { isPixels, pixelFeaturesNamed } from './pixelNames.ts'
import type { measuringShape } from './settings.ts'

/** The settings that choose the networks. */
export type MeasuringSettings = Pick<ScheduleConfig, keyof typeof measuringShape> & {
  readonly data: string
  readonly device: Device
}

/** How a judge is read that comes with the project, or none. */
export const OWN_JUDGE = {
  judgeOutput: null,
  judgeRange: null,
  judgeMeanStd: null,
  judgeResize: null,
  judgeAccuracy: 0,
}

export interface MeasuringNetworks {
  readonly features: FeatureNetwork
  readonly judge: FeatureNetwork | null
  /** What the judge knows of labelled tuning images; null without a judge, or where it cannot be asked (a note says so). */
  readonly judgeKnowledge: ClassifierKnowledge | null
  /** Why the features' network is not to be asked for classes; null: it may be, as far as can be told. */
  readonly guessingFeatures: string | null
  /** What a reader of the numbers must know, a sentence each; `judgeNotes` are those of them about the judge. */
  readonly notes: readonly string[]
  readonly judgeNotes: readonly string[]
  close(): Promise<void>
}

/** Real images that a classifier is asked about. */
const ASKED_IMAGES = 500

/** Roles of networks whose derivatives are looked for. */
export type DerivedRoles = readonly ('features' | 'judge')[]

/**
 * Opens both networks for a dataset.
 * @param derived of files; those that come with the project have theirs. Default: none
 * @throws `schedule.features`, `schedule.judge` on networks that do not fit the data or settings, `metrics.*`, `onnx.open`
 */
export async function openMeasuring(
  asked: MeasuringSettings,
  data: Dataset,
  derived: DerivedRoles = [],
): Promise<MeasuringNetworks> {
  const settings = { ...asked, derived }
  const notes: string[] = [...(data.notes ?? [])]
  const opened: FeatureNetwork[] = []
  const keep = <N extends FeatureNetwork>(network: N): N => {
    opened.push(network)
    return network
  }
  const close = async () => {
    for (const network of opened) await network.dispose()
  }
  try {
    const digits = await knownDigits(settings, data)
    const features = keep(await openFeatures(settings, data, digits, notes))
    const guessingFeatures = await askFeatures(settings, features, data, notes)
    const judgeNotes: string[] = []
    const judge = await openJudge(settings, data, digits, judgeNotes)
    if (judge) keep(judge)
    const judgeKnowledge = judge && (await askJudge(settings, judge, data, judgeNotes))
    return { features, judge, judgeKnowledge, guessingFeatures, notes: [...notes, ...judgeNotes], judgeNotes, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** Whether the data are digits a classifier here knows: the embedded ones, or images of a path it names rightly. */
async function knownDigits(
  { data: source, features, judge, device }: MeasuringSettings,
  data: Dataset,
): Promise<boolean> {
  const [channels, height, width] = data.shape
  const sized = channels === 1 && height === width && DIGIT_CLASSIFIER_SIZES.some((size) => size === height)
  if (source === 'digits' || !sized || (features !== 'auto' && judge !== 'auto')) return sized && source === 'digits'
  if (data.classes.length !== 10) return false
  const labelled = labelledImages(data)
  const classifier = await digitJudge({ size: height, device })
  try {
    return ((labelled && (await knowledgeOf(classifier, labelled)))?.accuracy ?? 0) > KNOWS_ABOVE
  } finally {
    await classifier.dispose()
  }
}

type Settings = MeasuringSettings & { readonly derived: DerivedRoles }

async function openFeatures(
  settings: Settings,
  data: Dataset,
  digits: boolean,
  notes: string[],
): Promise<FeatureNetwork> {
  const { features, device } = settings
  const name = features === 'auto' ? (digits ? 'digits' : 'pixels') : features
  if (name === 'digits') return digitFeatures({ size: squareSide(data), device })
  if (!isPixels(name)) return openFile('features', features, settings, data, notes)
  const network = pixelFeaturesNamed(name, data.shape)
  notes.push(
    `distances are in pixel space (${network.name}): no feature network here knows these images, and digit features would mean nothing; ` +
      'give one with --features FILE.onnx',
  )
  return network
}

/**
 * Features that are named, for images of a shape, where there are no data to ask them about.
 * @throws `schedule.features`, `schedule.featuresRange` on an ONNX file whose pixel range is not given; `metrics.*`, `onnx.open`
 */
export async function openNamedFeatures(
  settings: Pick<
    MeasuringSettings,
    'features' | 'featuresOutput' | 'featuresRange' | 'featuresMeanStd' | 'featuresResize' | 'device'
  >,
  imageShape: readonly number[],
): Promise<FeatureNetwork> {
  const { features, featuresRange: range, featuresMeanStd, device } = settings
  if (isPixels(features)) return pixelFeaturesNamed(features, imageShape)
  if (features === 'digits')
    return digitFeatures({ size: squareSide({ shape: imageShape, name: 'the model' }), device })
  if (!(await stat(features).catch(() => null))?.isFile()) {
    throw inputError(
      'schedule.features',
      `features must be 'digits', 'pixels' or an ONNX file where there are no data, '${features}' is none of these`,
    )
  }
  if (range || featuresMeanStd) return openStated(broughtAs('features', settings, imageShape, { derivative: true }))
  throw inputError(
    'schedule.featuresRange',
    `the pixel range that ${features} takes cannot be found out without data; give it, such as --features-range 0,1`,
  )
}

async function openJudge(
  settings: Settings,
  data: Dataset,
  digits: boolean,
  notes: string[],
): Promise<FeatureNetwork | null> {
  const { judge, device } = settings
  if (judge === 'none' || (judge === 'auto' && !digits)) return null
  if (judge === 'auto' || judge === 'digits') return digitJudge({ size: squareSide(data), device })
  const network = await openFile('judge', judge, settings, data, notes)
  if (network.probabilities) return network
  await network.dispose()
  throw inputError(
    'schedule.judge',
    `a judge must be a classifier, with an output named like logits or a single one of a number per class of the data; ${judge} has none`,
  )
}

function squareSide({ shape: [channels, height, width], name }: Pick<Dataset, 'shape' | 'name'>): number {
  if (channels === 1 && height === width) return height
  throw inputError(
    'schedule.features',
    `digit classifiers take square grey images, ${name} has [${channels},${height},${width}]; use --features pixels or an ONNX file`,
  )
}

async function openFile(
  role: 'features' | 'judge',
  path: string,
  settings: Settings,
  data: Dataset,
  notes: string[],
): Promise<FeatureNetwork> {
  if (!(await stat(path).catch(() => null))?.isFile()) {
    const [what, words] =
      role === 'features'
        ? ['features', "'auto', 'digits', 'pixels'"]
        : ["the judge's network", "'auto', 'digits', 'none'"]
    throw inputError(`schedule.${role}`, `${what} must be ${words} or an ONNX file, '${path}' is none of these`)
  }
  const network = await openBrought(broughtOf(role, settings, data), data.name, labelledImages(data), notes)
  notes.push(...(network.notes ?? []))
  return network
}

/** A network as the settings of its role say, for images of the data. */
const broughtOf = (role: 'features' | 'judge', settings: Settings, { shape, classes }: Dataset): BroughtNetwork =>
  broughtAs(role, settings, shape, { classes: classes.length, derivative: settings.derived.includes(role) })

/**
 * Asks the judge about labelled tuning images.
 * @throws `schedule.judge` naming the numbers, and another pixel range where that is the fault
 */
async function askJudge(
  settings: Settings,
  judge: FeatureNetwork,
  data: Dataset,
  notes: string[],
): Promise<ClassifierKnowledge | null> {
  const labelled = labelledImages(data)
  const knowledge = labelled && (await knowledgeOf(judge, labelled))
  const range = `with ${pixelsText(judge)}`
  if (!labelled || !knowledge) {
    const why = labelled
      ? `it does not have the ${labelled.classes} classes of ${data.name}`
      : `${data.name} has no labels`
    notes.push(
      `the judge ${judge.name} could not be asked about real images, as ${why}: whether it is right about these, ${range}, is not known`,
    )
    return null
  }
  const known = `the judge ${judge.name} names ${knowledgeText(knowledge)}, ${range}`
  const isFile = !['auto', 'digits'].includes(settings.judge)
  if (guesses(knowledge)) {
    const why = 'a judge must know the classes of the data, numbered as there'
    throw inputError('schedule.judge', `${why}: ${known}; ${await remedy('judge', settings, data, labelled)}`)
  }
  if (isFile && knowledge.accuracy < settings.judgeAccuracy) {
    const least = `${(100 * settings.judgeAccuracy).toFixed(1)} %`
    throw inputError(
      'schedule.judge',
      `a judge must name at least ${least} of the real images rightly (--judge-accuracy): ${known}; ${await remedy('judge', settings, data, labelled)}`,
    )
  }
  if (isFile || knowledge.accuracy <= KNOWS_ABOVE) notes.push(known)
  return knowledge
}

/** What to do about a classifier that knows little: another input, where there is one in which it knows the data. */
async function remedy(
  role: 'features' | 'judge',
  settings: Settings,
  data: Dataset,
  labelled: LabelledImages,
): Promise<string> {
  const brought = broughtOf(role, settings, data)
  const best = brought.path.endsWith('.onnx') && brought.stated ? await bestFor(brought, labelled) : null
  return best && !guesses(best.knowledge) ? remedyOf(brought, best) : 'give another one, or none'
}

/**
 * Asks a feature network that is a classifier, whose features tell more of images it knows.
 * @returns why it must not be asked for classes; null: it may be, or is no classifier
 */
async function askFeatures(
  settings: Settings,
  features: FeatureNetwork,
  data: Dataset,
  notes: string[],
): Promise<string | null> {
  const isFile = !['auto', 'digits', 'none'].includes(settings.features) && !isPixels(settings.features)
  if (!isFile && !features.probabilities) return null
  const labelled = labelledImages(data)
  const knowledge = labelled && (await knowledgeOf(features, labelled))
  const range = `with ${pixelsText(features)}`
  if (!labelled || !knowledge) {
    if (!isFile) return null
    const why = labelled ? `it is no classifier of the classes of ${data.name}` : `${data.name} has no labels`
    notes.push(
      `whether ${features.name} is given what it takes, ${pixelsText(features)}, could not be checked, as ${why}`,
    )
    return null
  }
  const known = `the feature network ${features.name}, read as a classifier, names ${knowledgeText(knowledge)}, ${range}`
  if (guesses(knowledge)) {
    notes.push(
      `${known}: distances in its features may mean little; ${await remedy('features', settings, data, labelled)}`,
    )
    return known
  }
  if (knowledge.accuracy <= KNOWS_ABOVE) notes.push(known)
  return null
}

/** The first tuning images with their labels; null where the data have none. */
function labelledImages({ splits: { tuning }, classes }: Dataset): LabelledImages | null {
  const { images, labels, count, shape } = firstOf(tuning, Math.min(ASKED_IMAGES, tuning.count))
  if (!labels || classes.length < 2) return null
  return { images: tensor('float32', [count, ...shape], images), labels, classes: classes.length }
}
