/**
 * `report.html`: one page with everything about a learned schedule, which opens from disk with no network and needs no script. Style
 * sheet, charts (SVG) and images (PNG) are inside; so is the result as JSON, in `script#result`, for other programs.
 */
import { BilevelError } from '../../base/index.ts'
import { exportScheduler } from '../../diffusion/index.ts'
import type { ScheduleResult } from '../../tuners/index.ts'
import type { Charts } from './charts.ts'
import type { ReportContext } from './context.ts'
import type { Html } from './html.ts'
import { html, raw } from './html.ts'
import { cards, headline } from './overview.ts'
import type { DiffusersUse } from './protocol.ts'
import { protocolList, settingsList, usage } from './protocol.ts'
import type { Role } from './roles.ts'
import { ROLE_STYLES } from './roles.ts'
import { scheduleJson } from './scheduleJson.ts'
import { STYLE } from './style.ts'
import { candidatesTable, gainsTable, historyTable, rowsTable, scheduleTable } from './tables.ts'
import { verdictOf } from './verdict.ts'

/**
 * The page's text. Equal results give equal bytes.
 * @throws `report.grid` on sample grids that are no images
 */
export async function renderScheduleReport(result: ScheduleResult, context: ReportContext): Promise<string> {
  const { drawCharts } = await import('./charts.ts')
  const charts = drawCharts(result)
  const sections = [
    headline(result, context),
    cards(result),
    section('All numbers', rowsTable(result), gainsTable(result)),
    section('Fréchet distance and steps', fidCharts(result, charts)),
    section('Schedules', scheduleCharts(charts), scheduleTable(result)),
    tuningSection(result, charts),
    section('All defaults', candidatesTable(result)),
    section('Protocol', protocolList(result, context)),
    section('Use it', usage(result, context, diffusersUse(result))),
    section('Settings', settingsList(context)),
    footer(),
  ]
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${verdictOf(result).title}</title>
<style>${raw(STYLE)}</style>
<script type="application/json" id="result">${raw(inScript(scheduleJson(result, context)))}</script>
</head><body><main>
${sections}
</main></body></html>
`
  return page.html
}

const section = (title: string, ...parts: readonly (Html | null)[]): Html =>
  html`<section><h2>${title}</h2>\n${parts}\n</section>\n`

/** JSON that cannot end its element. */
const inScript = (value: unknown): string => JSON.stringify(value).replaceAll('<', '\\u003c')

function figure(svg: string, title: string, caption: Html, roles: readonly (readonly [Role, string])[] = []): Html {
  return html`<figure class="panel"><h3>${title}</h3>${
    roles.length > 0 &&
    html`<ul class="legend">${roles.map(([role, label]) => html`<li>${swatch(role)}${label}</li>`)}</ul>`
  }${raw(svg)}<figcaption>${caption}</figcaption></figure>\n`
}

const MARKERS = {
  circle: '<circle cx="17" cy="7" r="4"/>',
  square: '<rect x="13.5" y="3.5" width="7" height="7"/>',
  triangle: '<path d="M17 2.5 21.5 10.5H12.5Z"/>',
  diamond: '<path d="M17 2 21 7 17 12 13 7Z"/>',
} as const

/** A piece of the series' line with its marker. */
function swatch(role: Role): Html {
  const { colour, symbol, dash } = ROLE_STYLES[role]
  const dashes = dash === null ? '' : ` stroke-dasharray="${dash}"`
  const line = `<line x1="0" x2="34" y1="7" y2="7" stroke="${colour}" stroke-width="2"${dashes}/>`
  return raw(`<svg width="34" height="14" aria-hidden="true" fill="${colour}">${line}${MARKERS[symbol]}</svg>`)
}

function scheduleCharts({ logSnrByStep, logSnrByTime }: Charts): Html {
  const roles: [Role, string][] = [
    ['default', 'default'],
    ['best', 'best default'],
    ['learned', 'learned'],
  ]
  return html`<div class="charts">${figure(
    logSnrByStep,
    'Noise level of each step',
    html`How much signal the image is taken to hold at each step: log-SNR 0 is as much signal as noise.`,
    roles,
  )}${figure(
    logSnrByTime,
    'Noise level and told time',
    html`The level of each step against the time that the network is told there. Where the learned curve leaves the default one, the
network is told another time than the level's own.`,
    roles,
  )}</div>`
}

function fidCharts(result: ScheduleResult, charts: Charts): Html {
  const { featureNetwork, real, protocol } = result
  const single = result.fidBySteps.some(({ points }) => points.some(({ fid }) => fid.standardError === null))
  return html`<div class="charts">${figure(
    charts.fidBySteps,
    'FID against number of steps',
    html`FID in <code>${featureNetwork}</code>, held-out split. Bars: ± one standard error, often smaller than the marker.${
      single && ' Points without a bar have one sampling seed.'
    } ${real.fid > 0 && 'Dotted: real images, where the axis reaches them.'}`,
    [
      ['default', 'default DDIM'],
      ['best', 'best default'],
      ['learned', 'learned'],
    ],
  )}${
    charts.fidByIteration !== null &&
    figure(
      charts.fidByIteration,
      'FID over the tuning iterations',
      html`FID in <code>${featureNetwork}</code> of ${protocol.tuning.samples} generated images against the tuning split, before each step.
Bars: ± one standard error over these images (jackknife). Fewer images give a higher FID than the rows above.`,
    )
  }</div>`
}

function tuningSection(result: ScheduleResult, { parameters }: Charts): Html | null {
  if (result.history.length === 0) return null
  return html`<section><h2>Parameters over the tuning iterations</h2>
<div class="smalls panel">${parameters.map(({ name, svg }) => html`<figure><h3>${name}</h3>${raw(svg)}</figure>\n`)}</div>
<p class="soft">Each parameter before each step, against the iteration; dashed: the value it ended at.</p>
${historyTable(result)}</section>\n`
}

/** Whether diffusers can read this schedule, and what it must be told; in words why not. */
function diffusersUse({ schedule, settings }: ScheduleResult): DiffusersUse | string {
  try {
    return exportScheduler({ schedule: schedule.sampling, settings: { ...settings, eta: 0 }, prediction: 'noise' })
  } catch (error) {
    if (error instanceof BilevelError && error.kind === 'input') return error.message
    throw error
  }
}

function footer(): Html {
  return html`<p class="soft">Method: Xiao, Yuan, Saif, Liu, Kompella, Wang, Chen, “A First-order Generative Bilevel Optimization Framework for
Diffusion Models”, ICML 2025, arXiv 2502.08808. The numbers of this page are in its element <code>script#result</code> as JSON.</p>`
}
