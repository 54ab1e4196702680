/** Several numbers of steps beside each other: what each way of sampling does with how many network evaluations. */
import { networkEvaluations } from '../../../diffusion/index.ts'
import type { Html } from '../../../report/index.ts'
import { html, textTable, withError } from '../../../report/index.ts'
import type { ScheduleResult, ScheduleRow } from '../../../tuners/index.ts'
import { lessIsBetter, measureLabel, measureOf } from './measure.ts'
import { decimalsOf } from './verdict.ts'

/** Results by rising number of steps. */
export const bySteps = (all: readonly ScheduleResult[]): ScheduleResult[] =>
  all.toSorted((a, b) => a.samplingSteps - b.samplingSteps)

const evaluationsOf = ({ sampler, steps }: ScheduleRow): number => networkEvaluations({ sampler }, steps)

/** `5 learned steps do what 8 steps of the best default do`: for each number of steps, the most that it keeps up with; none where it does not. */
export function worthSentences(all: readonly ScheduleResult[]): string[] {
  const sorted = bySteps(all)
  return sorted.flatMap((result) => {
    const own = measureOf(result, result.learned).mean
    const better = (other: number) => (lessIsBetter(result) ? own <= other : own >= other)
    const beaten = sorted.filter(
      (other) => other.samplingSteps > result.samplingSteps && better(measureOf(other, other.bestDefault).mean),
    )
    const most = beaten.at(-1)
    if (!most) return []
    return `${result.samplingSteps} learned steps do what ${most.samplingSteps} steps of the best default do.`
  })
}

const COLUMNS = ['default', 'bestDefault', 'learned'] as const
const HEADS = ['default DDIM', 'best default', 'learned'] as const

function cells(result: ScheduleResult, decimals: number): string[] {
  return COLUMNS.map((name) => withError(measureOf(result, result[name]), decimals))
}

const mostDecimals = (all: readonly ScheduleResult[]): number => Math.max(...all.map(decimalsOf))

/** For the terminal; nothing of a single number of steps. */
export function acrossLines(all: readonly ScheduleResult[]): string[] {
  if (all.length < 2) return []
  const sorted = bySteps(all)
  const decimals = mostDecimals(all)
  const rows = sorted.map((result) => [
    String(result.samplingSteps),
    ...cells(result, decimals),
    result.decision?.kept === 'start' ? 'best default kept' : '',
  ])
  return [
    ...textTable([['steps', ...HEADS.map((head) => `${head}, ${measureLabel(sorted[0])}`), ''], ...rows], 1),
    '',
    ...worthSentences(all),
    '',
  ]
}

/** For the page. */
export function acrossTable(all: readonly ScheduleResult[]): Html {
  const sorted = bySteps(all)
  const decimals = mostDecimals(all)
  return html`<div class="table"><table class="narrow"><thead><tr><th scope="col" class="number">steps</th>${HEADS.map(
    (head) => html`<th scope="col" class="number">${head}</th>`,
  )}<th scope="col">best default</th><th scope="col" class="number">evaluations</th><th scope="col">returned</th></tr></thead><tbody>
${sorted.map(
  (result) =>
    html`<tr><th scope="row" class="number">${result.samplingSteps}</th>${cells(result, decimals).map(
      (text) => html`<td class="number">${text}</td>`,
    )}<td>${result.bestDefault.sampler}, ${result.bestDefault.stepList}</td><td class="number">${evaluationsOf(
      result.learned,
    )}</td><td>${result.decision?.kept === 'start' ? 'best default' : 'learned'}</td></tr>\n`,
)}</tbody></table></div>${worthSentences(all).map((sentence) => html`<p>${sentence}</p>\n`)}`
}
