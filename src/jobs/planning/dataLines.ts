/** What `--dry-run` says of data that are given: how many images fall where, what was done to them, and what can be measured on them. */
import type { Dataset } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { FiguresAsked } from '../opening/fewImages.ts'
import { figuresText } from '../opening/fewImages.ts'

/** Data, what they are measured in, and what is to be said. */
interface MeasuredData {
  readonly data: Dataset
  readonly features: FeatureNetwork
  readonly notes: readonly string[]
}

/** @param asked what is compared, and what to do where that is too few */
export function dataLines(
  { data, features, notes }: MeasuredData,
  asked: Pick<FiguresAsked, 'counts' | 'fix'>,
): readonly string[] {
  const { splits, shape, classes, name } = data
  const counts = `${splits.train.count} train, ${splits.tuning.count} tune, ${splits.heldOut.count} are held out`
  const classText = classes.length > 0 ? `, ${classes.length} classes` : ', no classes'
  return [
    `data: ${name}, images of [${shape}]${classText}: ${counts}`,
    ...notes.map((note) => `note: ${note}`),
    `figures: ${figuresText({ ...asked, features, single: true, always: 'diversity' })}`,
  ]
}
