/** What the images that are shown are like at each strength of guidance: where a reward rises while they darken, empty or become alike, this says so. */
import { tensor } from '../../../base/index.ts'
import type { ImageStatistics } from '../../../metrics/index.ts'
import { IMAGE_STATISTICS, imageStatistics } from '../../../metrics/index.ts'
import type { Html } from '../../../report/index.ts'
import { html, significant, toItsError } from '../../../report/index.ts'
import type { EntropyResult } from '../../../tuners/index.ts'
import type { ShownImages } from '../../reporting/context.ts'

/** Of the images of a grid. */
export interface GridStatistics extends ImageStatistics {
  readonly label: string
  readonly count: number
}

export const gridStatistics = ({ grids }: Pick<EntropyResult, 'grids'>): GridStatistics[] =>
  grids.map(({ label, count, shape, images }) => ({
    label,
    count,
    ...imageStatistics(tensor('float32', [count, ...shape], images)),
  }))

/** A row a statistic, and one for a reward that decides nothing; a column a grid. */
export function guardsTable(result: Pick<EntropyResult, 'grids'>, shown?: ShownImages): Html {
  const columns = gridStatistics(result)
  const witness = shown?.witness ?? null
  if (columns.length === 0) return html``
  const cell = (value: ImageStatistics[(typeof IMAGE_STATISTICS)[number]]) =>
    html`<td class="number">${value === null ? '–' : typeof value === 'number' ? significant(value, 3) : toItsError(value)}</td>`
  return html`<div class="table"><table class="narrow"><thead><tr><th scope="col">images shown</th>${columns.map(
    ({ label, count }) => html`<th scope="col" class="number">${label}, ${count}</th>`,
  )}</tr></thead><tbody>
${IMAGE_STATISTICS.map((name) => html`<tr><th scope="row">${name}</th>${columns.map((column) => cell(column[name]))}</tr>\n`)}${witness && html`<tr><th scope="row">witness, ${witness.name}</th>${columns.map(({ label }) => cell(witness.at.find((one) => one.label === label) ?? null))}</tr>\n`}</tbody></table></div>`
}
