/**
 * Charts as SVG text, drawn without a browser: Observable Plot on linkedom's document. Colours are custom properties of the page's
 * style sheet, so one drawing serves light and dark. The one place that imports Plot.
 */
import * as Plot from '@observablehq/plot'
import { parseHTML } from 'linkedom'
import { internalError } from '../../base/index.ts'

export { Plot }

export interface ChartOptions extends Plot.PlotOptions {
  /** What the chart shows, for those who cannot see it. */
  readonly description: string
}

/** Inline SVG of a chart; texts at 12 pixels of its own width. */
export function drawChart({ description, ...options }: ChartOptions): string {
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const svg: unknown = Plot.plot({
    document,
    className: 'plot',
    style: { fontSize: '12px', background: 'none', overflow: 'visible' },
    ...options,
  })
  if (!isElement(svg)) throw internalError('a chart without title and legend is one svg element')
  svg.setAttribute('role', 'img')
  svg.setAttribute('aria-label', description)
  return shortNumbers(svg.outerHTML)
}

/** A logarithmic axis around values from `low` to `high`, both above 0, with labels at 1, 2 and 5 times the powers of ten. */
export function logarithmicAxis(low: number, high: number): Plot.ScaleOptions {
  const powers = Array.from(
    { length: Math.ceil(Math.log10(high / low)) + 2 },
    (_, i) => 10 ** (Math.floor(Math.log10(low)) + i),
  )
  const labels = powers.flatMap((power) => [1, 2, 5].map((factor) => factor * power))
  const below = Math.max(...labels.filter((label) => label <= low))
  const above = Math.min(...labels.filter((label) => label >= high))
  return {
    type: 'log',
    domain: [below, above],
    ticks: labels.filter((label) => label >= below && label <= above),
    tickFormat: (value: number) => String(Number(value.toPrecision(3))),
  }
}

interface SvgElement {
  readonly outerHTML: string
  setAttribute(name: string, value: string): void
}

const isElement = (value: unknown): value is SvgElement =>
  typeof value === 'object' && value !== null && 'outerHTML' in value && 'setAttribute' in value

/** Coordinates to hundredths of a pixel: half the bytes, the same picture. Texts stay as they are. */
function shortNumbers(svg: string): string {
  return svg.replace(/ (?:d|transform|x|y|x1|x2|y1|y2|cx|cy|width|height)="[^"]*"/g, (attribute) =>
    attribute.replace(/\d+\.\d{3,}/g, (digits) => String(Number(Number(digits).toFixed(2)))),
  )
}
