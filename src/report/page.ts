/** The frame of a report: one page that opens from disk with no network and needs no script, with the result as JSON in `script#result`. */
import type { Html } from './html.ts'
import { html, raw } from './html.ts'
import { STYLE } from './style.ts'

export interface PageOptions {
  readonly title: string
  /** The result for other programs. */
  readonly json: unknown
  readonly sections: readonly (Html | null)[]
}

/** The page's text. */
export function renderPage({ title, json, sections }: PageOptions): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<style>${raw(STYLE)}</style>
<script type="application/json" id="result">${raw(inScript(json))}</script>
</head><body><main>
${sections}
</main></body></html>
`
  return page.html
}

/** JSON that cannot end its element. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')

export const section = (title: string, ...parts: readonly (Html | null)[]): Html =>
  html`<section><h2>${title}</h2>\n${parts}\n</section>\n`

/** A chart with its title, legend and caption. */
export function figure(svg: string, title: string, caption: Html, legend: readonly Html[] = []): Html {
  return html`<figure class="panel"><h3>${title}</h3>${
    legend.length > 0 && html`<ul class="legend">${legend.map((item) => html`<li>${item}</li>`)}</ul>`
  }${raw(svg)}<figcaption>${caption}</figcaption></figure>\n`
}

/** How a series is drawn. */
export interface SeriesStyle {
  /** Custom property of the style sheet: light and dark. */
  readonly colour: string
  readonly symbol: keyof typeof MARKERS
  readonly dash: string | null
}

const MARKERS = {
  circle: '<circle cx="17" cy="7" r="4"/>',
  square: '<rect x="13.5" y="3.5" width="7" height="7"/>',
  triangle: '<path d="M17 2.5 21.5 10.5H12.5Z"/>',
  diamond: '<path d="M17 2 21 7 17 12 13 7Z"/>',
  star: '<path d="M17 2 18.2 5.3 21.8 5.5 19 7.7 19.9 11 17 9.1 14.1 11 15 7.7 12.2 5.5 15.8 5.3Z"/>',
} as const

/** A piece of a series' line with its marker, for legends; `hollow`: the outline of a marker alone. */
export function swatch({ colour, symbol, dash }: SeriesStyle, hollow = false): Html {
  if (hollow) {
    const outline = `fill="var(--card)" stroke="${colour}" stroke-width="1.5"`
    return raw(`<svg width="34" height="14" aria-hidden="true" ${outline}>${MARKERS[symbol]}</svg>`)
  }
  const dashes = dash === null ? '' : ` stroke-dasharray="${dash}"`
  const line = `<line x1="0" x2="34" y1="7" y2="7" stroke="${colour}" stroke-width="2"${dashes}/>`
  return raw(`<svg width="34" height="14" aria-hidden="true" fill="${colour}">${line}${MARKERS[symbol]}</svg>`)
}

/** Whose method it is, at the foot of every report. */
export function methodFooter(): Html {
  return html`<p class="soft">Method: Xiao, Yuan, Saif, Liu, Kompella, Wang, Chen, “A First-order Generative Bilevel Optimization Framework for
Diffusion Models”, ICML 2025, arXiv 2502.08808. The numbers of this page are in its element <code>script#result</code> as JSON.</p>`
}
