/** Charts as drawings and files. What draws them takes a fifth of a second to load: only what is itself loaded when a report is made imports this. */

export { chartFiles } from './chartFiles.ts'
export { drawChart, logarithmicAxis, Plot } from './draw.ts'
