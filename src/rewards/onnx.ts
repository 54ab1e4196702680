/**
 * Somebody else's ONNX file as a reward, with the derivative of the graph in it where all of that is known here. The pixels that it takes must be declared:
 * a file that expects [0, 1] and is fed [-1, 1] gives plausible numbers, and the optimum of something else.
 */
import { basename } from 'node:path'
import type { Resampling, Shape } from '../base/index.ts'
import { BilevelError, inputError, tensor } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import type { ImageProbe, MeanStd, PixelInput } from '../metrics/files/index.ts'
import {
  bestInput,
  HOLDS_PROBABILITIES,
  imageDerivativeMissing,
  inputFlags,
  inputText,
  onnxFeatures,
  pixelInputOf,
  pixelsText,
} from '../metrics/files/index.ts'
import type { FeatureNetwork, LabelledImages } from '../metrics/index.ts'
import { guesses, KNOWS_ABOVE, knowledgeOf } from '../metrics/index.ts'
import type { Device, ForeignModel, ModelFiles } from '../runtime/index.ts'
import { openModel } from '../runtime/index.ts'
import type { OnBadReward } from './answers.ts'
import { hashOf } from './hash.ts'
import type { RawGradient, Reward } from './reward.ts'
import { defineReward } from './reward.ts'

export interface OnnxRewardOptions {
  /** Pixel range the file takes, such as [0, 1]. Required without `meanStd`; the type allows leaving it out so that the error can say so. */
  readonly range?: readonly [number, number] | null
  /** Mean and standard deviation by channel that it takes pixels with; `range` is by default the one these are for. Default null: none. */
  readonly meanStd?: MeanStd | null
  /** How images of another size are brought to the file's. Default: as `meanStd` says, else that they are is an error. */
  readonly resize?: Resampling | null
  /** `NAME`, `INDEX` or `NAME:INDEX`: the output, and which of its numbers per image. Default: the only ones. */
  readonly output?: string
  /** Default null: not declared. */
  readonly valueRange?: readonly [number, number] | null
  /** [channels, height, width], needed where the file leaves them open. */
  readonly imageShape?: Shape
  /** Images per run, where the file leaves the batch open (files of batch 1 are run image by image). Default 100. */
  readonly batch?: number
  /** Real images with classes, by which the pixel range is checked where the output names these classes. */
  readonly labelled?: LabelledImages
  readonly device?: Device
  /** What an image is that gets NaN or an infinity: an error, or left out. Default `stop`. */
  readonly onBad?: OnBadReward
}

/**
 * Opens a file with one image input [b,c,h,w] or [b,h,w,c] of floats or bytes and takes a number per image from an output [b], [b,1] or [b,k].
 * @throws `reward.range` where nothing says what pixels it takes, or with such by which it only guesses the classes of `labelled` while it knows them by others;
 *   `metrics.range`, `metrics.meanStd`; `reward.shape` if input or output are not of these shapes, images are of another size and nothing says how they are
 *   resized, or the output or number is not chosen; `onnx.open`
 */
export async function onnxReward(path: string, options: OnnxRewardOptions): Promise<Reward> {
  const { range = null, meanStd = null, valueRange = null } = options
  if (!range && !meanStd) {
    throw inputError(
      'reward.range',
      `an ONNX reward must declare the pixel range it takes, '${path}' has none: a file that expects [0,1] would be fed [-1,1] without a ` +
        'sign; give it, such as --reward-range 0,1, or the mean and standard deviation that it takes them with, such as --reward-mean-std imagenet',
    )
  }
  const input = pixelInputOf(range, meanStd)
  const { output, index } = await chosen(path, options)
  const open = opener(path, output, options)
  const network = await open(input).catch(asRewardError)
  try {
    const column = columnOf(path, network, index)
    if (options.labelled) await checkInput(path, network, { open, labelled: options.labelled, meanStd })
    const label = options.output === undefined ? '' : `:${options.output}`
    return defineReward({
      name: `${basename(path)}${label}`,
      hash: hashOf('onnx', network.hash, options.output ?? '', String(input.range)),
      imageShape: network.imageShape,
      valueRange,
      notes: scaleNotes(path, network, options.output),
      ...derivativeOf(network, column),
      ...(options.onBad && { onBad: options.onBad }),
      triedTwice: true,
      async values(images) {
        const { data } = await network.features(images)
        return Array.from({ length: images.shape[0] }, (_, i) => data[i * network.dimensions + column])
      },
      dispose: () => network.dispose(),
    })
  } catch (error) {
    await network.dispose()
    throw error
  }
}

/** The derivative of one of its numbers, or why there is none. */
function derivativeOf(network: FeatureNetwork, column: number) {
  const { dimensions, missingDerivative = 'its operators are not all known here' } = network
  const pullBack = network.vjp?.bind(network)
  if (!pullBack) {
    const noDerivative = `it is an ONNX file without one (${missingDerivative}); use target tilt, or write it as a traced function`
    return { missingDerivative, noDerivative }
  }
  return {
    async gradient(images: Images): Promise<RawGradient> {
      const { data } = await network.features(images)
      const n = images.shape[0]
      const values = Array.from({ length: n }, (_, i) => data[i * dimensions + column])
      const cotangent = new Float32Array(n * dimensions)
      for (let i = 0; i < n; i++) cotangent[i * dimensions + column] = 1
      return { values, gradient: (await pullBack(images, tensor('float32', [n, dimensions], cotangent))).data }
    },
  }
}

type Open = (input: PixelInput, derivative?: boolean) => Promise<FeatureNetwork>

/** Opens the file with the rewarded output read as logits too, so that it can be asked as a classifier. */
function opener(
  path: string,
  output: string | undefined,
  { imageShape, batch, device, labelled, resize }: OnnxRewardOptions,
): Open {
  return (input, derivative = true) =>
    onnxFeatures(path, {
      ...input,
      derivative,
      role: 'reward',
      ...(resize && { resize }),
      ...(output !== undefined && { output, logits: output }),
      ...(labelled && { classes: labelled.classes }),
      ...(imageShape && { imageShape }),
      ...(batch && { batch }),
      ...(device && { device }),
    })
}

interface InputCheck {
  readonly open: Open
  readonly labelled: LabelledImages
  readonly meanStd: MeanStd | null
}

/** @throws `reward.range` where the file only guesses the classes of real images that are given so, but knows them otherwise */
async function checkInput(
  path: string,
  network: FeatureNetwork,
  { open, labelled, meanStd }: InputCheck,
): Promise<void> {
  const knowledge = await knowledgeOf(network, labelled)
  if (!knowledge || !guesses(knowledge)) return
  const best = await bestInput((way) => open(way, false), labelled)
  if (!best || best.knowledge.accuracy <= KNOWS_ABOVE) return
  const share = ({ accuracy }: { readonly accuracy: number }) => `${(100 * accuracy).toFixed(1)} %`
  throw inputError(
    'reward.range',
    `an ONNX reward must be given the pixels it takes: '${path}' names ${share(knowledge)} of ${knowledge.images} real images rightly with ` +
      `${pixelsText(network)}, no better than guessing by its cross-entropy, and ${share(best.knowledge)} with ${inputText(best.way)}; ` +
      `give it ${inputFlags('reward', best.way, meanStd?.name ?? null)}`,
  )
}

/** What the network has to say; of an output that is called logits, or a logarithm, and holds probabilities, what that means for a reward. */
function scaleNotes(path: string, { notes = [] }: FeatureNetwork, output: string | undefined): string[] {
  const name = `${basename(path)}${output === undefined ? '' : `:${output}`}`
  return notes.map((note) =>
    note.includes(HOLDS_PROBABILITIES)
      ? `the reward ${name} is a probability, in [0, 1], and not its logarithm, whatever the output is called`
      : note,
  )
}

/** The output and the number of it that are named so. The file's own names come first: some are numbers, some hold a colon. */
function chosenAmong(
  { outputs }: Pick<ForeignModel, 'outputs'>,
  output: string | undefined,
): { output?: string; index?: number } {
  if (output === undefined) return {}
  if (outputs.some(({ name }) => name === output)) return { output }
  const parts = output.match(/^(?:(.+):)?(\d+)$/)
  if (!parts) return { output }
  const [, name, index] = parts as [string, string | undefined, string]
  return { ...(name !== undefined && { output: name }), index: Number(index) }
}

async function chosen(
  path: string,
  { output, device }: OnnxRewardOptions,
): Promise<{ output?: string; index?: number }> {
  if (output === undefined) return {}
  const model = await openModel(path, device ? { device } : {})
  await model.dispose()
  return chosenAmong(model, output)
}

/**
 * What keeps a file, as a reward, from having a derivative; null: nothing does. Nothing is run.
 * @param output as `OnnxRewardOptions` has it
 */
export const rewardDerivativeMissing = (
  files: ModelFiles,
  { output, ...probe }: Pick<ImageProbe, 'file' | 'size'> & Pick<OnnxRewardOptions, 'output'>,
): string | null => imageDerivativeMissing(files, { ...probe, choose: (model) => chosenAmong(model, output).output })

function columnOf(path: string, { dimensions }: FeatureNetwork, index: number | undefined): number {
  if (index === undefined && dimensions === 1) return 0
  if (index !== undefined && index < dimensions) return index
  const came = index === undefined ? 'none is chosen' : `number ${index} is chosen`
  throw inputError(
    'reward.shape',
    `a reward is one number per image, the output of '${path}' has ${dimensions} and ${came}; choose one, such as ${basename(path)}:0 ` +
      `(to :${dimensions - 1})`,
  )
}

/** A file that is no image model is a reward of the wrong shape here. */
function asRewardError(error: unknown): never {
  if (!(error instanceof BilevelError) || error.code !== 'metrics.onnx') throw error
  throw inputError('reward.shape', error.message, { cause: error })
}
