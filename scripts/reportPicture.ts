/**
 * The README's picture of a result, from a run's report: a panel for each way of sampling, with its Fréchet distance as number and
 * bar and its images from the same seeds.
 *
 *     npm run report:picture -- runs/NAME/report.html docs/images/quick.png
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { Resvg } from '@resvg/resvg-js'
import { parseHTML } from 'linkedom'
import type { ScheduleJson } from '../src/jobs/index.ts'

/** Sizes in pixels of the drawing, which is enlarged by `SCALE`. */
const MARGIN = 28
const GAP = 32
const TOP = 134
const BOTTOM = 62
const PANEL = 268
const SCALE = 1.5

/** The page's light colours. */
const COLOURS = { default: '#5c6775', best: '#b4510a', start: '#8a3fa0', learned: '#0a5fc2', many: '#0f766e' } as const
const TEXT = '#1b2430'
const SOFT = '#55606f'

type Role = keyof typeof COLOURS

interface Panel {
  readonly role: Role
  readonly title: string
  readonly row: ScheduleJson['default']
  /** Data address of the grid, its size in its own pixels. */
  readonly image: { readonly address: string; readonly width: number; readonly height: number }
}

const [from, to] = process.argv.slice(2)
if (from === undefined || to === undefined) throw new Error('usage: reportPicture REPORT.html PICTURE.png')

const { document } = parseHTML(await readFile(from, 'utf8'))
const json = document.querySelector('script#result')?.textContent
if (!json) throw new Error(`${from} must be a report with its result inside (script#result); make it again`)
const result = JSON.parse(json) as ScheduleJson
const drawn = drawing(result, panelsOf(result))
const font = createRequire(import.meta.url).resolve('@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf')
const bold = createRequire(import.meta.url).resolve('@expo-google-fonts/inter/700Bold/Inter_700Bold.ttf')
const resvg = new Resvg(drawn, {
  fitTo: { mode: 'zoom', value: SCALE },
  font: { fontFiles: [font, bold], loadSystemFonts: false, defaultFontFamily: 'Inter' },
})
await mkdir(dirname(to), { recursive: true })
const png = resvg.render().asPng()
await writeFile(to, png)
console.log(`${to}: ${png.length} bytes`)

function panelsOf({ default: byDefault, bestDefault, start, learned, manySteps }: ScheduleJson): Panel[] {
  const parts: [Role, string, ScheduleJson['default']][] = [
    ['default', `Default, ${byDefault.steps} steps`, byDefault],
    ['best', `Best default, ${bestDefault.steps} steps`, bestDefault],
    ['start', `Start, not tuned, ${start.steps} steps`, start],
    ['learned', `Learned, ${learned.steps} steps`, learned],
    ['many', `Default, ${manySteps.steps} steps`, manySteps],
  ]
  return parts.map(([role, title, row]) => {
    const image = document.querySelector(`img[data-role="${role}"]`)
    if (!image) throw new Error(`${from} must have sample images of '${title}'; it has none`)
    const [width, height] = ['width', 'height'].map((name) => Number(image.getAttribute(name)))
    return { role, title, row, image: { address: image.getAttribute('src') ?? '', width, height } }
  })
}

function drawing({ featureNetwork, real }: ScheduleJson, panels: readonly Panel[]): string {
  const width = 2 * MARGIN + panels.length * PANEL + (panels.length - 1) * GAP
  const grid = Math.max(...panels.map(({ image }) => (PANEL * image.height) / image.width))
  const height = Math.round(TOP + grid + BOTTOM)
  const longest = Math.max(...panels.map(({ row: { fid } }) => (fid?.mean ?? 0) + (fid?.standardError ?? 0)))
  const parts = panels.map((panel, i) => panelOf(panel, MARGIN + i * (PANEL + GAP), grid, longest))
  const note = `FID in the features of ${featureNetwork}, held-out images, lower is better, ± one standard error. Real images: ${real?.fid.toFixed(2)}. Same seeds in every panel.`
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${width}" height="${height}" font-family="Inter">
<rect width="${width}" height="${height}" rx="14" fill="#ffffff"/>
${parts.join('\n')}
${text(MARGIN, height - 22, 16, SOFT, note)}
</svg>`
}

function panelOf({ role, title, row, image }: Panel, left: number, grid: number, longest: number): string {
  const colour = COLOURS[role]
  if (!row.fid) throw new Error(`'${title}' must have a FID; learn with data`)
  const { mean, standardError } = row.fid
  const at = (value: number) => left + (PANEL * Math.max(0, value)) / longest
  const error = standardError ?? 0
  const plusMinus = standardError === null ? '' : `± ${standardError.toFixed(2)}`
  const recognised = row.recognised === null ? '' : `${(100 * row.recognised).toFixed(0)} % recognised`
  const bar = 84
  return [
    text(left, 42, 19, TEXT, title, 'bold'),
    text(left, 72, 26, colour, `FID ${mean.toFixed(2)}`, 'bold'),
    text(left + PANEL, 72, 16, SOFT, plusMinus, 'normal', 'end'),
    text(left, 119, 16, SOFT, recognised),
    `<rect x="${left}" y="${bar}" width="${at(mean) - left}" height="12" rx="2" fill="${colour}"/>`,
    `<path d="M${at(mean - error)} ${bar + 6}H${at(mean + error)}" stroke="${TEXT}" stroke-width="2"/>`,
    `<image x="${left}" y="${TOP}" width="${PANEL}" height="${grid}" preserveAspectRatio="xMinYMin" image-rendering="optimizeSpeed" xlink:href="${image.address}"/>`,
  ].join('\n')
}

function text(
  x: number,
  y: number,
  size: number,
  colour: string,
  words: string,
  weight = 'normal',
  anchor = 'start',
): string {
  const escaped = words.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="${colour}">${escaped}</text>`
}
