/** `report.html` of a comparison, and its table for a terminal. */
import type { Html } from '../../../report/index.ts'
import {
  count,
  figure,
  html,
  methodFooter,
  renderPage,
  section,
  swatch,
  textTable,
  toItsError,
} from '../../../report/index.ts'
import { durationText } from '../../../runs/index.ts'
import type { Entry } from '../../../tuners/index.ts'
import { budgetText } from '../../../tuners/index.ts'
import { settingsList } from '../../reporting/usage.ts'
import type { CompareContext, CompareJson, FigureWords, MethodJson } from './compareJson.ts'
import { tradedOff } from './compareJson.ts'

/** Figures that there are: a row may have one that another has not, such as a judge's. */
const shown = ({ methods }: CompareJson, figures: readonly FigureWords[]): readonly FigureWords[] =>
  figures.filter(({ name }) => methods.some((method) => name in method.figures))

const figureText = ({ figures }: MethodJson, { name }: FigureWords): string =>
  name in figures ? toItsError(figures[name]) : '–'

const errorsOf = ({ seeds }: CompareJson): string =>
  seeds.length > 1
    ? `one standard error over ${seeds.length} seeds of whole runs and over the images that all are measured on`
    : 'one standard error over the images of one run; for what a method is worth give more seeds'

/** For a person at a terminal. */
export function compareText(json: CompareJson, { figures }: CompareContext): string {
  const columns = shown(json, figures)
  const lines = json.methods.map((method) => [
    method.name,
    ...columns.map((column) => figureText(method, column)),
    count(method.networkEvaluations),
    durationText(method.seconds),
  ])
  const table = textTable([['method', ...columns.map(({ label }) => label), 'evaluations', 'time'], ...lines])
  return [
    ...table.map((line) => line.replaceAll(/[\u00a0\u202f]/g, ' ').trimEnd()),
    `budget ${budgetText(json.budget)} for each method and seed; ± ${errorsOf(json)}`,
  ].join('\n')
}

/** The page's text. */
export async function renderCompareReport(
  json: CompareJson,
  entries: readonly Entry<unknown>[],
  context: CompareContext,
): Promise<string> {
  const charts = await import('./compareCharts.ts')
  const { figures, tradeOff } = context
  const styles = new Map(context.contestants.map(({ name }, place) => [name, charts.styleOf(name, place)]))
  const legend = json.methods.map(({ name }) => html`${swatch(styles.get(name)!)} ${name}`)
  const [first] = figures
  const [across, up] = (tradeOff ?? []).map((wanted) => figures.find(({ name }) => name === wanted)!)
  return renderPage({
    title: `${context.command}: ${json.methods.length} methods`,
    json,
    sections: [
      headline(json, context),
      section('What each method ended with', table(json, figures)),
      section(
        'Best so far against what was spent',
        figure(
          charts.drawPaths(json, first, styles),
          'Best so far against network evaluations',
          html`${first.label} on held-out images of what each method would have ended with by then, from fewer images than the table; the mean over
seeds. What is far behind all ends stands at the edge. What it takes to measure this is charged to none.`,
          legend,
        ),
      ),
      tradeOff &&
        section(
          'What is traded off',
          figure(
            charts.drawTradeOff(tradedOff(entries, tradeOff), json, [across, up], styles),
            `Trade-off of ${up.name} against ${across.name}`,
            html`${up.name} is ${up.label}, ${across.name} ${across.label}. Small: every whole trial, as the method saw it; large: what each method ended with, on held-out images. The line is the Pareto front of the
trials: no other is better in both.`,
            legend,
          ),
        ),
      section('How it was measured', html`<ul>${context.protocol.map((line) => html`<li>${line}</li>`)}</ul>`),
      context.notes.length > 0 &&
        section('Notes', html`<ul>${context.notes.map((note) => html`<li>${note}</li>`)}</ul>`),
      section('Settings', settingsList({ config: json.settings as Parameters<typeof settingsList>[0]['config'] })),
      methodFooter(),
    ].map((part) => part || null),
  })
}

function headline(json: CompareJson, { command, versions }: CompareContext): Html {
  const [best, second] = json.methods
  const name = json.comparedBy
  return html`<header>
<p class="kicker">bilevel ${command} · ${budgetText(json.budget)} each · seeds ${json.seeds.join(', ')}</p>
<h1>${best.name} ended best${second && html`, before ${second.name}`}</h1>
<p>By ${name}. Made with ${Object.entries(versions)
    .map(([what, version]) => `${what} ${version}`)
    .join(', ')}.</p>
</header>
`
}

function table(json: CompareJson, figures: readonly FigureWords[]): Html {
  const columns = shown(json, figures)
  const head = ['method', ...columns.map(({ label }) => label), 'network evaluations', 'time', 'trials', 'what it does']
  return html`<div class="table"><table><thead><tr>${head.map(
    (word, i) => html`<th scope="col"${i > 0 && i < head.length - 1 && html` class="number"`}>${word}</th>`,
  )}</tr></thead><tbody>
${json.methods.map(
  (method) =>
    html`<tr><th scope="row">${method.name}</th>${[
      ...columns.map((column) => figureText(method, column)),
      count(method.networkEvaluations),
      durationText(method.seconds),
      count(method.trials),
    ].map((word) => html`<td class="number">${word}</td>`)}<td>${method.words}</td></tr>\n`,
)}</tbody></table></div><p class="soft">± ${errorsOf(json)}. Each method may spend ${budgetText(json.budget)} with each seed; the table says what it did.</p>`
}
