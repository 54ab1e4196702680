/**
 * What is tried of a model's convention where there are no data: what comes back of noise alone, and whether it takes the pictures that it draws itself for
 * pictures.
 */
import { inputError } from '../../base/index.ts'
import type {
  Candidate,
  ConventionPrediction,
  DenoiserConvention,
  Figure,
  StatedConvention,
} from '../../diffusion/index.ts'
import {
  ACCEPTED,
  CONVENTION_PREDICTIONS,
  conventionVerdict,
  hasNoDarkHalf,
  measureConventions,
  noiseGivenBack,
  OWN_PICTURES,
  ownPictures,
} from '../../diffusion/index.ts'
import type { SettleOptions, UsedConvention } from './conventionRecord.ts'
import { flagsFor, shown, wordsOf } from './conventionRecord.ts'

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

/** A network that is off by more on pictures that it drew itself draws none. Right ones were off by 0 to .23, wrong ones by .63 to 1.8. */
const NO_PICTURES = 0.5

/** Seconds that drawing pictures to check it may take. */
const MOST_SECONDS = 20

/** What was tried without data. */
interface Tried {
  /** Share of noise alone that comes back at the noisiest time. */
  readonly given: number | null
  /** What it is off by on pictures of its own. */
  readonly own: number | null
  readonly noDarkHalf: boolean
}

/** The convention as it is stated. @throws `model.convention` where it draws no pictures by that */
export async function withoutPictures(
  options: SettleOptions,
  candidates: readonly Candidate[],
): Promise<Omit<UsedConvention, 'evaluations'>> {
  const { trust } = options
  const [candidate] = candidates
  const { convention, trained } = candidate
  const tried = trust ? { given: null, own: null, noDarkHalf: false } : await tryAlone(options, candidates)
  const record = {
    ...convention,
    figure: null,
    pictures: 0,
    noiseGivenBack: tried.given,
    ownFigure: tried.own,
    alike: [],
    trusted: trust,
  }
  return { convention, trained, record, figures: [], notes: unchecked(options, candidate, tried) }
}

/** @throws `model.convention` */
async function tryAlone(options: SettleOptions, candidates: readonly Candidate[]): Promise<Tried> {
  const { file, network, stated, list } = options
  const [candidate] = candidates
  const { convention, trained } = candidate
  const isNoise = trained.logSnr[trained.timesteps - 1] < NOISE_ALONE
  const classes = network.conditional ? new Int32Array(2) : undefined
  const began = performance.now()
  const said = await noiseGivenBack(network, candidate, classes)
  const seconds = (performance.now() - began) / 1000
  const given = isNoise && Number.isFinite(said) ? said : null
  if (given !== null) requireGiven(file, convention, given, stated.prediction !== undefined)
  const calls = Math.ceil(OWN_PICTURES.count / (network.batch ?? OWN_PICTURES.count)) * (OWN_PICTURES.steps + 3)
  if (seconds * calls > MOST_SECONDS) return { given, own: null, noDarkHalf: false }
  const drawn = await ownPictures(network, candidate, list)
  const figures = await measureConventions(network, candidates, drawn)
  const [{ figure: own }] = figures
  const noDarkHalf = convention.pixels.join() === '-1,1' && hasNoDarkHalf(drawn)
  if (noDarkHalf && stated.pixels === undefined) throw noDarkHalfError(file, figures[0])
  if (own >= NO_PICTURES) {
    const { best } = conventionVerdict(figures, stated)
    const others = otherTimes(candidates, stated)
    const inTime = seconds * calls * others.length <= MOST_SECONDS
    const other = best !== figures[0] && best.figure < ACCEPTED ? best : inTime ? await fitting(options, others) : null
    throw otherError(file, figures[0], other)
  }
  return { given, own: Number.isFinite(own) ? own : null, noDarkHalf }
}

/** What is taken, told other times, where nothing says which. */
function otherTimes([taken, ...others]: readonly Candidate[], { time }: StatedConvention): readonly Candidate[] {
  const without = ({ convention, levels }: Candidate) => JSON.stringify([{ ...convention, time: null }, levels])
  return time === undefined ? others.filter((other) => without(other) === without(taken)) : []
}

/** Of candidates the one that takes the pictures which it draws for pictures, the surest of several; null: none does. */
async function fitting({ network, list }: SettleOptions, candidates: readonly Candidate[]): Promise<Figure | null> {
  const figures: Figure[] = []
  for (const candidate of candidates) {
    // A table of times may be shorter than what is told.
    const drawn = await ownPictures(network, candidate, list).catch(() => null)
    if (drawn) figures.push(...(await measureConventions(network, [candidate], drawn)))
  }
  const [best] = figures.toSorted((one, other) => one.figure - other.figure)
  return best && best.figure < ACCEPTED ? best : null
}

const DREW = `${OWN_PICTURES.count} pictures that it drew itself`

const noDarkHalfError = (file: string, own: Figure): Error =>
  inputError(
    'model.convention',
    `${file} is taken to be of ${wordsOf(own)}, but ${DREW} have no dark pixel, as pixels in [0, 1] have none; say --model-pixels=0,1, or --model-pixels=-1,1 if that is so, or give --data with pictures like its own`,
  )

/** @param other what fits; null: nothing is known to */
function otherError(file: string, own: Figure, other: Figure | null): Error {
  const fix = other
    ? `what fits is ${wordsOf(other)}, off by ${shown(other)}; take that with ${flagsFor(own, other).join(' ')}`
    : 'its convention is another one; give --data with pictures like its own, and it is measured, or say it with --model-prediction, --model-pixels, --model-time'
  return inputError(
    'model.convention',
    `${file} is taken to be of ${wordsOf(own)}, but on ${DREW} it is off by ${shown(own)}: ${fix}; --trust-convention takes it as it is`,
  )
}

/** @throws `model.convention` */
function requireGiven(file: string, convention: DenoiserConvention, given: number, isStated: boolean): void {
  const { prediction } = convention
  const wanted = GIVES[prediction]
  if (Math.abs(given - wanted) <= 0.6) return
  const near = Math.abs(given) > 1.6 ? null : Math.abs(given) < 0.5 ? 0 : Math.sign(given)
  const others = CONVENTION_PREDICTIONS.filter((name) => GIVES[name] === near)
  const rule = `${file} is ${isStated ? 'stated' : 'taken'} to predict ${prediction}, and so must give back about ${wanted} of noise alone at the noisiest time`
  const which = others.length === 0 ? '--model-time' : `--model-prediction ${others.join('|')}`
  const as =
    others.length === 0 ? 'as one that is told other times would' : `as one that predicts ${others.join(' or ')} would`
  const fix = `say which with ${which}, give --data with pictures like its own, and it is measured, or take it as it is with --trust-convention`
  throw inputError('model.convention', `${rule}, got ${given.toFixed(2)}, ${as}; ${fix}`)
}

const PIXELS = 'the range of its pixels'

/** What could not be checked, in a sentence; nothing where it draws pictures by what is stated of all that it is asked of. */
function unchecked({ file, stated, trust }: SettleOptions, candidate: Candidate, { given, own }: Tried): string[] {
  const taken = `the convention of ${file} is taken to be ${wordsOf(candidate)}`
  if (trust) return [`${taken}, unchecked`]
  const { prediction, pixels, time } = stated
  if (own !== null && prediction !== undefined && pixels !== undefined && time !== undefined) return []
  const noise = given === null ? '' : `it gives back ${given.toFixed(2)} of noise alone`
  const drawn =
    own === null
      ? 'drawing pictures to check it would take too long'
      : `is off by ${own.toFixed(2)} on ${OWN_PICTURES.count} pictures that it drew itself`
  const doubts =
    own !== null && pixels !== undefined
      ? ''
      : `not checked: ${own === null ? doubtOf(candidate.convention.prediction) : PIXELS}; `
  return [
    `${taken}: without data, ${[noise, drawn].filter((part) => part !== '').join(' and ')}; ${doubts}--data with pictures like its own checks all of it`,
  ]
}

function doubtOf(prediction: ConventionPrediction): string {
  const others = CONVENTION_PREDICTIONS.filter((name) => name !== prediction && GIVES[name] === GIVES[prediction])
  const kind = others.length === 0 ? '' : `whether it predicts ${others.join(' or ')} instead, `
  return `${kind}${PIXELS}, what it is told for times`
}
