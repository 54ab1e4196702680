/** Classes of images as numbers from 0, with the names of the classes. */
import { inputError, MOST } from '../base/index.ts'

/** Columns of tables that name the class of an image, the first that is there. */
export const LABEL_COLUMNS = [
  'label',
  'labels',
  'fine_label',
  'class',
  'class_name',
  'category',
  'cls',
  'target',
  'y',
] as const

interface Labelled {
  readonly label: string | number | null
}

/**
 * @param names the classes' names, the index being the label; null: whole numbers are their own names
 * @throws `data.labels` where some images have a label and others have none, or one that is no class
 */
export function labelled(
  images: readonly Labelled[],
  names: readonly string[] | null,
  source: string,
): { readonly labels: Int32Array | null; readonly classes: readonly string[] } {
  const without = images.filter(({ label }) => label === null).length
  if (without === images.length) return { labels: null, classes: [] }
  if (without > 0) {
    throw inputError(
      'data.labels',
      `${source} must have labels for all of its images, or for none: ${without} of ${images.length} have none`,
    )
  }
  const indices = new Map(names?.map((name, index) => [name, index]))
  const labels = Int32Array.from(images, ({ label }) =>
    typeof label === 'number' && !indices.has(String(label)) ? label : (indices.get(String(label)) ?? -1),
  )
  const most = names ? names.length - 1 : MOST.classes - 1
  const odd = labels.findIndex((label) => !(label >= 0 && label <= most))
  if (odd >= 0) {
    const rule = names ? `one of ${shortList(names)}` : `a whole number from 0 to ${most}`
    throw inputError('data.labels', `a label of ${source} must be ${rule}, got ${images[odd].label}`)
  }
  const highest = labels.reduce((a, b) => Math.max(a, b), 0)
  return { labels, classes: names ?? Array.from({ length: highest + 1 }, (_, label) => String(label)) }
}

const shortList = (names: readonly string[]): string =>
  names.length > 20 ? `${names.slice(0, 20).join(', ')}, … (${names.length})` : names.join(', ')
