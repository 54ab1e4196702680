/** Mean and standard deviation by channel that networks take pixels with, by name or from the files that lie beside them. */
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import type { Resampling } from '../../base/index.ts'
import { inputError, parseJson } from '../../base/index.ts'

/** u = (pixel - mean) / std by channel, of pixels in a range. */
export interface MeanStd {
  /** In words, for a reader: `ImageNet's mean and standard deviation`. */
  readonly name: string
  /** A number per channel, in units of the pixels' range. */
  readonly mean: readonly number[]
  /** As many, above 0. */
  readonly std: readonly number[]
  /** Pixel range that they are for, where a file says it; else [0, 1] unless another one is given. */
  readonly range?: readonly [number, number]
  /** How images of another size are brought to the network's, where a file says it. */
  readonly resize?: Resampling
}

/** torchvision's and timm's; OpenAI's CLIP and what was trained as it. */
export const KNOWN_MEAN_STD = {
  imagenet: {
    name: "ImageNet's mean and standard deviation",
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
  },
  clip: {
    name: "CLIP's mean and standard deviation",
    mean: [0.48145466, 0.4578275, 0.40821073],
    std: [0.26862954, 0.26130258, 0.27577711],
  },
} as const satisfies Readonly<Record<string, MeanStd>>

const NUMBERS = /^[-+\d.eE,\s]+\/[-+\d.eE,\s]+$/

/**
 * Mean and standard deviation from words: `imagenet`, `clip`, numbers by channel `.5,.5,.5/.2,.2,.2`, or the JSON file that comes with a network
 * (`preprocessor_config.json` of Hugging Face: `image_mean`, `image_std`, `do_rescale`, `rescale_factor`, `do_normalize`, `resample`; timm's `config.json`: `mean`, `std`,
 * `interpolation`).
 * @throws `metrics.meanStd`
 */
export async function meanStdNamed(words: string): Promise<MeanStd> {
  if (Object.hasOwn(KNOWN_MEAN_STD, words)) return KNOWN_MEAN_STD[words as keyof typeof KNOWN_MEAN_STD]
  if (NUMBERS.test(words)) {
    const [mean, std] = words.split('/').map((part) => part.split(',').map(Number))
    return checked({ name: `mean ${mean.join()} and standard deviation ${std.join()}`, mean, std }, words)
  }
  const text = await readFile(words, 'utf8').catch((cause: unknown) => {
    throw inputError(
      'metrics.meanStd',
      `mean and standard deviation must be ${Object.keys(KNOWN_MEAN_STD).join(', ')}, numbers by channel such as .5,.5,.5/.2,.2,.2, or a readable ` +
        `JSON file with image_mean and image_std, '${words}' is none of these`,
      { cause },
    )
  })
  return fromFile(parsed(text, words), words)
}

function parsed(text: string, path: string): unknown {
  try {
    return parseJson(text)
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError(
      'metrics.meanStd',
      `mean and standard deviation must come from a JSON file, '${path}' is none: ${reason}`,
      { cause },
    )
  }
}

/** Pillow's numbers of its filters. */
const PILLOW: Readonly<Record<string, Resampling>> = { 2: 'bilinear', 3: 'bicubic' }

function fromFile(json: unknown, path: string): MeanStd {
  const top = (json ?? {}) as Readonly<Record<string, unknown>>
  const fields = { ...top, ...((top.pretrained_cfg ?? {}) as Readonly<Record<string, unknown>>) }
  const {
    image_mean: imageMean,
    image_std: imageStd,
    do_rescale: rescales,
    rescale_factor: rescaled = 1 / 255,
  } = fields
  const factor = rescales === false ? 1 : rescaled
  const [mean, std] = [imageMean ?? fields.mean, imageStd ?? fields.std]
  const kernel = PILLOW[String(fields.resample)] ?? fields.interpolation
  const resize = kernel === 'bilinear' || kernel === 'bicubic' ? kernel : undefined
  const rest = {
    ...(typeof factor === 'number' && factor > 0 && { range: [0, 255 * factor] as const }),
    ...(resize && { resize }),
  }
  const name = `the mean and standard deviation of ${basename(path)}`
  if (fields.do_normalize === false) return { name, mean: [0], std: [1], ...rest }
  return checked({ name, mean: mean as number[], std: std as number[], ...rest }, path)
}

function checked(one: MeanStd, words: string): MeanStd {
  const lists = [one.mean, one.std].every(
    (list) =>
      Array.isArray(list) &&
      list.length > 0 &&
      list.every((value) => typeof value === 'number' && Number.isFinite(value)),
  )
  if (lists && one.mean.length === one.std.length && one.std.every((value) => value > 0)) return one
  throw inputError(
    'metrics.meanStd',
    `mean and standard deviation must be as many finite numbers, the deviations above 0, got mean ${JSON.stringify(one.mean)} and standard deviation ` +
      `${JSON.stringify(one.std)} in '${words}'`,
  )
}
