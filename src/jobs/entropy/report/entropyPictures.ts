/** What prompts become at each strength of guidance: a row a prompt, a column a strength, the first images of the seed. */
import { sizeOf } from '../../../base/index.ts'
import type { Html } from '../../../report/index.ts'
import { dataUri, gridImage, html } from '../../../report/index.ts'
import type { EntropyGrid, EntropyResult } from '../../../tuners/index.ts'
import type { ShownImages } from '../../reporting/context.ts'
import { lambdaText } from './entropyVerdict.ts'

/** Prompts and images of each at most. */
const MOST_PROMPTS = 12
const MOST_IMAGES = 3

/** Width of an image, in CSS pixels, at least where it is smaller. */
const IMAGE_WIDTH = 48

/** Nothing where the images have no words of their own. */
export function promptPictures({ grids }: Pick<EntropyResult, 'grids'>, shown: ShownImages | undefined): Html | null {
  if (!shown?.captions) return null
  const places = new Map<string, number[]>()
  for (const [item, caption] of shown.captions.entries()) places.set(caption, [...(places.get(caption) ?? []), item])
  const rows = [...places].slice(0, MOST_PROMPTS)
  return html`<div class="table"><table class="narrow"><thead><tr><th scope="col">prompt</th>${grids.map(
    ({ label, lambda }) => html`<th scope="col">${label}${lambda !== null && `, λ = ${lambdaText(lambda)}`}</th>`,
  )}</tr></thead><tbody>
${rows.map(
  ([caption, items]) =>
    html`<tr><th scope="row">${caption}</th>${grids.map((grid) => html`<td>${pictures(grid, items, caption)}</td>`)}</tr>\n`,
)}</tbody></table></div>
<p class="soft">In a row the images at the same place start from the same noise. The first of each prompt, not selected${
    places.size > rows.length && `; the other ${places.size - rows.length} prompts are in samples/`
  }.</p>`
}

function pictures(grid: EntropyGrid, items: readonly number[], caption: string): Html {
  const own = items.filter((item) => item < grid.count).slice(0, MOST_IMAGES)
  const size = sizeOf(grid.shape)
  const images = new Float32Array(own.length * size)
  for (const [place, item] of own.entries())
    images.set(grid.images.subarray(item * size, (item + 1) * size), place * size)
  const { png, width, height } = gridImage({ ...grid, count: own.length, images }, MOST_IMAGES)
  const scale = Math.max(1, Math.floor(IMAGE_WIDTH / grid.shape[2]))
  return html`<img class="${scale > 1 && 'pixels'}" width="${width * scale}" height="${height * scale}" alt="${
    own.length
  } images of ${caption}, ${grid.label}" src="${dataUri(png)}">`
}
