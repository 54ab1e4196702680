/** The page's tables: the three places, the whole curve, every gradient that was measured. */

import type { Html } from '../../../report/index.ts'
import { count, fixed, html, significant, toItsError } from '../../../report/index.ts'
import type { CurvePoint, EntropyResult } from '../../../tuners/index.ts'
import { weightsCollapsed } from '../../../tuners/index.ts'
import { doubtText, lambdaText, restsOn } from './entropyVerdict.ts'

const number = (text: string): Html => html`<td class="number">${text}</td>`
const heading = (text: string): Html => html`<th scope="col" class="number">${text}</th>`

export function placesTable(result: EntropyResult): Html {
  const { upper, lower, diversity, entropyStrength, lambdaRange } = result
  const doubts = ['', ...[entropyStrength.value, lambdaRange[0]].map((lambda) => doubtText(restsOn(result, lambda)))]
  const row = (name: string, places: EntropyResult['upper']) =>
    html`<tr><th scope="row">${name}</th>${[places.base, places.tuned, places.lambdaMin].map((one, i) => number(`${toItsError(one)}${doubts[i]}`))}</tr>\n`
  return html`<div class="table"><table class="narrow"><thead><tr><th scope="col">mean over images</th>${[
    'base model',
    `chosen, λ = ${lambdaText(entropyStrength.value)}`,
    `strongest, λ = ${lambdaText(lambdaRange[0])}`,
  ].map(heading)}</tr></thead><tbody>
${row('judge (r1)', upper)}${row('chased reward (r2)', lower)}${diversity && row('diversity', diversity)}</tbody></table></div>`
}

const trustText = (point: CurvePoint): string =>
  `${point.trusted ? 'yes' : 'no'}${weightsCollapsed(point) ? ', weights collapsed' : ''}`

export function curveTable({ curve }: EntropyResult): Html {
  const points = curve.toSorted((a, b) => a.target.localeCompare(b.target) || a.lambda - b.lambda)
  const withDiversity = curve.some(({ diversity }) => diversity !== null)
  const heads = ['λ', '1/λ', 'judge (r1)', 'reward (r2)', 'KL, nats', 'diversity', 'ESS', 'Pareto k']
  const line = (point: CurvePoint) =>
    html`<tr class="${!point.trusted && 'untrusted'}"><th scope="row">${point.target}</th>${[
      significant(point.lambda, 4),
      significant(1 / point.lambda, 4),
      toItsError(point.upper),
      toItsError(point.lower),
      toItsError(point.kl),
      ...(withDiversity ? [point.diversity === null ? '–' : toItsError(point.diversity)] : []),
      significant(point.effectiveSampleSize, 3),
      fixed(point.paretoK, 2),
    ].map(number)}<td>${point.drawn ? 'drawn' : 'weighted'}</td><td>${trustText(point)}</td></tr>\n`
  return html`<details open><summary>The curve in numbers: ${curve.length} points</summary>
<div class="table"><table><thead><tr><th scope="col">target</th>${heads.filter((head) => withDiversity || head !== 'diversity').map(heading)}
<th scope="col">images</th><th scope="col">trusted</th></tr></thead><tbody>
${points.map(line)}</tbody></table></div></details>`
}

export function iterationsTable({ iterations }: EntropyResult): Html {
  const heads = ['λ', 'gradient in log λ', 'in standard errors', 'images', 'network evaluations so far']
  return html`<details><summary>All ${iterations.length} gradients in numbers</summary>
<div class="table"><table class="narrow"><thead><tr><th scope="col" class="number">iteration</th><th scope="col">phase</th>${heads.map(heading)}</tr></thead><tbody>
${iterations.map(({ iteration, phase, lambda, gradient, collapsed, paths, evaluations }) => {
  const { mean, standardError } = gradient
  return html`<tr class="${collapsed && 'untrusted'}"><th scope="row" class="number">${iteration}</th><td>${phase}</td>${[
    significant(lambda, 4),
    `${toItsError(gradient)}${collapsed ? ' (weights collapsed)' : ''}`,
    standardError && !collapsed ? fixed(mean / standardError, 1) : '–',
    count(paths),
    count(evaluations),
  ].map(number)}</tr>\n`
})}</tbody></table></div></details>`
}
