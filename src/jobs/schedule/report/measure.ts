/** What the report's rows are compared by, as it is told: the Fréchet distance, the distance to the teacher, or the reward (the more the better). */
import { internalError } from '../../../base/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { Html } from '../../../report/index.ts'
import { decimalsFor, html } from '../../../report/index.ts'
import type { ObjectiveName, ScheduleResult, ScheduleRow } from '../../../tuners/index.ts'
import { OBJECTIVE_WORDS, toldValue } from '../../../tuners/index.ts'

/** A mean as it is told. */
export const toldMean = (objective: ObjectiveName, { mean, ...rest }: MeanAndStandardError): MeanAndStandardError => ({
  ...rest,
  mean: toldValue(objective, mean),
})

/** What a row is compared by. */
export function measureOf(
  { comparedBy }: Pick<ScheduleResult, 'comparedBy'>,
  { fid, objective }: ScheduleRow,
): MeanAndStandardError {
  const value = comparedBy === 'fid' ? fid : objective
  if (!value) throw internalError('a row without what it is compared by')
  return toldMean(comparedBy, value)
}

/** `FID`, `distance to the teacher`, `reward`. */
export const measureLabel = ({ comparedBy }: Pick<ScheduleResult, 'comparedBy'>): string =>
  OBJECTIVE_WORDS[comparedBy].label

/** The same as the first word of a sentence or heading. */
export const measureTitle = (result: Pick<ScheduleResult, 'comparedBy'>): string => capital(measureLabel(result))

const capital = (text: string): string => text[0].toUpperCase() + text.slice(1)

/** Whether less of it is better. */
export const lessIsBetter = ({ comparedBy }: Pick<ScheduleResult, 'comparedBy'>): boolean =>
  OBJECTIVE_WORDS[comparedBy].sign === 1

/** Decimals of numbers of which some may be small: three digits that count of the smallest, four at least below one. */
export function decimalsOfSmall(values: readonly number[]): number {
  const least = Math.min(...values.map(Math.abs).filter((value) => value > 0))
  if (!Number.isFinite(least) || least >= 0.1) return Math.max(decimalsFor(values), 3)
  return Math.min(8, 2 - Math.floor(Math.log10(least)))
}

/** What the measure is of, for headings: the features, the teacher or the reward. */
export function measuredIn(result: Pick<ScheduleResult, 'comparedBy' | 'featureNetwork' | 'objectiveWords'>): string {
  return (result.comparedBy === 'fid' ? result.featureNetwork : result.objectiveWords) ?? ''
}

/** Says what the measure is, for people who read the page for the first time. */
export function measureSentence(result: ScheduleResult): Html {
  const { comparedBy, featureNetwork, objectiveWords } = result
  if (comparedBy === 'fid') {
    return html`FID is the Fréchet distance in the features of <code>${featureNetwork}</code> to the held-out images; lower is better.`
  }
  if (comparedBy === 'teacher') {
    return html`The distance to the teacher is the mean squared difference to the model's own images from the same start noise (${objectiveWords}),
on noise that was not tuned on; lower is better.`
  }
  return html`The reward is the mean of <code>${objectiveWords}</code> over images from noise that was not tuned on; higher is better.
What is chased can be deceived: the columns beside it tell what became of the images otherwise.`
}
