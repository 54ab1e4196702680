/**
 * `report.html`: one page with everything about a learned schedule, which opens from disk with no network and needs no script. Style
 * sheet, charts (SVG) and images (PNG) are inside; so is the result as JSON, in `script#result`, for other programs.
 */

import { exportForms } from '../../../diffusion/files/index.ts'
import type { Html } from '../../../report/index.ts'
import { figure, html, methodFooter, raw, renderPage, section, swatch } from '../../../report/index.ts'
import type { ScheduleResult } from '../../../tuners/index.ts'
import type { ReportContext } from '../../reporting/context.ts'
import { settingsList } from '../../reporting/usage.ts'
import { acrossTable } from './acrossSteps.ts'
import type { Charts } from './charts.ts'
import { measuredIn, measureTitle } from './measure.ts'
import { cards, headline } from './overview.ts'
import { protocolList, usage } from './protocol.ts'
import type { Role } from './roles.ts'
import { ROLE_STYLES } from './roles.ts'
import type { ScheduleJson } from './scheduleJson.ts'
import { scheduleJson } from './scheduleJson.ts'
import { candidatesTable, gainsTable, historyTable, rowsTable, scheduleTable } from './tables.ts'
import { verdictOf } from './verdict.ts'

/**
 * The page's text. Equal results give equal bytes.
 * @param json the result as other programs read it, where it is there already
 * @param all  the result at every number of steps, this one among them
 * @throws `report.grid` on sample grids that are no images
 */
export async function renderScheduleReport(
  result: ScheduleResult,
  context: ReportContext,
  json: ScheduleJson = scheduleJson(result, context),
  all: readonly ScheduleResult[] = [result],
): Promise<string> {
  const [{ drawAcross, drawCharts }, { lossFigure }] = await Promise.all([
    import('./charts.ts'),
    import('./lossChart.ts'),
  ])
  const training = lossFigure(context.losses ?? [])
  const charts = drawCharts(result)
  const sections = [
    headline(result, context),
    all.length > 1
      ? section('Quality and network evaluations', acrossFigure(all, drawAcross(all)), acrossTable(all))
      : null,
    cards(result),
    section('All numbers', rowsTable(result), gainsTable(result)),
    section(
      result.comparedBy === 'fid' ? 'Fréchet distance and steps' : `${measureTitle(result)} and steps`,
      valueCharts(result, charts),
    ),
    section('Schedules', scheduleCharts(charts), scheduleTable(result)),
    training && section('Training', training),
    tuningSection(result, charts),
    section('All defaults', candidatesTable(result)),
    section('Protocol', protocolList(result, context)),
    section('Use it', usage(result, context, formsOf(result, context))),
    section('Settings', settingsList(context)),
    methodFooter(),
  ]
  return renderPage({ title: verdictOf(result).title, json, sections })
}

const legendOf = (roles: readonly (readonly [Role, string])[]): Html[] =>
  roles.map(([role, label]) => html`${swatch(ROLE_STYLES[role])}${label}`)

function acrossFigure(all: readonly ScheduleResult[], svg: string): Html {
  const [first] = all
  return figure(
    svg,
    `${measureTitle(first)} against network evaluations an image`,
    html`Each way of sampling at every number of steps of this run. Bars: ± one standard error.${
      first.ceiling !== null && html` Broken line: ${first.ceiling.label}, what the model can do.`
    } What follows below is of ${first.samplingSteps} steps.`,
    legendOf([
      ['default', 'default DDIM'],
      ['best', 'best default'],
      ['learned', 'learned'],
    ]),
  )
}

function scheduleCharts({ logSnrByStep, logSnrByTime }: Charts): Html {
  const legend = legendOf([
    ['default', 'default'],
    ['best', 'best default'],
    ['start', 'start, not tuned'],
    ['learned', 'learned'],
  ])
  return html`<div class="charts">${figure(
    logSnrByStep,
    'Noise level of each step',
    html`How much signal the image is taken to hold at each step: log-SNR 0 is as much signal as noise.`,
    legend,
  )}${figure(
    logSnrByTime,
    'Noise level and told time',
    html`The level of each step against the time that the network is told there. Where the learned curve leaves the default one, the
network is told another time than the level's own.`,
    legend,
  )}</div>`
}

function valueCharts(result: ScheduleResult, charts: Charts): Html {
  const { real, protocol, objective, comparedBy } = result
  const single = result.bySteps.some(({ points }) => points.some(({ value }) => value.standardError === null))
  const title = measureTitle(result)
  const objectiveTitle = measureTitle({ comparedBy: objective })
  return html`<div class="charts">${figure(
    charts.bySteps,
    `${title} against number of steps`,
    html`${title} in <code>${measuredIn(result)}</code>${comparedBy === 'fid' ? ', held-out split' : ', on noise that was not tuned on'}. Bars: ± one standard error, often smaller than the marker.${
      single && ' Points without a bar have one sampling seed.'
    } ${comparedBy === 'fid' && real !== null && real.fid > 0 && 'Dotted: real images, where the axis reaches them.'}`,
    legendOf([
      ['default', 'default DDIM'],
      ['best', 'best default'],
      ['start', 'start, not tuned'],
      ['learned', 'learned'],
    ]),
  )}${
    charts.byIteration !== null &&
    figure(
      charts.byIteration,
      `${objectiveTitle} over the tuning iterations`,
      objective === 'fid'
        ? html`FID in <code>${result.featureNetwork}</code> of ${protocol.tuning.samples} generated images against the tuning split, before each step.
Bars: ± one standard error over these images (jackknife). Fewer images give a higher FID than the rows above.`
        : html`${objectiveTitle} in <code>${result.objectiveWords}</code> of ${protocol.tuning.samples} generated images, before each step.
Bars: ± one standard error over these images.`,
    )
  }</div>`
}

function tuningSection(result: ScheduleResult, { parameters }: Charts): Html | null {
  if (result.history.length === 0) return null
  return html`<section><h2>Parameters over the tuning iterations</h2>
<div class="smalls panel">${parameters.map(({ name, svg }) => html`<figure><h3>${name}</h3>${raw(svg)}</figure>\n`)}</div>
<p class="soft">Each parameter before each step, against the iteration; dashed: the value it ended at.${
    'levels' === result.schedule.family.slice(0, 6) &&
    html` <code>logSnr ${result.samplingSteps}</code> is the log-SNR of the cleanest step, <code>log gap k</code> the natural logarithm of the
difference in log-SNR between steps k and k + 1 (1 is the noisiest): so steps cannot change places.`
  }${
    result.schedule.sampling.solver !== undefined &&
    html` Of step k, where they are free: <code>tau k</code> its noise (0: none, 1: the reverse diffusion), <code>weight k</code> that of the step before
(0: first order, 1: second), <code>scale k</code> what the noise prediction is multiplied by, <code>clip k</code> the bound of the predicted image,
<code>history k j</code> the weight of step j in it; <code>output</code> is what of the last change of the predicted image is added to the image.`
  }</p>
${historyTable(result)}</section>\n`
}

/** What diffusers can be told of the schedule. */
const formsOf = ({ schedule, settings }: ScheduleResult, { prediction = 'noise' }: ReportContext) =>
  exportForms({ schedule: schedule.sampling, settings, prediction })
