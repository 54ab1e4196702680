/**
 * How much a classifier knows of labelled real images: asked before its word about generated ones is taken. A wrong pixel range, or classes in another
 * order, give plausible numbers without a sign; here they show. The share of right answers is not enough: with pixels in [0, 255] a network
 * for [0, 1] may be right as often, and sure of everything. So its cross-entropy counts too,
 *
 *     H = -mean_i log p(label_i | image_i)   [nats],
 *
 * which is log K where all K classes are called equally likely every time.
 */
import { verdictsOf } from './accuracy.ts'
import type { FeatureNetwork, ImageBatch } from './featureNetwork.ts'

/** Real images with their classes, 0 to `classes` - 1. */
export interface LabelledImages {
  readonly images: ImageBatch
  readonly labels: Int32Array
  readonly classes: number
}

export interface ClassifierKnowledge {
  /** Share of images whose most probable class is the label. */
  readonly accuracy: number
  /** Mean of -log p(label | image), in nats. */
  readonly crossEntropy: number
  /** Mean probability of the class it names: near the accuracy in an honest classifier. */
  readonly confidence: number
  /** Images it was asked about. */
  readonly images: number
  readonly classes: number
}

/** Pixel ranges that networks are commonly trained on. */
export const PIXEL_RANGES = [
  [-1, 1],
  [0, 1],
  [0, 255],
] as const

/** A classifier that is right this often knows the data. */
export const KNOWS_ABOVE = 0.9

/** A probability of 0 counts as this one, so that a single image cannot decide. */
const LEAST_PROBABILITY = 1e-30

/** Standard deviations by which the share of right answers must exceed that of chance. */
const CLEARLY = 3

/** Asks a network about labelled images; null if it is no classifier of as many classes. */
export async function knowledgeOf(
  network: FeatureNetwork,
  { images, labels, classes }: LabelledImages,
): Promise<ClassifierKnowledge | null> {
  const probabilities = await network.probabilities?.(images)
  if (probabilities?.shape[1] !== classes) return null
  const { classes: named, confidence } = verdictsOf(probabilities)
  const n = labels.length
  const sums = { right: 0, log: 0, confidence: 0 }
  for (let i = 0; i < n; i++) {
    sums.right += Number(named[i] === labels[i])
    sums.log += Math.log(Math.max(probabilities.data[i * classes + labels[i]], LEAST_PROBABILITY))
    sums.confidence += confidence[i]
  }
  return {
    accuracy: sums.right / n,
    crossEntropy: -sums.log / n,
    confidence: sums.confidence / n,
    images: n,
    classes,
  }
}

/** Whether a classifier does no better than one that calls all classes equally likely: in its answers, or in how sure it is of wrong ones. */
export function guesses({ accuracy, crossEntropy, images, classes }: ClassifierKnowledge): boolean {
  const chance = 1 / classes
  const clearly = CLEARLY * Math.sqrt((chance * (1 - chance)) / images)
  // NaN guesses too.
  return !(accuracy > chance + clearly && crossEntropy < Math.log(classes))
}

/**
 * What a network knows of the images by each way of opening it, best first by cross-entropy, of equals the first; empty if it is no classifier of these
 * classes.
 * @param open null: it cannot be opened so
 */
export async function knownBy<W>(
  ways: readonly W[],
  open: (way: W) => Promise<FeatureNetwork | null>,
  labelled: LabelledImages,
): Promise<{ readonly way: W; readonly knowledge: ClassifierKnowledge }[]> {
  const known: { way: W; knowledge: ClassifierKnowledge }[] = []
  for (const way of ways) {
    const network = await open(way)
    if (!network) continue
    try {
      const knowledge = await knowledgeOf(network, labelled)
      if (!knowledge) return []
      known.push({ way, knowledge })
    } finally {
      await network.dispose()
    }
  }
  // What is no number is worst.
  const figure = ({ knowledge: { crossEntropy } }: (typeof known)[number]) =>
    Number.isNaN(crossEntropy) ? Number.MAX_VALUE : crossEntropy
  return known.sort((a, b) => figure(a) - figure(b))
}

/** What it knows, in words: `93.8 % of 500 real images rightly, cross-entropy 0.18 (guessing: 2.30)`. */
export function knowledgeText({ accuracy, crossEntropy, images, classes }: ClassifierKnowledge): string {
  const entropy = `cross-entropy ${crossEntropy.toFixed(2)} (guessing: ${Math.log(classes).toFixed(2)})`
  return `${(100 * accuracy).toFixed(1)} % of ${images} real images rightly, ${entropy}`
}
