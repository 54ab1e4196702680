/**
 * `report.html` of an entropy strength: one page with the whole trade-off, which opens from disk with no network and needs no script.
 * Style sheet, charts (SVG) and images (PNG) are inside; so is the result as JSON, in `script#result`, for other programs.
 */
import type { Html } from '../../../report/index.ts'
import { figure, html, methodFooter, renderPage, section, swatch } from '../../../report/index.ts'
import type { CurvePoint, EntropyResult } from '../../../tuners/index.ts'
import type { EntropyContext } from '../../reporting/context.ts'
import { settingsList } from '../../reporting/usage.ts'
import type { EntropyCharts } from './entropyCharts.ts'
import { guardsTable } from './entropyGuards.ts'
import type { EntropyJson } from './entropyJson.ts'
import { entropyJson } from './entropyJson.ts'
import { entropyCards, entropyHeadline } from './entropyOverview.ts'
import { promptPictures } from './entropyPictures.ts'
import { entropyProtocol, entropyUsage } from './entropyProtocol.ts'
import { curveTable, iterationsTable, placesTable } from './entropyTables.ts'
import { entropyVerdict } from './entropyVerdict.ts'

/**
 * The page's text. Equal results give equal bytes.
 * @param json the result as other programs read it, where it is there already
 * @throws `report.grid` on sample grids that are no images
 */
export async function renderEntropyReport(
  result: EntropyResult,
  context: EntropyContext,
  json: EntropyJson = entropyJson(result, context),
): Promise<string> {
  const module = await import('./entropyCharts.ts')
  const charts = module.drawEntropyCharts(result)
  const pictures = promptPictures(result, context.shown)
  return renderPage({
    title: entropyVerdict(result).title,
    json,
    sections: [
      entropyHeadline(result, context),
      entropyCards(result),
      pictures && section('What the prompts become', pictures),
      section(
        'The trade-off',
        tradeOff(result, charts, module),
        placesTable(result),
        guardsTable(result, context.shown),
        curveTable(result),
      ),
      charts.gradients === null
        ? null
        : section('How λ was found', gradientsFigure(charts.gradients, result, module), iterationsTable(result)),
      section('Protocol', entropyProtocol(result, context)),
      section('Use it', entropyUsage(result, context)),
      section('Settings', settingsList(context)),
      methodFooter(),
    ],
  })
}

type Styles = Pick<
  typeof import('./entropyCharts.ts'),
  'CHOSEN_STYLE' | 'CURVE_STYLES' | 'PHASE_STYLES' | 'UNTRUSTED_STYLE'
>

function tradeOff(result: EntropyResult, charts: EntropyCharts, styles: Styles): Html {
  const targets = (['guided', 'tilt'] as const).filter((target) =>
    result.curve.some((point) => point.target === target),
  )
  const legend = [
    ...targets.flatMap((target) => curveLegend(result, target, styles)),
    ...(result.curve.some(({ drawn }) => !drawn)
      ? [html`${swatch({ ...styles.UNTRUSTED_STYLE, symbol: hollowSymbol(result, styles) }, true)}weighted, not drawn`]
      : []),
    html`${swatch(styles.CHOSEN_STYLE)}chosen λ and its interval`,
  ]
  const { leftOut } = charts
  const kl =
    result.kl.kind === 'path' ? 'Of the guided chain: of its paths, an upper bound on that of its images. ' : ''
  return html`<p class="soft">Strong guidance is on the left. Bands and bars: 95 %. Filled markers were drawn at that λ, hollow ones are weighted from
images drawn otherwise. Shaded: where the target's own curve can be believed. Dotted across: the base model.${
    leftOut.untrusted > 0 &&
    ` ${counted(leftOut.untrusted, 'marker')} that cannot be believed lie${leftOut.untrusted === 1 ? 's' : ''} beyond the axes, in the table only.`
  }${
    leftOut.trusted > 0 &&
    ` ${counted(leftOut.trusted, 'value')} of KL not above 0 within ${leftOut.trusted === 1 ? 'its error has' : 'their errors have'} no place on a logarithmic axis.`
  }</p>
<div class="charts">${figure(charts.upper, 'Judge (r1)', html`What λ is chosen by. Where it falls towards strong guidance, the chased reward is over-optimised.`, legend)}${figure(
    charts.lower,
    'Chased reward (r2)',
    html`What guidance climbs.`,
    legend,
  )}${figure(charts.kl, 'KL from the base model', html`${kl}In nats.`, legend)}${
    charts.diversity !== null &&
    figure(
      charts.diversity,
      'Diversity',
      html`Mean distance of two images in the features of <code>${result.featureNetwork}</code>.`,
      legend,
    )
  }</div>`
}

const CURVE_WORDS = { guided: 'guided sampler', tilt: 'tilted distribution p*' } as const

/** A curve, and the same where it is grey. */
function curveLegend({ curve }: EntropyResult, target: CurvePoint['target'], styles: Styles): Html[] {
  const style = styles.CURVE_STYLES[target]
  const own = curve.filter((point) => point.target === target)
  const { colour, dash } = styles.UNTRUSTED_STYLE
  return [
    ...(own.some(({ trusted }) => trusted) ? [html`${swatch(style)}${CURVE_WORDS[target]}`] : []),
    ...(own.some(({ trusted }) => !trusted)
      ? [html`${swatch({ ...style, colour, dash })}${CURVE_WORDS[target]}, not to be believed`]
      : []),
  ]
}

/** The marker of the curve that is weighted. */
function hollowSymbol({ curve }: EntropyResult, { CURVE_STYLES }: Styles) {
  return CURVE_STYLES[curve.some(({ target, drawn }) => target === 'tilt' && !drawn) ? 'tilt' : 'guided'].symbol
}

const counted = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`

function gradientsFigure(svg: string, { iterations }: EntropyResult, { PHASE_STYLES, CHOSEN_STYLE }: Styles): Html {
  const legend = [
    ...(['explore', 'refine', 'confirm'] as const).map((phase) => html`${swatch(PHASE_STYLES[phase])}${phase}`),
    html`${swatch(CHOSEN_STYLE)}chosen λ and its interval`,
  ]
  const caption = html`The derivative of what is minimised in log λ, with 95 % bars: below 0 a larger λ is better, above 0 a smaller one. Explore and
refine steer; the interval is that of confirm.${
    iterations.some(({ collapsed }) => collapsed) &&
    ' Grey: of weights that have collapsed to a few images, whose bars mean nothing.'
  }`
  return html`<div class="charts">${figure(svg, 'Gradient in log λ', caption, legend)}</div>`
}
