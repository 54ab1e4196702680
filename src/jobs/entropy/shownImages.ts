/** What is told of the images that a report shows: their captions, and what a reward says of them that decides nothing. */
import { tensor } from '../../base/index.ts'
import { meanAndStandardError } from '../../metrics/index.ts'
import type { EntropyResult } from '../../tuners/index.ts'
import type { ShownImages } from '../reporting/context.ts'
import type { EntropyInputs } from './open.ts'

/** @throws what the witness throws */
export async function shownImages(
  { grids }: Pick<EntropyResult, 'grids'>,
  { model, subject: { condition }, witness }: Pick<EntropyInputs, 'model' | 'subject' | 'witness'>,
): Promise<ShownImages> {
  const most = Math.max(0, ...grids.map(({ count }) => count))
  const classes = condition && Int32Array.from({ length: most }, (_, item) => condition(item))
  const at = []
  for (const { label, count, shape, images } of witness ? grids : []) {
    const values = await witness!.values(tensor('float32', [count, ...shape], images), classes?.subarray(0, count))
    at.push({ label, ...meanAndStandardError(values.filter(Number.isFinite)) })
  }
  const names = model.classNames
  const captions = names && classes ? Array.from(classes, (label) => names[label]) : null
  return {
    captions: captions && new Set(captions).size > 1 ? captions : null,
    witness: witness && { name: witness.name, at },
  }
}
