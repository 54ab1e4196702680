/** What a classifier says of images: their classes and how sure it is, and how often it is right. */
import { inputError } from '../base/index.ts'
import type { Features } from './rows.ts'

/** Most probable class of each row and its probability. */
export interface Verdicts {
  readonly classes: Int32Array
  readonly confidence: Float64Array
}

/** Verdicts of probabilities [n, classes]; the first of equals wins. */
export function verdictsOf({ shape: [count, classes], data }: Features): Verdicts {
  const verdicts = { classes: new Int32Array(count), confidence: new Float64Array(count) }
  for (let i = 0; i < count; i++) {
    const row = data.subarray(i * classes, (i + 1) * classes)
    let best = 0
    for (let c = 1; c < classes; c++) if (row[c] > row[best]) best = c
    verdicts.classes[i] = best
    verdicts.confidence[i] = row[best]
  }
  return verdicts
}

/** Share of rows whose most probable class is the label. @throws `metrics.labels` unless there is one label per row */
export function accuracyOf(probabilities: Features, labels: Int32Array): number {
  const { classes } = verdictsOf(probabilities)
  if (labels.length !== classes.length) {
    throw inputError('metrics.labels', `accuracy needs one label per image, got ${labels.length} for ${classes.length}`)
  }
  return classes.reduce((right, value, i) => right + Number(value === labels[i]), 0) / classes.length
}
