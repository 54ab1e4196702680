/**
 * The charts of a report as files of their own, for slides and papers: each figure of the page with its title and legend, in the light
 * colours, as SVG and as PNG. They are read off the finished page, so a file shows what the page shows. The PNG are drawn with
 * Inter, which comes along, so that they are the same on every machine; it takes a tenth of a second to load, so it is loaded when
 * they are made.
 */
import { createRequire } from 'node:module'
import { parseHTML } from 'linkedom'
import { STYLE } from '../style.ts'

/** One chart. */
export interface ChartFile {
  /** Made of the title, without an ending: `fid-against-number-of-steps`. */
  readonly name: string
  readonly svg: string
  readonly png: Uint8Array
}

/** Sizes in pixels of the SVG; PNG are twice as large. */
const MARGIN = 16
const TITLE = { size: 15, height: 26 }
const LEGEND = { size: 12, height: 20, swatch: 34, gap: 6, apart: 18 }
const PNG_SCALE = 2
/** Mean advance of Inter's letters in units of its size: legends are laid out before they are drawn. */
const LETTER = 0.56

/** The page's colours in daylight, by custom property. */
const COLOURS = new Map(
  [...STYLE.slice(0, STYLE.indexOf('@media')).matchAll(/(--[\w-]+): (#[0-9a-f]+)/g)].map(([, name, colour]) => [
    name,
    colour,
  ]),
)

/** Every chart of a report page, in order. */
export async function chartFiles(page: string): Promise<readonly ChartFile[]> {
  const { document } = parseHTML(page)
  const figures = [...document.querySelectorAll('figure')].flatMap((figure) => {
    const chart = figure.querySelector('svg[role="img"]')
    if (!chart) return []
    const legend = [...figure.querySelectorAll('.legend li')].map((item) => ({
      swatch: item.querySelector('svg')?.outerHTML ?? '',
      text: item.textContent?.trim() ?? '',
    }))
    const title = figure.querySelector('h3')?.textContent?.trim() ?? ''
    // Small ones without a panel are of one parameter each, named after it.
    return [{ title: figure.classList.contains('panel') ? title : `parameter ${title}`, chart, legend }]
  })
  const svgs = figures.map((figure) => ({ name: nameOf(figure.title), svg: standalone(figure) }))
  const draw = await painter()
  return svgs.map(({ name, svg }) => ({ name, svg, png: draw(svg) }))
}

const nameOf = (title: string): string =>
  title
    .replaceAll('λ', 'lambda')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')

interface Figure {
  readonly title: string
  readonly chart: { readonly outerHTML: string; getAttribute(name: string): string | null }
  readonly legend: readonly { readonly swatch: string; readonly text: string }[]
}

function standalone({ title, chart, legend }: Figure): string {
  const [width, height] = ['width', 'height'].map((side) => Number(chart.getAttribute(side)))
  const { rows, text: legendText } = legendOf(legend, width)
  const top = MARGIN + TITLE.height + rows * LEGEND.height
  const whole = { width: width + 2 * MARGIN, height: top + height + MARGIN }
  const parts = [
    `<rect width="${whole.width}" height="${whole.height}" fill="var(--card)"/>`,
    `<text x="${MARGIN}" y="${MARGIN + TITLE.size}" font-size="${TITLE.size}" font-weight="bold" fill="var(--text)">${escaped(title)}</text>`,
    legendText,
    moved(chart.outerHTML, MARGIN, top),
  ]
  return coloured(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${whole.width}" height="${whole.height}" viewBox="0 0 ${whole.width} ${whole.height}" ` +
      `font-family="Inter, system-ui, sans-serif" color="var(--text)">\n${parts.join('\n')}\n</svg>\n`,
  )
}

/** Swatches with their words, in as many rows as the width asks for. */
function legendOf(items: Figure['legend'], width: number): { readonly rows: number; readonly text: string } {
  let [x, row] = [0, 0]
  const parts = items.map(({ swatch, text }) => {
    const wide = LEGEND.swatch + LEGEND.gap + LETTER * LEGEND.size * text.length
    if (x > 0 && x + wide > width) [x, row] = [0, row + 1]
    const [left, top] = [MARGIN + x, MARGIN + TITLE.height + row * LEGEND.height]
    x += wide + LEGEND.apart
    const words = `<text x="${left + LEGEND.swatch + LEGEND.gap}" y="${top + 11}" font-size="${LEGEND.size}" fill="var(--soft)">${escaped(text)}</text>`
    return `${moved(swatch, left, top)}\n${words}`
  })
  return { rows: items.length === 0 ? 0 : row + 1, text: parts.join('\n') }
}

/** An svg element put at a place inside another one, set in the other's letters. */
const moved = (svg: string, x: number, y: number): string =>
  svg
    .replace('<svg', `<svg x="${x}" y="${y}"`)
    .replace(/ font-family="[^"]*"/, '')
    .replace(/<style>[^<]*<\/style>/, '')

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** Custom properties are the page's; a file stands alone. */
const coloured = (svg: string): string =>
  svg.replace(
    /var\((--[\w-]+)(?:, *([^)]*))?\)/g,
    (_, name: string, other?: string) => COLOURS.get(name) ?? other ?? 'none',
  )

/** Draws SVG as PNG. */
async function painter(): Promise<(svg: string) => Uint8Array> {
  const { Resvg } = await import('@resvg/resvg-js')
  const { resolve } = createRequire(import.meta.url)
  const fontFiles = ['400Regular/Inter_400Regular.ttf', '700Bold/Inter_700Bold.ttf'].map((file) =>
    resolve(`@expo-google-fonts/inter/${file}`),
  )
  const font = { fontFiles, loadSystemFonts: false, defaultFontFamily: 'Inter', sansSerifFamily: 'Inter' }
  return (svg) => new Resvg(svg, { fitTo: { mode: 'zoom', value: PNG_SCALE }, font }).render().asPng()
}
