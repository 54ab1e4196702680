/** What reports are made of: pages, image grids, numbers as text. Charts have a facade of their own, as what draws them is loaded with a report. */

export { count, decimalsFor, fixed, percent, significant, toItsError, withError } from './format.ts'
export { dataUri, gridImage } from './gridImage.ts'
export type { Html } from './html.ts'
export { html, raw } from './html.ts'
export type { SeriesStyle } from './page.ts'
export { figure, methodFooter, renderPage, section, swatch } from './page.ts'
export { textTable } from './textTable.ts'
