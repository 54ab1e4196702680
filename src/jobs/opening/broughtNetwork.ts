/**
 * ONNX networks that somebody brings to measure with: opened as is stated, or, where they are classifiers of the data, with the pixels in which they
 * know real images best: of the common ranges, and for three channels ImageNet's and CLIP's mean and standard deviation.
 */
import type { Resampling } from '../../base/index.ts'
import { BilevelError, inputError } from '../../base/index.ts'
import type { MeanStd, PixelInput } from '../../metrics/files/index.ts'
import { KNOWN_MEAN_STD, meanStdNamed, onnxFeatures, pixelsText } from '../../metrics/files/index.ts'
import type { ClassifierKnowledge, FeatureNetwork, LabelledImages } from '../../metrics/index.ts'
import { KNOWS_ABOVE, knownBy, PIXEL_RANGES } from '../../metrics/index.ts'
import type { Device } from '../../runtime/index.ts'

/** What the settings say of a network by its role. */
export interface BroughtNetwork {
  readonly role: 'features' | 'judge'
  readonly path: string
  /** Output that is taken: as features, or as a judge's logits or probabilities; null: found by name, or the only one. */
  readonly output: string | null
  readonly range: readonly [number, number] | null
  /** As `meanStdNamed` takes it; null: none. */
  readonly meanStd: string | null
  readonly resize: Resampling | null
  /** [channels, height, width] of the images. */
  readonly imageShape: readonly number[]
  /** Of the data; 0: none. */
  readonly classes: number
  readonly device: Device
  /** Whether a range, or a mean and standard deviation, is stated. */
  readonly stated: boolean
}

type Settings<R extends string> = {
  readonly [K in R]?: string
} & { readonly [K in `${R}Output` | `${R}MeanStd`]?: string | null } & {
  readonly [K in `${R}Range`]?: readonly [number, number] | null
} & { readonly [K in `${R}Resize`]?: Resampling | null }

/** A network as the settings of its role say. A judge without a range of its own takes that of the features, if one is given. */
export function broughtAs(
  role: 'features' | 'judge',
  settings: Settings<'features'> & Settings<'judge'> & { readonly device: Device },
  imageShape: readonly number[],
  classes = 0,
): BroughtNetwork {
  const meanStd = settings[`${role}MeanStd`] ?? null
  const shared = role === 'judge' && meanStd === null ? (settings.featuresRange ?? null) : null
  const range = settings[`${role}Range`] ?? shared
  return {
    role,
    path: settings[role] ?? '',
    output: settings[`${role}Output`] ?? null,
    range,
    meanStd,
    resize: settings[`${role}Resize`] ?? null,
    imageShape,
    classes,
    device: settings.device,
    stated: range !== null || meanStd !== null,
  }
}

const WITHOUT_MEAN = [0, 1] as const

function openedWith({ role, path, output, resize, imageShape, classes, device }: BroughtNetwork, input: PixelInput) {
  return onnxFeatures(path, {
    ...input,
    imageShape,
    device,
    ...(resize && { resize }),
    ...(classes > 0 && { classes }),
    // A judge is asked for classes, and its own distances are taken in the same output.
    ...(role === 'judge' && (output === null ? { featuresAreLogits: true } : { output, logits: output })),
    ...(role === 'features' && output !== null && { output }),
  })
}

/** Opens it as is stated. @throws `metrics.*`, `onnx.open` */
export async function openStated(brought: BroughtNetwork): Promise<FeatureNetwork> {
  return openedWith(brought, await statedInput(brought))
}

async function statedInput({ range, meanStd }: BroughtNetwork): Promise<PixelInput> {
  const found: MeanStd | null = meanStd === null ? null : await meanStdNamed(meanStd)
  return { range: range ?? found?.range ?? WITHOUT_MEAN, meanStd: found }
}

/**
 * Opens it as is stated, else in the input it knows the data in.
 * @param data what the images are called, in errors
 * @param labelled real images; null: there are no labels
 * @throws `schedule.featuresRange`, `schedule.judgeRange` where that cannot be told
 */
export async function openBrought(
  brought: BroughtNetwork,
  data: string,
  labelled: LabelledImages | null,
  notes: string[],
): Promise<FeatureNetwork> {
  if (brought.stated) return openStated(brought)
  const { role, path } = brought
  const best = labelled && (await bestInput(brought, labelled))
  if (best && best.knowledge.accuracy > KNOWS_ABOVE) {
    notes.push(
      `${path} is given ${textOf(best.way)}, the way in which it knows the tuning images best${nearText(brought, best)}`,
    )
    return openedWith(brought, best.way)
  }
  const why = best
    ? `it names at most ${(100 * best.knowledge.accuracy).toFixed(0)} % of the images rightly`
    : labelled
      ? 'it is no classifier of these classes'
      : `${data} has no labels to ask it about`
  throw inputError(
    `schedule.${role}Range`,
    `the pixel range that ${path} takes cannot be found out, as ${why}; give it, such as --${role}-range 0,1, or the mean and standard deviation that it ` +
      `takes them with, such as --${role}-mean-std imagenet`,
  )
}

/** What a network knows of real images, by how they are given to it. */
export interface KnownInput {
  readonly way: PixelInput
  readonly knowledge: ClassifierKnowledge
  /** Others that it knows them as well by. */
  readonly near: readonly { readonly way: PixelInput; readonly knowledge: ClassifierKnowledge }[]
}

/** Inputs with cross-entropies that lie this near each other, in nats, are not told apart. */
const NEAR = 0.05

/**
 * Of the common inputs that in which it knows the images best; null if it is no classifier of these classes. ImageNet's mean and CLIP's are so alike that a
 * network of one may know the images better by the other: then it is ImageNet's, and `near` says so.
 */
export async function bestInput(brought: BroughtNetwork, labelled: LabelledImages): Promise<KnownInput | null> {
  const known = await knownBy(COMMON_INPUTS, (way) => openedWith(brought, way).catch(unlessAnotherInput), labelled)
  if (known.length === 0) return null
  const [first] = known
  const alike = known.filter(({ knowledge }) => knowledge.crossEntropy - first.knowledge.crossEntropy < NEAR)
  const usual = alike.find(({ way }) => way.meanStd === KNOWN_MEAN_STD.imagenet)
  const best = first.way.meanStd && usual ? usual : first
  return { ...best, near: alike.filter((one) => one !== best) }
}

/** Ranges, and for networks of three channels means and standard deviations. */
const COMMON_INPUTS: readonly PixelInput[] = [
  ...PIXEL_RANGES.map((range) => ({ range })),
  ...Object.values(KNOWN_MEAN_STD).map((meanStd) => ({ range: WITHOUT_MEAN, meanStd })),
]

/** Bytes have one range, and ImageNet's mean is for three channels. */
function unlessAnotherInput(error: unknown): null {
  if (error instanceof BilevelError && ['metrics.range', 'metrics.meanStd'].includes(error.code)) return null
  throw error
}

/** That the input is one of several that cannot be told apart. */
function nearText({ role }: BroughtNetwork, { knowledge, near }: KnownInput): string {
  if (near.length === 0) return ''
  const others = near.map(({ way, knowledge: { crossEntropy } }) => `${textOf(way)} (${crossEntropy.toFixed(2)})`)
  return (
    `; by cross-entropy (${knowledge.crossEntropy.toFixed(2)}) it cannot be told from ${others.join(' and ')}: state what it was trained with, by ` +
    `--${role}-range or --${role}-mean-std`
  )
}

const textOf = ({ range, meanStd }: PixelInput) => pixelsText({ range, ...(meanStd && { normalised: meanStd.name }) })

/** Says in which input it knows the data, and the flag for it. */
export function remedyOf({ role, meanStd }: BroughtNetwork, { way, knowledge }: KnownInput): string {
  const share = `${(100 * knowledge.accuracy).toFixed(1)} %`
  const name = Object.entries(KNOWN_MEAN_STD).find(([, known]) => known === way.meanStd)?.[0]
  const flag = name === undefined ? `--${role}-range=${way.range}` : `--${role}-mean-std ${name}`
  const without = meanStd === null || name !== undefined ? '' : ` without --${role}-mean-std`
  return `given ${textOf(way)}, it names ${share} rightly: use ${flag}${without}, or leave it out`
}
