/** `report.html` of a user's own problem: its upper objective and parameters over the iterations, where they ended, and the settings. */
import type { Html } from '../../report/index.ts'
import { count, figure, html, methodFooter, raw, renderPage, section, significant } from '../../report/index.ts'
import { settingsList } from '../reporting/usage.ts'
import type { ProblemJson } from './result.ts'

/** Parameters that are drawn, and listed. */
const MOST_DRAWN = 24
const MOST_LISTED = 400
/** Iterations in the table of numbers, spread over all of them. */
const MOST_ROWS = 200

/** The page's text. Equal results give equal bytes. */
export async function renderProblemReport(json: ProblemJson): Promise<string> {
  const charts = await import('./charts.ts')
  return renderPage({
    title: json.name,
    json,
    sections: [
      headline(json),
      quantities(json, charts),
      parameterCharts(json, charts),
      section('Upper variables', parameterTable(json)),
      iterationTable(json),
      section('Settings', settingsList({ config: json.settings })),
      methodFooter(),
    ],
  })
}

type Charts = typeof import('./charts.ts')

const text = (value: number | null, digits = 5): string => (value === null ? '–' : significant(value, digits))

function headline({ name, iterations, value, networkEvaluations, versions }: ProblemJson): Html {
  const made = [`${count(iterations)} iterations`, `${count(networkEvaluations)} network evaluations`]
  const with_ = Object.entries(versions).map(([what, version]) => `${what} ${version}`)
  return html`<header>
<p class="kicker">bilevel problem · ${made.join(' · ')}</p>
<h1>${name}</h1>
${value.last !== null && html`<p>Upper objective ${text(value.first)} at the first iteration, ${text(value.last)} at the last.</p>\n`}
<p class="soft">Made with ${with_.join(', ')}.</p>
</header>
`
}

function quantities({ history }: ProblemJson, { drawQuantity }: Charts): Html | null {
  const series = (key: 'value' | 'loss') =>
    history.flatMap(({ iteration, [key]: y }) => (y === null ? [] : [{ x: iteration, y }]))
  const value = drawQuantity(series('value'), 'f', 'upper objective over the iterations')
  const loss = drawQuantity(series('loss'), 'g at y', 'lower objective at y over the iterations')
  if (value === null && loss === null) return null
  return section(
    'Objectives',
    html`<div class="charts">${
      value !== null &&
      figure(
        value,
        'Upper objective',
        html`f before each step, as the estimate of its gradient saw it; where it does not depend on the upper variables directly, at the lower solution that is deployed.`,
      )
    }${loss !== null && figure(loss, 'Lower objective', html`g at the lower solution y, on the last minibatch of each iteration.`)}</div>`,
  )
}

function parameterCharts({ history, parameters }: ProblemJson, { drawParameter }: Charts): Html | null {
  const [first] = history
  if (!first) return null
  const names = Object.keys(first.parameters).slice(0, MOST_DRAWN)
  const left = Object.keys(parameters).length - names.length
  const drawn = names.map((name) => {
    const points = history.map(({ iteration: x, parameters: { [name]: y } }) => ({ x, y }))
    const svg = drawParameter(points, parameters[name].end, `${name} over the iterations`)
    return html`<figure><h3>${name}</h3>${raw(svg)}</figure>\n`
  })
  return section(
    'Upper variables over the iterations',
    html`<div class="smalls panel">${drawn}</div>
<p class="soft">Before each step, against the iteration; dashed: where it ended.${left > 0 && ` ${count(left)} more are not drawn.`}</p>`,
  )
}

const heading = (word: string): Html => html`<th scope="col" class="number">${word}</th>`
const number = (word: string): Html => html`<td class="number">${word}</td>`

function parameterTable({ parameters }: ProblemJson): Html {
  const rows = Object.entries(parameters)
  const left = rows.length - MOST_LISTED
  return html`<div class="table"><table class="narrow"><thead><tr><th scope="col">name</th>${['start', 'end', 'low', 'high'].map(heading)}</tr></thead><tbody>
${rows
  .slice(0, MOST_LISTED)
  .map(
    ([name, { start, end, low, high }]) =>
      html`<tr><th scope="row">${name}</th>${[start, end, low, high].map((value) => number(text(value)))}</tr>\n`,
  )}</tbody></table></div>${left > 0 && html`<p class="soft">${count(left)} more are in <code>result.json</code>.</p>`}`
}

function iterationTable({ history }: ProblemJson): Html | null {
  if (history.length === 0) return null
  const every = Math.ceil(history.length / MOST_ROWS)
  const rows = history.filter((_, i) => i % every === 0 || i === history.length - 1)
  const names = Object.keys(history[0].parameters).slice(0, MOST_DRAWN)
  const columns = ['iteration', 'f', ...names, ...names.map((name) => `gradient in ${name}`), 'g at y', 'evaluations']
  return html`<details><summary>The iterations in numbers${every > 1 && `, one of ${every}`}: parameters before the step, gradients</summary>
<div class="table"><table><thead><tr>${columns.map(heading)}</tr></thead><tbody>
${rows.map(
  ({ iteration, value, parameters, gradient, loss, evaluations }) =>
    html`<tr><th scope="row" class="number">${iteration}</th>${[
      text(value),
      ...names.map((name) => text(parameters[name])),
      ...names.map((name) => text(gradient[name] ?? null, 3)),
      text(loss, 4),
      count(evaluations),
    ].map(number)}</tr>\n`,
)}</tbody></table></div></details>
`
}
