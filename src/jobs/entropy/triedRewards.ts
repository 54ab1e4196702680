/**
 * Rewards that somebody brings, tried before anything is tuned: on a few images of the model without guidance, where a mistake costs seconds and not
 * minutes. Their spread s tells where lambda may lie: under p0 e^(r/lambda) the KL from the model is about s^2/(2 lambda^2), so that a
 * lambda of 10 s does nothing, and one of s/100 is beyond anything that was drawn.
 */
import { inputError } from '../../base/index.ts'
import type { Denoiser, SamplerSettings, SamplingSchedule } from '../../diffusion/index.ts'
import { generate, picturesOf } from '../../diffusion/index.ts'
import type { Reward } from '../../rewards/index.ts'
import { parseRewardSpec } from '../../rewards/index.ts'
import type { EntropyConfig } from './settings.ts'

/** Images that rewards are tried on. */
const TRIED_IMAGES = 16

/** Factors between spread and range from which on that is said, and from which on nothing can come of it. */
const SAID_FROM = 30
const REFUSED_FROM = 1000

export interface TriedRewards {
  readonly denoiser: Denoiser
  readonly schedule: SamplingSchedule
  readonly sampler: SamplerSettings
  readonly reward: Reward
  readonly judge: Reward
  readonly condition?: ((item: number) => number) | undefined
  /** Whether the reward's derivative will be needed. */
  readonly guided: boolean
}

/**
 * What a reader must know of rewards from files, a sentence each; nothing is tried where all are built in.
 * @throws what the rewards throw; `entropy.scale` where no lambda of the range can matter, or every one is beyond the model
 */
export async function tryRewards(config: EntropyConfig, tried: TriedRewards): Promise<string[]> {
  const [chased, judging] = broughtAmong(config)
  if (!chased && !judging) return []
  const { denoiser, schedule, sampler, reward, judge, condition, guided } = tried
  const classes = condition && Int32Array.from({ length: TRIED_IMAGES }, (_, item) => condition(item))
  const { images: made } = await generate({
    ...{ denoiser, schedule, settings: sampler, count: TRIED_IMAGES, seed: config.seed },
    ...(classes && { condition: classes }),
  })
  const images = await picturesOf(denoiser, made)
  if (judging) await judge.values(images, classes)
  if (!chased) return []
  const values = await reward.values(images, classes)
  if (guided) await reward.gradient(images, classes)
  return scaleNotes(reward.name, values, config.lambdaRange)
}

/** Whether reward and judge come from files. */
const broughtAmong = ({ reward, judge }: Pick<EntropyConfig, 'reward' | 'judge'>): boolean[] =>
  [reward, judge].map((spec) => parseRewardSpec(spec).some(({ kind }) => kind !== 'name'))

/** Network evaluations of it. @param each those of an image without guidance */
export const triedEvaluations = (config: Pick<EntropyConfig, 'reward' | 'judge'>, each: number): number =>
  broughtAmong(config).includes(true) ? TRIED_IMAGES * each : 0

/**
 * Whether the range of lambda is in the reward's units.
 * @param values of images of the model without guidance; NaN: none
 * @throws `entropy.scale`
 */
export function scaleNotes(name: string, values: Float64Array, [low, high]: readonly [number, number]): string[] {
  const { deviation, middle } = spreadOf(values.filter(Number.isFinite))
  if (deviation === 0) return []
  // The spread that speaks for the range counts: a few outliers, or many equal values, condemn none.
  const strong = Math.min(deviation, middle > 0 ? middle : deviation) / high
  const weak = low / Math.max(deviation, middle)
  const factor = Math.max(strong, weak)
  if (factor < SAID_FROM) return []
  const what =
    strong > weak
      ? `even the weakest guidance of the range, lambda ${high}, is ${short(strong)} times stronger than what tells its images apart`
      : `even the strongest guidance of the range, lambda ${low}, is ${short(weak)} times weaker than what tells its images apart`
  const range = [deviation / 100, 10 * deviation].map(oneDigit).join(',')
  const text =
    `lambda is in the units of the reward, and '${name}' spreads by ${short(deviation)} over ${values.length} images of the model: ${what}; ` +
    `try --lambda-range ${range}`
  if (factor < REFUSED_FROM) return [text]
  throw inputError('entropy.scale', text)
}

/** Standard deviation, and what it would be of a normal distribution with the same middle half; 0 where the images are alike. */
function spreadOf(values: Float64Array): { readonly deviation: number; readonly middle: number } {
  const n = values.length
  if (n < 2) return { deviation: 0, middle: 0 }
  const mean = values.reduce((sum, value) => sum + value, 0) / n
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1))
  const sorted = values.toSorted()
  const middle = (sorted[Math.ceil((3 * n) / 4) - 1] - sorted[Math.floor(n / 4)]) / 1.349
  return { deviation, middle }
}

const short = (value: number): string => String(Number(value.toPrecision(2)))
const oneDigit = (value: number): string => String(Number(value.toPrecision(1)))
