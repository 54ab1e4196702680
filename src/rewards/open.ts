/** Opens a reward from its words: finds what each term names, and adds the terms up. */
import type { Resampling, Shape } from '../base/index.ts'
import { didYouMean, inputError, sameShape, sizeOf, tensor } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import type { MeanStd } from '../metrics/files/index.ts'
import type { FeatureNetwork, LabelledImages } from '../metrics/index.ts'
import type { Device } from '../runtime/index.ts'
import type { OnBadReward } from './answers.ts'
import { fidelity, logProbability } from './classifier.ts'
import { openClipTerm } from './clip/index.ts'
import { weightedSum } from './combine.ts'
import { moduleReward } from './module.ts'
import { onnxReward } from './onnx.ts'
import { ink, symmetry } from './pixels.ts'
import type { Reward } from './reward.ts'
import type { NetworkName, RewardTerm } from './spec.ts'
import { parseRewardSpec } from './spec.ts'
import { typicality } from './typicality.ts'

/** What the terms of a reward may look through and be made of. */
export interface RewardContext {
  /** The network `@features`, the default. Classifiers have derivatives here, other networks where they have a `vjp`. */
  readonly features: FeatureNetwork | null
  /** The network `@judge`. */
  readonly judge: FeatureNetwork | null
  /** Why the network `@features` is not to be asked for classes; null or absent: it may be. */
  readonly guessing?: string | null
  /** Images of the tuning split, for typicality. */
  readonly tuning: Images | null
  /** Their classes, by which a file's pixel range is checked where it names these classes; null or absent: not known. */
  readonly labels?: { readonly labels: Int32Array; readonly classes: number } | null
  /** Folder of the CLIP model that `clip-score` and `clip-head` look through; null or absent: terms must name one. */
  readonly clip?: string | null
  /** What `clip-score` rates images by: one for all, or one for each class. */
  readonly prompts?: readonly string[] | null
  /** [channels, height, width] of the images to rate. */
  readonly imageShape: Shape
  /** Pixel range that ONNX files take, and modules that do not declare their own. */
  readonly imageRange?: readonly [number, number] | null
  /** Mean and standard deviation that ONNX files take pixels with; null or absent: none. */
  readonly imageMeanStd?: MeanStd | null
  /** How images are brought to the size of ONNX files, where it is another; null or absent: as the mean and standard deviation say. */
  readonly imageResize?: Resampling | null
  /** Images per program run; best the model's own batch. Default 100. */
  readonly batch?: number
  readonly device?: Device
  /** Seconds that a module and each of its calls may take; null: no limit. Default 600. */
  readonly timeout?: number | null
  /** What an image is that a file or module gives NaN, an infinity or null: an error, or left out. Default `stop`. */
  readonly onBad?: OnBadReward
}

/** A built-in reward: what its term may say, and how it is opened. */
interface BuiltIn {
  /** Whether there may be an argument after ':'. */
  readonly argument: boolean
  /** Whether it looks through a network. */
  readonly looks: boolean
  open(term: RewardTerm, context: RewardContext): Reward | Promise<Reward>
}

const BUILT_IN: Readonly<Record<string, BuiltIn>> = {
  'log-probability': {
    argument: true,
    looks: true,
    async open(term, context) {
      const wanted = term.argument === undefined ? {} : { class: classNumber(term.argument) }
      return logProbability({ ...placed(context), network: classifierOf(term, context), ...wanted })
    },
  },
  fidelity: {
    argument: false,
    looks: true,
    open: (term, context) => fidelity({ ...placed(context), network: classifierOf(term, context) }),
  },
  ink: {
    argument: false,
    looks: false,
    open: (_, context) => ink({ ...placed(context), imageShape: context.imageShape }),
  },
  symmetry: {
    argument: false,
    looks: false,
    open: (_, context) => symmetry({ ...placed(context), imageShape: context.imageShape }),
  },
  typicality: {
    argument: false,
    looks: true,
    async open(term, context) {
      const network = networkOf(term, context)
      if (context.tuning) return typicality({ ...placed(context), network, tuning: context.tuning })
      throw inputError('reward.tuning', 'typicality is measured against tuning images, but there are none; give data')
    },
  },
}

/** Names of the built-in rewards. */
export const REWARD_NAMES: readonly string[] = Object.keys(BUILT_IN)

/**
 * Opens a reward given in words (see `spec.ts`): 'log-probability:3@judge + 5*typicality@features', 'ink', 'FILE.onnx:score', './reward.js'.
 * @throws `reward.spec`; `reward.name` naming the nearest built-in one; `reward.network`, `reward.tuning` on what the context lacks;
 *   `reward.class`, `reward.range`, `reward.shape`, `reward.module`, `onnx.open`; `reward.images` if it rates images of another shape
 */
export async function openReward(spec: string, context: RewardContext): Promise<Reward> {
  const terms: { weight: number; reward: Reward }[] = []
  try {
    for (const term of parseRewardSpec(spec)) terms.push({ weight: term.weight, reward: await openTerm(term, context) })
    const reward = terms.length === 1 && terms[0].weight === 1 ? terms[0].reward : weightedSum(terms)
    checkShape(reward, context)
    return reward
  } catch (error) {
    for (const { reward } of terms) await reward.dispose()
    throw error
  }
}

/** Names by hash (of ONNX files by path) of the networks that a reward in words looks through. @throws `reward.spec` */
export function networksOf(
  spec: string,
  context: Pick<RewardContext, NetworkName | 'clip'>,
): ReadonlyMap<string, string> {
  const networks = new Map<string, string>()
  for (const { kind, name, network = 'features' } of parseRewardSpec(spec)) {
    if (kind === 'onnx') networks.set(name, name)
    const clip = kind === 'clip-score' && name !== '' ? name : context.clip
    if ((kind === 'clip-score' || kind === 'clip-head') && clip) networks.set(clip, `the CLIP model ${clip}`)
    const found = context[network]
    if (kind === 'name' && found && BUILT_IN[name]?.looks) networks.set(found.hash, found.name)
  }
  return networks
}

function checkShape({ name, imageShape }: Reward, context: RewardContext): void {
  if (!imageShape || sameShape(imageShape, context.imageShape)) return
  throw inputError(
    'reward.images',
    `reward '${name}' takes images [${imageShape}], the model makes [${context.imageShape}]; choose a reward or model of the same size`,
  )
}

async function openTerm(term: RewardTerm, context: RewardContext): Promise<Reward> {
  const { kind, name, argument, network } = term
  if (kind === 'clip-score' || kind === 'clip-head') return openClipTerm(kind, name, { ...context, ...placed(context) })
  if (kind === 'module') return moduleReward(name, context.imageRange, context.timeout, context.onBad)
  if (kind === 'onnx') {
    const { imageShape, imageRange = null, imageMeanStd = null, imageResize = null } = context
    const output = argument === undefined ? {} : { output: argument }
    const labelled = labelledOf(context)
    return onnxReward(name, {
      ...placed(context),
      ...(context.onBad && { onBad: context.onBad }),
      imageShape,
      range: imageRange,
      meanStd: imageMeanStd,
      resize: imageResize,
      ...output,
      ...(labelled && { labelled }),
    })
  }
  if (!Object.hasOwn(BUILT_IN, name)) throw unknownName(name)
  const found = BUILT_IN[name]
  if (argument !== undefined && !found.argument) {
    throw inputError('reward.spec', `reward '${name}' takes no argument, got ':${argument}'; leave it out`)
  }
  if (network !== undefined && !found.looks) {
    throw inputError('reward.spec', `reward '${name}' looks at pixels alone, got '@${network}'; leave it out`)
  }
  return found.open(term, context)
}

const placed = ({ batch, device }: RewardContext) => ({ ...(batch && { batch }), ...(device && { device }) })

function unknownName(name: string): Error {
  return inputError(
    'reward.name',
    `built-in rewards are ${REWARD_NAMES.join(', ')}, got '${name}'${didYouMean(name, REWARD_NAMES)} ` +
      "(Terms are joined by '+', also negative ones: 'fidelity + -2*ink'; files end in .onnx, .js, .mjs or .cjs; clip-score and clip-head look through a CLIP model.)",
  )
}

function networkOf({ name, network = 'features' }: RewardTerm, context: RewardContext): FeatureNetwork {
  const found = context[network satisfies NetworkName]
  if (found) return found
  throw inputError(
    'reward.network',
    `reward '${name}' looks through the network @${network}, but there is none for these images; give one, or use rewards of the pixels ` +
      '(ink, symmetry) or of a file',
  )
}

/** A network that is asked for classes. @throws `reward.network` on one that does no better than guessing */
function classifierOf(term: RewardTerm, context: RewardContext): FeatureNetwork {
  const { name, network = 'features' } = term
  const found = networkOf(term, context)
  if (network !== 'features' || !context.guessing) return found
  throw inputError(
    'reward.network',
    `reward '${name}' asks a classifier that must know the classes of the data: ${context.guessing}; give another network or pixel range`,
  )
}

/** Real images that a file is asked about. */
const ASKED_IMAGES = 500

function labelledOf({ tuning, labels }: RewardContext): LabelledImages | null {
  if (!tuning || !labels) return null
  const n = Math.min(ASKED_IMAGES, labels.labels.length)
  const shape = [n, ...tuning.shape.slice(1)]
  const images = tensor('float32', shape, Float32Array.from(tuning.data.subarray(0, sizeOf(shape))))
  return { images, labels: labels.labels.subarray(0, n), classes: labels.classes }
}

function classNumber(argument: string): number {
  if (/^\d+$/.test(argument)) return Number(argument)
  throw inputError(
    'reward.class',
    `log-probability takes a class number, such as log-probability:3, got ':${argument}'`,
  )
}
