/**
 * The networks that measure a job: one whose features distances are taken in, another one as judge. `auto` finds out whether the data are
 * digits, and an ONNX classifier's pixel range, by counting how often the classifier is right: nothing is assumed.
 */
import { stat } from 'node:fs/promises'
import { inputError, tensor } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { firstOf } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import {
  accuracyOf,
  DIGIT_CLASSIFIER_SIZES,
  digitFeatures,
  digitJudge,
  onnxFeatures,
  pixelFeatures,
} from '../../metrics/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { ScheduleConfig } from './scheduleConfig.ts'

/** The settings that choose the networks. */
export type MeasuringSettings = Pick<
  ScheduleConfig,
  'data' | 'features' | 'featuresOutput' | 'featuresRange' | 'judge'
> & {
  readonly device: Device
}

export interface MeasuringNetworks {
  readonly features: FeatureNetwork
  readonly judge: FeatureNetwork | null
  /** What a reader of the numbers must know, a sentence each. */
  readonly notes: readonly string[]
  close(): Promise<void>
}

/** Images that an accuracy is counted on. */
const TRIED_IMAGES = 500
/** A classifier that is right this often knows the data. */
const KNOWS_ABOVE = 0.9
/** Pixel ranges that models are trained on. */
const RANGES = [
  [-1, 1],
  [0, 1],
  [0, 255],
] as const

/**
 * Opens both networks for a dataset.
 * @throws `schedule.features`, `schedule.judge` on networks that do not fit the data or settings, `metrics.*`, `onnx.open`
 */
export async function openMeasuring(settings: MeasuringSettings, data: Dataset): Promise<MeasuringNetworks> {
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
    const judge = await openJudge(settings, data, digits, notes)
    return { features, judge: judge && keep(judge), notes, close }
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
  const classifier = await digitJudge({ size: height, device })
  try {
    return (await accuracy(classifier, data)) > KNOWS_ABOVE
  } finally {
    await classifier.dispose()
  }
}

async function openFeatures(
  settings: MeasuringSettings,
  data: Dataset,
  digits: boolean,
  notes: string[],
): Promise<FeatureNetwork> {
  const { features, device } = settings
  const name = features === 'auto' ? (digits ? 'digits' : 'pixels') : features
  if (name === 'digits') return digitFeatures({ size: squareSide(data), device })
  if (name !== 'pixels') return openFile('features', features, settings, data, notes)
  const network = pixelFeatures(data.shape)
  notes.push(
    `distances are in pixel space (${network.name}): no feature network here knows these images, and digit features would mean nothing; ` +
      'give one with --features FILE.onnx',
  )
  return network
}

async function openJudge(
  settings: MeasuringSettings,
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
  throw inputError('schedule.judge', `a judge must be a classifier with an output named like logits, ${judge} has none`)
}

function squareSide({ shape: [channels, height, width], name }: Dataset): number {
  if (channels === 1 && height === width) return height
  throw inputError(
    'schedule.features',
    `digit classifiers take square grey images, ${name} has [${channels},${height},${width}]; use --features pixels or an ONNX file`,
  )
}

async function openFile(
  role: 'features' | 'judge',
  path: string,
  { featuresOutput, featuresRange, device }: MeasuringSettings,
  data: Dataset,
  notes: string[],
): Promise<FeatureNetwork> {
  if (!(await stat(path).catch(() => null))?.isFile()) {
    const words = role === 'features' ? "'auto', 'digits', 'pixels'" : "'auto', 'digits', 'none'"
    throw inputError(`schedule.${role}`, `${role} must be ${words} or an ONNX file, '${path}' is none of these`)
  }
  const open = (range: readonly [number, number]) =>
    onnxFeatures(path, {
      range,
      imageShape: data.shape,
      device,
      ...(role === 'features' && featuresOutput !== null && { output: featuresOutput }),
      ...(role === 'judge' && { logits: undefined }),
    })
  if (featuresRange) return open(featuresRange)
  const range = await bestRange(path, open, data)
  notes.push(`${path} is given pixels in [${range}]: the range in which it names the tuning images rightly most often`)
  return open(range)
}

/** The pixel range with which a classifier is right most often. @throws `schedule.featuresRange` where that cannot be told */
async function bestRange(
  path: string,
  open: (range: readonly [number, number]) => Promise<FeatureNetwork>,
  data: Dataset,
): Promise<readonly [number, number]> {
  let best: { range: readonly [number, number]; share: number } | undefined
  for (const range of RANGES) {
    const network = await open(range)
    try {
      const classes = network.probabilities && (await network.probabilities(firstImages(data, 1))).shape[1]
      if (classes === undefined || classes !== data.classes.length) break
      const share = await accuracy(network, data)
      if (!best || share > best.share) best = { range, share }
    } finally {
      await network.dispose()
    }
  }
  if (best && best.share > KNOWS_ABOVE) return best.range
  const why = best
    ? `it names at most ${(100 * best.share).toFixed(0)} % of the images rightly`
    : 'it is no classifier of these classes'
  throw inputError(
    'schedule.featuresRange',
    `the pixel range that ${path} takes cannot be found out, as ${why}; give it, such as --features-range 0,1`,
  )
}

async function accuracy(network: FeatureNetwork, { splits: { tuning } }: Dataset): Promise<number> {
  if (!network.probabilities || !tuning.labels) return 0
  const { images, labels, count, shape } = firstOf(tuning, Math.min(TRIED_IMAGES, tuning.count))
  return labels ? accuracyOf(await network.probabilities(tensor('float32', [count, ...shape], images)), labels) : 0
}

function firstImages({ splits: { tuning } }: Dataset, n: number) {
  const { images, count, shape } = firstOf(tuning, n)
  return tensor('float32', [count, ...shape], images)
}
