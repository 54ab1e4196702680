/** What came out for several sets of prompts: one object, one page with a row and a section for each, a few lines for a terminal. */
import type { Html } from '../../../report/index.ts'
import {
  count,
  html,
  methodFooter,
  renderPage,
  section,
  significant,
  textTable,
  toItsError,
} from '../../../report/index.ts'
import { durationText } from '../../../runs/index.ts'
import type { EntropyResult } from '../../../tuners/index.ts'
import type { EntropyContext } from '../../reporting/context.ts'
import { settingsList } from '../../reporting/usage.ts'
import type { EntropyJson } from '../report/entropyJson.ts'
import { entropyCards } from '../report/entropyOverview.ts'
import { promptPictures } from '../report/entropyPictures.ts'
import { entropyUsage } from '../report/entropyProtocol.ts'
import { placesTable } from '../report/entropyTables.ts'
import { doubtText, entropyVerdict, lambdaText, restsOn } from '../report/entropyVerdict.ts'

/** What became of a set. */
export interface SetResult {
  readonly name: string
  readonly prompts: readonly string[]
  /** Its folder in the run folder. */
  readonly place: string
  readonly result: EntropyResult
  readonly json: EntropyJson
  readonly context: EntropyContext
}

/** What `--json` prints, and `result.json` holds, of several sets. */
export interface SetsJson {
  readonly preset: string | null
  readonly seed: number
  /** In the file's order; of each, what a job of it alone gives. */
  readonly sets: readonly ({ readonly set: string; readonly prompts: readonly string[] } & EntropyJson)[]
  /** Of all sets together. */
  readonly networkEvaluations: number
  readonly checkingEvaluations: number
  readonly seconds: number
  readonly peakMemoryMiB: number | null
  readonly run: string
}

export function setsJson(sets: readonly SetResult[], context: EntropyContext): SetsJson {
  const sum = (of: (json: EntropyJson) => number) => sets.reduce((total, { json }) => total + of(json), 0)
  return {
    preset: context.preset,
    seed: sets[0].json.seed,
    sets: sets.map(({ name, prompts, json }) => ({ set: name, prompts, ...json })),
    networkEvaluations: sum((json) => json.networkEvaluations),
    checkingEvaluations: sum((json) => json.checkingEvaluations),
    seconds: sum((json) => json.seconds),
    peakMemoryMiB: context.peakMemoryMiB,
    run: context.run,
  }
}

/** The interval in words, with what is not as it should be. */
function intervalText({ entropyStrength: { low, high, resolved, boundary } }: EntropyResult): string {
  const interval = `${lambdaText(low)} to ${lambdaText(high)}`
  if (boundary !== null) return `${interval} (${boundary === 'low' ? 'strongest' : 'weakest'} of the range)`
  return resolved ? interval : `${interval} (not resolved)`
}

const HEAD = [
  'set',
  'prompts',
  'λ',
  '95 % interval',
  'judge, base',
  'judge, chosen',
  'judge, strongest',
  'reward, chosen',
]

/** A set in a row: values as texts. */
function rowOf({ name, prompts, result }: SetResult): string[] {
  const { upper, lower, entropyStrength, lambdaRange } = result
  const doubt = (lambda: number) => doubtText(restsOn(result, lambda))
  const [tuned, strongest] = [doubt(entropyStrength.value), doubt(lambdaRange[0])]
  return [
    name,
    String(prompts.length),
    lambdaText(entropyStrength.value),
    intervalText(result),
    toItsError(upper.base),
    `${toItsError(upper.tuned)}${tuned}`,
    `${toItsError(upper.lambdaMin)}${strongest}`,
    `${toItsError(lower.tuned)}${tuned}`,
  ]
}

/** The page's text. Equal results give equal bytes. */
export function renderSetsReport(sets: readonly SetResult[], context: EntropyContext, json: SetsJson): string {
  const title = titleOf(sets)
  return renderPage({
    title,
    json,
    sections: [
      headline(title, sets, context),
      section('The sets', table(sets)),
      ...sets.map(setSection),
      section('Settings', settingsList(context)),
      methodFooter(),
    ],
  })
}

const titleOf = (sets: readonly SetResult[]): string => {
  const resolved = sets.filter(({ result }) => result.entropyStrength.resolved).length
  return `Entropy strength λ of ${sets.length} sets of prompts${resolved < sets.length ? `, ${resolved} resolved` : ''}`
}

function headline(title: string, sets: readonly SetResult[], { run, preset, model, notes }: EntropyContext): Html {
  const [{ result }] = sets
  const job = [
    run,
    preset === null ? 'no preset' : `preset ${preset}`,
    `seed ${result.seed}`,
    `${model}, ${result.samplingSteps} steps of ${result.sampler.sampler}`,
    `target ${result.target}`,
  ]
  return html`<header>
<p class="kicker">${job.join(' · ')}</p>
<h1>${title}</h1>
<p class="soft">Each set is tuned as if it were alone: the same λ as of a run with <code>--prompt-set</code> and its name. 1/λ is the guidance scale.
Judge (r1): <code>${result.judgeName}</code>. Chased reward (r2): <code>${result.rewardName}</code>. ± is one standard error.</p>
${notes.map((note) => html`<p class="soft">Note: ${note}.</p>\n`)}</header>`
}

const table = (sets: readonly SetResult[]): Html => html`<div class="table"><table><thead><tr>${HEAD.map(
  (head, i) => html`<th scope="col" class="${i > 0 && 'number'}">${head}</th>`,
)}</tr></thead><tbody>
${sets.map(
  (set) =>
    html`<tr>${rowOf(set).map((text, i) => (i === 0 ? html`<th scope="row">${text}</th>` : html`<td class="number">${text}</td>`))}</tr>\n`,
)}</tbody></table></div>`

function setSection({ name, prompts, place, result, context }: SetResult): Html {
  const { title, sentences } = entropyVerdict(result)
  const pictures = promptPictures(result, context.shown)
  return section(
    `Set ${name}`,
    html`<p><strong>${title}</strong></p>
${sentences.map((sentence) => html`<p>${sentence}</p>\n`)}
<p class="soft">${prompts.length === 1 ? 'Prompt' : `${prompts.length} prompts`}: ${prompts.join('; ')}. The whole trade-off: <a href="${linkTo(place)}">its own report</a>.</p>`,
    entropyCards(result),
    pictures,
    placesTable(result),
    entropyUsage(result, context, `${place.replaceAll('\\', '/')}/`),
  )
}

const linkTo = (place: string): string =>
  [...place.split(/[\\/]/), 'report.html'].map((part) => encodeURIComponent(part)).join('/')

/** Lines end in a line feed; nothing is coloured. */
export function setsSummary(sets: readonly SetResult[], context: EntropyContext): string {
  const [{ result }] = sets
  const sum = (of: (one: EntropyResult) => number) => sets.reduce((total, one) => total + of(one.result), 0)
  const evaluations = sum(({ networkEvaluations }) => networkEvaluations.total)
  const memory = context.peakMemoryMiB === null ? '' : `, peak memory ${significant(context.peakMemoryMiB)} MiB`
  const lines = [
    titleOf(sets),
    '',
    ...textTable([HEAD, ...sets.map(rowOf)]),
    '',
    `judge: ${result.judgeName}`,
    `reward: ${result.rewardName}`,
    `target ${result.target}, estimator ${result.estimator}; ${count(evaluations)} network evaluations, ${durationText(sum(({ seconds }) => seconds))}${memory}, run ${context.run}`,
    '',
  ]
  return lines.map((line) => line.replaceAll(/[\u00a0\u202f]/g, ' ').trimEnd()).join('\n')
}
