/**
 * The inputs that networks of images are commonly given: pixel ranges, and for three channels ImageNet's and CLIP's mean and standard deviation. Of a classifier of
 * real images the one in which it knows them best is found by asking it.
 */
import { BilevelError } from '../../base/index.ts'
import type { ClassifierKnowledge, LabelledImages } from '../classifierKnowledge.ts'
import { knownBy, PIXEL_RANGES } from '../classifierKnowledge.ts'
import type { FeatureNetwork } from '../featureNetwork.ts'
import type { NetworkRole, PixelInput } from './imageInput.ts'
import { pixelInputOf, pixelsText } from './imageInput.ts'
import { KNOWN_MEAN_STD } from './meanStd.ts'

/** What a network knows of real images, by how they are given to it. */
export interface KnownInput {
  readonly way: PixelInput
  readonly knowledge: ClassifierKnowledge
  /** Others that it knows them as well by. */
  readonly near: readonly { readonly way: PixelInput; readonly knowledge: ClassifierKnowledge }[]
}

/** Inputs with cross-entropies that lie this near each other, in nats, are not told apart. */
const NEAR = 0.05

const COMMON_INPUTS: readonly PixelInput[] = [
  ...PIXEL_RANGES.map((range) => ({ range })),
  ...Object.values(KNOWN_MEAN_STD).map((meanStd) => pixelInputOf(null, meanStd)),
]

/**
 * Of the common inputs that in which a network knows the images best; null if it is no classifier of these classes. ImageNet's mean and CLIP's are so alike that a
 * network of one may know the images better by the other: then it is ImageNet's, and `near` says so.
 */
export async function bestInput(
  open: (way: PixelInput) => Promise<FeatureNetwork>,
  labelled: LabelledImages,
): Promise<KnownInput | null> {
  const known = await knownBy(COMMON_INPUTS, (way) => open(way).catch(unlessAnotherInput), labelled)
  if (known.length === 0) return null
  const [first] = known
  const alike = known.filter(({ knowledge }) => knowledge.crossEntropy - first.knowledge.crossEntropy < NEAR)
  const usual = alike.find(({ way }) => way.meanStd === KNOWN_MEAN_STD.imagenet)
  const best = first.way.meanStd && usual ? usual : first
  return { ...best, near: alike.filter((one) => one !== best) }
}

/** Bytes have one range, and ImageNet's mean is for three channels. */
function unlessAnotherInput(error: unknown): null {
  if (error instanceof BilevelError && ['metrics.range', 'metrics.meanStd'].includes(error.code)) return null
  throw error
}

/** An input in words. */
export const inputText = ({ range, meanStd }: PixelInput): string =>
  pixelsText({ range, ...(meanStd && { normalised: meanStd.name }) })

/**
 * The flags that give a network an input of the common ones.
 * @param stated the mean and standard deviation that was stated in its place; null: none was
 */
export function inputFlags(role: NetworkRole, { range, meanStd }: PixelInput, stated: string | null): string {
  const name = Object.entries(KNOWN_MEAN_STD).find(([, known]) => known === meanStd)?.[0]
  if (name !== undefined) return `--${role}-mean-std ${name}`
  return `--${role}-range=${range}${stated === null ? '' : ` without --${role}-mean-std`}`
}
