/**
 * Which convention a model is used by: measured on the data's pictures where there are some, tried with noise alone where there are none, and held against
 * what is stated of it. A model of another convention is refused, with what takes it, before anything is drawn with it.
 */
import { inputError } from '../../base/index.ts'
import type {
  Candidate,
  ConventionVerdict,
  DenoiserConvention,
  Figure,
  MeasuringPictures,
  StatedConvention,
  ToldNetwork,
} from '../../diffusion/index.ts'
import {
  ACCEPTED,
  candidatesOf,
  conventionVerdict,
  conventionWords,
  measureConventions,
  runsThroughout,
} from '../../diffusion/index.ts'
import { withoutPictures } from './conventionAlone.ts'
import type { SettleOptions, UsedConvention } from './conventionRecord.ts'
import { flagsFor, shown, wordsOf } from './conventionRecord.ts'
import { latentCandidates } from './latentModel.ts'

/** @throws `model.convention` where another convention fits, or none and the stated one is not the nearest */
export async function settleConvention(options: SettleOptions): Promise<UsedConvention> {
  const { network } = options
  let evaluations = 0
  const counted: ToldNetwork = {
    ...network,
    async predict(x, ...rest) {
      const prediction = await network.predict(x, ...rest)
      evaluations += x.shape[0]
      return prediction
    },
  }
  return { ...(await settled({ ...options, network: counted })), evaluations }
}

type Settled = Omit<UsedConvention, 'evaluations'>

async function settled(options: SettleOptions): Promise<Settled> {
  const { network, stated, trained, pictures, class: wanted, trust, all, latent } = options
  const every = candidatesOf(stated, trained, network.times)
  const candidates = latent ? latentCandidates(every) : every
  if (!pictures) return measuredBefore(options, candidates) ?? withoutPictures(options, candidates)
  const measured = await measureConventions(network, candidates, forNetwork(pictures, network, wanted), {
    ...(all && { all }),
  })
  const { figures, verdict } = await usable(network, measured, stated)
  const { chosen, alike, says } = verdict
  // Pictures of another class than the network is told say nothing.
  if (!trust && says === 'none' && isGuessed(pictures, network)) {
    const alone = await withoutPictures(options, candidates)
    const why = `the data have no classes, and told one class for all of them ${options.file} fits no convention on their pictures, which may be of others`
    return { ...alone, notes: [why, ...alone.notes] }
  }
  if (!trust && (says === 'other' || says === 'none')) throw refusal(options, verdict)
  const taken = trust ? figures[0] : chosen
  const { convention } = taken
  const record = {
    ...convention,
    figure: Number.isFinite(taken.figure) ? taken.figure : null,
    pictures: pictures.images.shape[0],
    noiseGivenBack: null,
    ownFigure: null,
    alike: alike.map(wordsOf),
    trusted: trust,
  }
  return { convention, trained: taken.trained, record, figures, notes: notesOf(options, verdict, taken) }
}

/** What a run measured on pictures, where that is what is stated now. */
function measuredBefore({ file, before, trust }: SettleOptions, [stated]: readonly Candidate[]): Settled | null {
  if (!before || trust || before.record.figure === null) return null
  const { run, record } = before
  const { convention, trained } = stated
  if (conventionWords(record) !== conventionWords(convention) || record.sigmaData !== convention.sigmaData) return null
  const measured = `off by ${record.figure?.toFixed(2)} on ${record.pictures} pictures when ${run} was made`
  const note = `the convention of ${file}: ${wordsOf(stated)}; ${measured}`
  return { convention, trained, record, figures: [], notes: [note] }
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

/**
 * A class per picture where the network takes one: those of the data, where they are of its range; of unlabelled data none, or where nothing stands for
 * that, the one that all images are asked to be of, or the first.
 */
function forNetwork(
  { images, classes }: MeasuringPictures,
  { conditional, classes: known, nullClass }: ToldNetwork,
  wanted: SettleOptions['class'],
): MeasuringPictures {
  if (!conditional) return { images }
  const one = nullClass ?? (typeof wanted === 'number' ? wanted : 0)
  const labels = classes ?? new Int32Array(images.shape[0]).fill(one)
  if (classes === undefined) return { images, classes: labels }
  return { images, classes: known === undefined ? labels : labels.map((label) => label % known) }
}

/** Whether pictures may well be of other classes than the network was told. */
const isGuessed = ({ classes }: MeasuringPictures, { conditional, nullClass }: ToldNetwork): boolean =>
  conditional === true && classes === undefined && nullClass === undefined

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
