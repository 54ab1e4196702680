/** The convention that a model is used by: how it was found, as manifests keep it, and in words. */
import type {
  Candidate,
  ConventionPrediction,
  DenoiserConvention,
  Figure,
  MeasuringPictures,
  NoiseSchedule,
  StatedConvention,
  StepListName,
  ToldNetwork,
} from '../../diffusion/index.ts'
import { conventionWords } from '../../diffusion/index.ts'
import type { Json } from '../../runs/index.ts'

/** What is known of the convention that a model is used by, as manifests keep it. */
export interface ConventionRecord {
  readonly prediction: ConventionPrediction
  readonly pixels: readonly [number, number]
  readonly time: DenoiserConvention['time']
  readonly timeScale: number
  readonly sigmaData: number
  /** Mean over three levels of rms(prediction - what it should be) on real pictures; null: not measured. */
  readonly figure: number | null
  /** Pictures that it was measured on. */
  readonly pictures: number
  /** Share of noise alone that it gives back at the noisiest time, where that is all that was tried. */
  readonly noiseGivenBack: number | null
  /** The same figure on pictures that it drew itself, where there were no others. */
  readonly ownFigure: number | null
  /** Conventions that cannot be told from it, in words. */
  readonly alike: readonly string[]
  /** Whether it was taken as stated by `--trust-convention`. */
  readonly trusted: boolean
}

/** A record as JSON has it, figures to four digits. */
export const recordJson = (record: ConventionRecord): Readonly<Record<string, Json>> => {
  const { pixels, alike, figure, noiseGivenBack, ownFigure, ...rest } = record
  const digits = (value: number | null) => (value === null ? null : Number(value.toFixed(4)))
  return {
    ...rest,
    pixels: [...pixels],
    alike: [...alike],
    figure: digits(figure),
    noiseGivenBack: digits(noiseGivenBack),
    ownFigure: digits(ownFigure),
  }
}

/** What was measured of a model's convention on pictures, when a run used it. */
export interface MeasuredBefore {
  readonly run: string
  /** Of the model. */
  readonly sha256: string
  readonly record: ConventionRecord
}

export const ofSameModel = (before: MeasuredBefore | null | undefined, sha256: string): MeasuredBefore | null =>
  before?.sha256 === sha256 ? before : null

/** The convention that a network is used by, with the levels it was trained on. */
export interface UsedConvention extends Pick<Candidate, 'convention' | 'trained'> {
  /** How it was found; null: as stated, not checked, as of models of this project. */
  readonly record: ConventionRecord | null
  /** Every candidate with its figure, where they were measured. */
  readonly figures: readonly Figure[]
  /** Network evaluations that finding it took. */
  readonly evaluations: number
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
}

export interface SettleOptions {
  /** What errors call it. */
  readonly file: string
  readonly network: ToldNetwork
  readonly stated: StatedConvention
  /** The levels that are stated. */
  readonly trained: NoiseSchedule
  /** Null: there are no data. */
  readonly pictures: MeasuringPictures | null
  /** What all images are asked to be of, where pictures have no class. Default: no class, or the first. */
  readonly class?: number | string | null
  /** What holds where there are no data. */
  readonly before?: Pick<MeasuredBefore, 'run' | 'record'> | null
  /** The steps that it is sampled at by itself. */
  readonly list: StepListName
  /** Take what is stated, whatever is measured. */
  readonly trust: boolean
  /** Whether its images are latents, which have no range of pixels. Default no. */
  readonly latent?: boolean
  /** Whether all candidates are measured to the end. */
  readonly all?: boolean
}

/** A convention in words, with its levels where they are not the stated ones. */
export const wordsOf = ({ convention, levels }: Candidate): string =>
  levels === null ? conventionWords(convention) : `${conventionWords(convention)} (${levels})`

/** A figure in words. */
export const shown = ({ figure, atLeast }: Figure): string =>
  Number.isFinite(figure) ? `${atLeast ? 'at least ' : ''}${figure.toFixed(2)}` : 'it fails'

/** What takes a convention in place of the stated one. */
export function flagsFor(stated: Candidate, { convention, levels }: Candidate): string[] {
  const { prediction, pixels, time } = convention
  const before = stated.convention
  return [
    ...(prediction === before.prediction ? [] : [`--model-prediction ${prediction}`]),
    ...(pixels.join() === before.pixels.join() ? [] : [`--model-pixels=${pixels.join()}`]),
    ...(time === before.time ? [] : [`--model-time ${time}`]),
    ...(levels?.endsWith('betas') ? [`--scheduler FILE with its ${levels}`] : []),
  ]
}
