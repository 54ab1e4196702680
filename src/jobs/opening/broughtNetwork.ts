/**
 * ONNX networks that somebody brings to measure with: opened as is stated, or, where they are classifiers of the data, with the pixels in which they
 * know real images best: of the common ranges, and for three channels ImageNet's and CLIP's mean and standard deviation.
 */
import type { Resampling } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import type { KnownInput, PixelInput } from '../../metrics/files/index.ts'
import {
  bestInput,
  inputFlags,
  inputText,
  meanStdNamed,
  onnxFeatures,
  pixelInputOf,
} from '../../metrics/files/index.ts'
import type { FeatureNetwork, LabelledImages } from '../../metrics/index.ts'
import { KNOWS_ABOVE } from '../../metrics/index.ts'
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
  /** Whether its derivative is looked for. */
  readonly derivative: boolean
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
  { classes = 0, derivative }: { readonly classes?: number; readonly derivative: boolean },
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
    derivative,
  }
}

function openedWith(brought: BroughtNetwork, input: PixelInput) {
  const { role, path, output, resize, imageShape, classes, device, derivative } = brought
  return onnxFeatures(path, {
    ...input,
    role,
    derivative,
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
  const { range, meanStd } = brought
  return openedWith(brought, pixelInputOf(range, meanStd === null ? null : await meanStdNamed(meanStd)))
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
  const best = labelled && (await bestFor(brought, labelled))
  if (best && best.knowledge.accuracy > KNOWS_ABOVE) {
    notes.push(
      `${path} is given ${inputText(best.way)}, the way in which it knows the tuning images best${nearText(brought, best)}`,
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

/** That the input is one of several that cannot be told apart. */
function nearText({ role }: BroughtNetwork, { knowledge, near }: KnownInput): string {
  if (near.length === 0) return ''
  const others = near.map(({ way, knowledge: { crossEntropy } }) => `${inputText(way)} (${crossEntropy.toFixed(2)})`)
  return (
    `; by cross-entropy (${knowledge.crossEntropy.toFixed(2)}) it cannot be told from ${others.join(' and ')}: state what it was trained with, by ` +
    `--${role}-range or --${role}-mean-std`
  )
}

/** Of the common inputs that in which it knows real images best; null if it is no classifier of their classes. */
export const bestFor = (brought: BroughtNetwork, labelled: LabelledImages): Promise<KnownInput | null> =>
  bestInput((way) => openedWith({ ...brought, derivative: false }, way), labelled)

/** Says in which input it knows the data, and the flag for it. */
export function remedyOf({ role, meanStd }: BroughtNetwork, { way, knowledge }: KnownInput): string {
  const share = `${(100 * knowledge.accuracy).toFixed(1)} %`
  return `given ${inputText(way)}, it names ${share} rightly: use ${inputFlags(role, way, meanStd)}, or leave it out`
}
