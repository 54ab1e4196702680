/** By what the rows of a comparison are compared: the Fréchet distance where there are data, else the objective; a reward in any case. */
import { internalError } from '../../base/index.ts'
import type { MeanAndStandardError } from '../../metrics/index.ts'
import { pairedDifference } from '../../metrics/index.ts'
import type { Job } from './job.ts'
import type { ObjectiveName } from './objectives/names.ts'
import type { ScheduleRow } from './result.ts'
import type { MeasuredRow } from './rows.ts'

type Compared = Pick<Job, 'settings' | 'data'>

export const comparedBy = ({ settings: { objective }, data }: Compared): ObjectiveName =>
  objective === 'reward' || data === null ? objective : 'fid'

/** Of a row, smaller being better. */
export function comparedValue(job: Compared, { fid, objective }: ScheduleRow): MeanAndStandardError {
  const value = comparedBy(job) === 'fid' ? fid : objective
  if (!value) throw internalError('a row without what it is compared by')
  return value
}

/** The same by sampling seed. */
function bySeed(job: Compared, { fidBySeed, objectiveBySeed }: MeasuredRow): readonly number[] {
  const values = comparedBy(job) === 'fid' ? fidBySeed : objectiveBySeed
  if (!values) throw internalError('a row without what it is compared by')
  return values
}

/** Paired differences over the sampling seeds that both have: positive where the second row is better. */
export function gainOver(job: Compared, other: MeasuredRow, learned: MeasuredRow): MeanAndStandardError {
  const theirs = bySeed(job, other)
  return pairedDifference(theirs, bySeed(job, learned).slice(0, theirs.length))
}
