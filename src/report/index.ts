/** What reports are made of: pages, charts as drawings and files, image grids, numbers as text. */

export { drawChart, logarithmicAxis, Plot } from './draw.ts'
export { count, decimalsFor, fixed, percent, significant, toItsError, withError } from './format.ts'
export { dataUri, gridImage } from './gridImage.ts'
export type { Html } from './html.ts'
export { html, raw } from './html.ts'
export type { SeriesStyle } from './page.ts'
export { figure, methodFooter, renderPage, section, swatch } from './page.ts'
export { textTable } from './textTable.ts'
