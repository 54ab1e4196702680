/**
 * Which convention a model is used by: measured on the data's pictures where there are some, tried with noise alone where there are none, and held against
 * what is stated of it. A model of another convention is refused, with what takes it, before anything is drawn with it.
 */
import { inputError } from '../../base/index.ts'
import type {
  Candidate,
  ConventionPrediction,
  ConventionVerdict,
  DenoiserConvention,
  Figure,
  MeasuringPictures,
  NoiseSchedule,
  StatedConvention,
  ToldNetwork,
} from '../../diffusion/index.ts'
import {
  ACCEPTED,
  candidatesOf,
  conventionVerdict,
  conventionWords,
  measureConventions,
  noiseGivenBack,
  runsThroughout,
} from '../../diffusion/index.ts'
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
  /** Conventions that cannot be told from it, in words. */
  readonly alike: readonly string[]
  /** Whether it was taken as stated by `--trust-convention`. */
  readonly trusted: boolean
}

/** A record as JSON has it, figures to four digits. */
export const recordJson = (record: ConventionRecord): Readonly<Record<string, Json>> => {
  const { pixels, alike, figure, noiseGivenBack, ...rest } = record
  const digits = (value: number | null) => (value === null ? null : Number(value.toFixed(4)))
  return {
    ...rest,
    pixels: [...pixels],
    alike: [...alike],
    figure: digits(figure),
    noiseGivenBack: digits(noiseGivenBack),
  }
}

/** The convention that a network is used by, with the levels it was trained on. */
export interface UsedConvention extends Pick<Candidate, 'convention' | 'trained'> {
  /** How it was found; null: as stated, not checked, as of models of this project. */
  readonly record: ConventionRecord | null
  /** Every candidate with its figure, where they were measured. */
  readonly figures: readonly Figure[]
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
  /** Take what is stated, whatever is measured. */
  readonly trust: boolean
  /** Whether all candidates are measured to the end. */
  readonly all?: boolean
}

/** @throws `model.convention` where another convention fits, or none and the stated one is not the nearest; `model.prediction` */
export async function settleConvention(options: SettleOptions): Promise<UsedConvention> {
  const { network, stated, trained, pictures, trust, all } = options
  const candidates = candidatesOf(stated, trained, network.times)
  if (!pictures) return byNoise(options, candidates[0])
  const measured = await measureConventions(network, candidates, forNetwork(pictures, network), { ...(all && { all }) })
  const { figures, verdict } = await usable(network, measured, stated)
  const { chosen, alike, says } = verdict
  if (!trust && (says === 'other' || says === 'none')) throw refusal(options, verdict)
  const taken = trust ? figures[0] : chosen
  const { convention } = taken
  const record = {
    ...convention,
    figure: Number.isFinite(taken.figure) ? taken.figure : null,
    pictures: pictures.images.shape[0],
    noiseGivenBack: null,
    alike: alike.map(wordsOf),
    trusted: trust,
  }
  return { convention, trained: taken.trained, record, figures, notes: notesOf(options, verdict, taken) }
}

/** The verdict among those that the network runs with at every time. */
async function usable(
  network: ToldNetwork,
  figures: readonly Figure[],
  stated: StatedConvention,
): Promise<{ readonly figures: readonly Figure[]; readonly verdict: ConventionVerdict }> {
  const verdict = conventionVerdict(figures, stated)
  for (const one of [verdict.chosen, verdict.best]) {
    if (one === figures[0] || (await runsThroughout(network, one))) continue
    return usable(
      network,
      figures.filter((figure) => figure !== one),
      stated,
    )
  }
  return { figures, verdict }
}

/** A class per picture where the network takes one, those of the data where they are of its range. */
function forNetwork(
  { images, classes }: MeasuringPictures,
  { conditional, classes: known }: ToldNetwork,
): MeasuringPictures {
  if (!conditional) return { images }
  const count = images.shape[0]
  const labels = classes ?? new Int32Array(count)
  return { images, classes: known === undefined ? labels : labels.map((label) => label % known) }
}

const wordsOf = ({ convention, levels }: Candidate): string =>
  levels === null ? conventionWords(convention) : `${conventionWords(convention)} (${levels})`

const shown = ({ figure, atLeast }: Figure): string =>
  Number.isFinite(figure) ? `${atLeast ? 'at least ' : ''}${figure.toFixed(2)}` : 'it fails'

function notesOf(
  { file, pictures, stated, trust }: SettleOptions,
  verdict: ConventionVerdict,
  taken: Figure,
): string[] {
  const { alike, best, says, chosen } = verdict
  const count = `${pictures?.images.shape[0]} pictures`
  const open = taken === chosen && !trust && taken.levels === null && isMeasured(taken.convention, stated)
  const how = open ? ' as measured' : ''
  const main = `the convention of ${file}${how}: ${wordsOf(taken)}; off by ${shown(taken)} on ${count}`
  if (trust && taken.figure > best.figure + 0.05) {
    return [`${main}, taken as it is stated though ${wordsOf(best)} is off by ${shown(best)}`]
  }
  const class_ = alike.length === 0 ? '' : `, which cannot be told from ${listed(alike)}`
  const young = says === 'young' ? `; above ${ACCEPTED}: the network is young, or the pictures are not its own` : ''
  return [`${main}${class_}${young}`]
}

/** Whether something that was not stated was taken otherwise than it is by default. */
const isMeasured = ({ pixels, time }: DenoiserConvention, stated: StatedConvention): boolean =>
  (stated.pixels === undefined && pixels.join() !== '-1,1') || (stated.time === undefined && time !== 'index')

const listed = (alike: readonly Figure[]): string =>
  alike
    .slice(0, 3)
    .map((figure) => `${wordsOf(figure)} (${shown(figure)})`)
    .join(' and ') + (alike.length > 3 ? ` and ${alike.length - 3} more` : '')

function refusal({ file, pictures }: SettleOptions, { chosen, best, says }: ConventionVerdict): Error {
  const count = `${pictures?.images.shape[0]} pictures`
  const stated = `${file} is stated to be of ${wordsOf(chosen)}, by which it is off by ${shown(chosen)} on ${count}`
  const trust = '--trust-convention takes it as it is stated'
  if (says === 'other') {
    return inputError(
      'model.convention',
      `${stated}, but what fits is ${wordsOf(best)}, off by ${shown(best)}; take that with ${flagsFor(chosen, best).join(' ')}, or ${trust}`,
    )
  }
  const nearest = best === chosen ? '' : `, the nearest is ${wordsOf(best)}, off by ${shown(best)}`
  return inputError(
    'model.convention',
    `${stated}, and nothing that was tried fits (below ${ACCEPTED})${nearest}; give data like those it was trained on, say its convention with ` +
      `--model-prediction, --model-pixels, --model-time and --scheduler, or ${trust}`,
  )
}

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

/** What noise alone at the noisiest time comes out as: 1 where the prediction holds the noise, 0 where it does not. */
const GIVES: Readonly<Record<ConventionPrediction, -1 | 0 | 1>> = {
  noise: 1,
  flow: 1,
  'flow-to-data': -1,
  sample: 0,
  velocity: 0,
  edm: 0,
  denoised: 0,
}

/** Below this log-SNR the noisiest level is as good as noise alone. */
const NOISE_ALONE = Math.log(0.02)

async function byNoise(options: SettleOptions, candidate: Candidate): Promise<UsedConvention> {
  const { file, network, stated, trust } = options
  const { convention, trained } = candidate
  const isNoise = trained.logSnr[trained.timesteps - 1] < NOISE_ALONE
  const classes = network.conditional ? new Int32Array(2) : undefined
  const given = isNoise ? await noiseGivenBack(network, candidate, classes).catch(() => null) : null
  const usable = given !== null && Number.isFinite(given) ? given : null
  if (!trust && usable !== null) requireGiven(file, convention, usable, stated.prediction !== undefined)
  const record = {
    ...convention,
    figure: null,
    pictures: 0,
    noiseGivenBack: usable,
    alike: [],
    trusted: trust,
  }
  return { convention, trained, record, figures: [], notes: unchecked(file, candidate, usable) }
}

/** @throws `model.convention` */
function requireGiven(file: string, convention: DenoiserConvention, given: number, isStated: boolean): void {
  const { prediction } = convention
  const wanted = GIVES[prediction]
  if (Math.abs(given - wanted) <= 0.6) return
  const near = Math.abs(given) < 0.5 ? 0 : Math.sign(given)
  const others = (Object.keys(GIVES) as ConventionPrediction[]).filter((name) => GIVES[name] === near)
  const rule = `${file} is ${isStated ? 'stated' : 'taken'} to predict ${prediction}, and so must give back about ${wanted} of noise alone at the noisiest time`
  const fix = others.map((name) => `--model-prediction ${name}`).join(', ')
  throw inputError(
    'model.convention',
    `${rule}, got ${given.toFixed(2)}, as ${others.join(', ')} would; say ${fix}, or --trust-convention`,
  )
}

/** What could not be checked. */
function unchecked(file: string, candidate: Candidate, given: number | null): string[] {
  const { prediction } = candidate.convention
  const tried =
    given === null
      ? 'without data nothing of it is checked'
      : `without data noise alone is tried, of which it gives back ${given.toFixed(2)}`
  const rest = given === null ? '' : `; ${doubtOf(prediction)}`
  return [
    `the convention of ${file} is taken to be ${wordsOf(candidate)}: ${tried}${rest}; --data with pictures like its own checks all of it`,
  ]
}

function doubtOf(prediction: ConventionPrediction): string {
  const others = (Object.keys(GIVES) as ConventionPrediction[]).filter(
    (name) => name !== prediction && GIVES[name] === GIVES[prediction],
  )
  const kind = others.length === 0 ? '' : `whether it predicts ${others.join(' or ')} instead, `
  return `${kind}the range of its pixels and what it is told for times are not checked`
}
