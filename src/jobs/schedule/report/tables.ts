/** The page's tables: rows and gains, every default that was tried, the learned schedule in numbers, the tuning iterations. */

import type { SamplingSchedule } from '../../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { Html } from '../../../report/index.ts'
import { decimalsFor, fixed, html, percent, significant, withError } from '../../../report/index.ts'
import type { ScheduleResult, ScheduleRow, TuningRecord } from '../../../tuners/index.ts'
import { OBJECTIVE_WORDS, toldValue } from '../../../tuners/index.ts'
import type { GuardColumn } from './guards.ts'
import { guardsOf } from './guards.ts'
import { decimalsOfSmall, lessIsBetter, measuredIn, measureLabel, measureOf, measureTitle } from './measure.ts'
import { ROLES, rowOf } from './roles.ts'
import { decimalsOf, standingOf } from './verdict.ts'

export function rowsTable(result: ScheduleResult): Html {
  const { judgeNetwork, real, protocol } = result
  const decimals = decimalsOf(result)
  const guards = guardsOf(result).filter(({ label }) => label !== 'diversity')
  const judged = ROLES.flatMap((role) => rowOf(result, role).judgeFid?.mean ?? [])
  const judgeDecimals = decimalsFor(judged)
  const judgeFid = (fid: MeanAndStandardError | null) => (fid === null ? '–' : withError(fid, judgeDecimals))
  const line = (row: ScheduleRow, role: string) =>
    html`<tr class="${role}"><th scope="row">${row.label}</th><td>${
      row.sampler
    }</td><td class="number">${row.steps}</td><td>${row.stepList}</td><td class="number">${withError(measureOf(result, row), decimals)}</td>${guards.map(
      ({ of }) => html`<td class="number">${of(row)}</td>`,
    )}<td class="number">${judgeFid(
      row.judgeFid,
    )}</td><td class="number">${percent(row.recognised)}</td><td class="number">${fixed(row.kid, 4)}</td><td class="number">${fixed(row.precision, 3)}</td><td class="number">${fixed(
      row.recall,
      3,
    )}</td><td class="number">${fixed(row.inceptionScore, 2)}</td><td class="number">${fixed(row.diversity, 3)}</td></tr>\n`
  return html`<div class="table"><table>
<thead><tr><th scope="col">way of sampling</th><th scope="col">sampler</th><th scope="col" class="number">steps</th><th scope="col">step list</th>
<th scope="col" class="number">${measureLabel(result)} <small>in ${measuredIn(result)}</small></th>${guards.map(
    ({ label }) => html`<th scope="col" class="number">${label}</th>`,
  )}
<th scope="col" class="number">judge's FID <small>${judgeNetwork === null ? 'no judge' : `in ${judgeNetwork}`}</small></th>
<th scope="col" class="number">recognised</th><th scope="col" class="number">KID</th><th scope="col" class="number">precision</th>
<th scope="col" class="number">recall</th><th scope="col" class="number">inception score</th><th scope="col" class="number">diversity</th></tr></thead>
<tbody>${ROLES.map((role) => line(rowOf(result, role), role))}${result.ceiling && line(result.ceiling, 'many')}
${real && realRow(real, guards, result.comparedBy === 'fid')}</tbody></table></div>
<p class="soft">${
    real &&
    html`Real images: FID of the tuning split against the held-out split, what a perfect model would score with that many images;
recognised: of the held-out images. `
  }Diversity: mean pairwise distance of two samples${result.featureNetwork === null ? ', pixel by pixel' : ' in feature space'}.
KID (unbiased), precision and recall (k = 3): of the first sampling seed. Start, not tuned: what is there without tuning, at the network before it.${
    result.ceiling !== null && ' Ceiling: what the model can do with many steps, one sampling seed.'
  }${
    protocol.trainingSteps.default > 0 &&
    html` Default rows are the default side's network, which trained on by what tuning cost: <code>model-default/</code> in the run folder.`
  }</p>`
}

/** @param fidFirst whether FID is what the rows are compared by */
function realRow(real: NonNullable<ScheduleResult['real']>, guards: readonly GuardColumn[], fidFirst: boolean): Html {
  const fid = fixed(real.fid, decimalsFor([real.fid]))
  return html`
<tr><th scope="row">real images</th><td>–</td><td class="number">–</td><td>–</td><td class="number">${fidFirst ? fid : '–'}</td>${guards.map(
    ({ label }) => html`<td class="number">${label === 'FID' ? fid : '–'}</td>`,
  )}<td class="number">–</td><td class="number">${percent(real.recognised)}</td>${[1, 2, 3, 4, 5].map(
    () => html`<td class="number">–</td>`,
  )}</tr>
`
}

const STANDING_WORDS = {
  better: 'learned is better',
  worse: 'learned is worse',
  unclear: 'not distinguishable',
  unknown: 'one seed: no standard error',
} as const

export function gainsTable(result: ScheduleResult): Html {
  const { gain, judgeNetwork } = result
  const measured = measuredIn(result)
  const decimals = decimalsOf(result)
  const gains: [string, string, MeanAndStandardError | null][] = [
    [result.default.label, measured, gain.overDefault],
    [result.bestDefault.label, measured, gain.overBestDefault],
    [result.start.label, measured, gain.overStart],
    [result.manySteps.label, measured, gain.overManySteps],
    [result.default.label, judgeNetwork ?? '', gain.judgeOverDefault],
  ]
  return html`<div class="table"><table class="narrow"><thead><tr><th scope="col">${
    lessIsBetter(result)
      ? `${measureTitle(result)} of … minus learned`
      : `${measureTitle(result)} of learned minus that of …`
  }</th><th scope="col" class="number">paired difference</th>
<th scope="col" class="number">in standard errors</th><th scope="col">reading</th><th scope="col">${result.comparedBy === 'fid' ? 'features' : 'measured by'}</th></tr></thead><tbody>
${gains.map(
  ([label, network, value]) =>
    value &&
    html`<tr><th scope="row">${label}</th><td class="number">${withError(value, decimals)}</td><td class="number">${
      value.standardError ? fixed(value.mean / value.standardError, 1) : '–'
    }</td><td>${STANDING_WORDS[standingOf(value)]}</td><td><code>${network}</code></td></tr>\n`,
)}</tbody></table></div>`
}

/** Step lists down, samplers across. */
export function candidatesTable(result: ScheduleResult): Html {
  const { protocol, bestDefault, comparedBy: objective } = result
  const candidates = result.candidates.map(({ value, ...rest }) => ({ ...rest, value: toldValue(objective, value) }))
  if (candidates.length === 0) return html`<p class="soft">No search among defaults was made.</p>`
  const samplers = [...new Set(candidates.map(({ sampler }) => sampler))]
  const lists = [...new Set(candidates.map(({ stepList }) => stepList))]
  const most = Math.max(...candidates.map(({ samples }) => samples))
  const values = candidates.map(({ value }) => value)
  const decimals = objective === 'fid' ? decimalsFor(values) : decimalsOfSmall(values)
  const [best] = candidates
  const cell = (list: string, sampler: string) => {
    const found = candidates.find((one) => one.stepList === list && one.sampler === sampler)
    if (!found) return html`<td class="number">–</td>`
    const text = fixed(found.value, decimals)
    if (found.samples < most) return html`<td class="number soft">(${text})</td>`
    return html`<td class="number ${found === best && 'chosen'}">${text}</td>`
  }
  return html`<p class="soft">${candidates.length} defaults at ${bestDefault.steps} steps, compared on ${protocol.bestDefaultChosenOn}: ${objectiveIn({ ...result, objective })}.
The best one, in bold, is measured again above on ${result.real === null ? 'other noise' : 'the held-out split'}. Lists that visit the same times are given once.
In brackets: out after fewer images, of which the distance is higher and does not compare.</p>
<div class="table"><table class="narrow"><thead><tr><th scope="col">step list</th>${samplers.map(
    (sampler) => html`<th scope="col" class="number">${sampler}</th>`,
  )}</tr></thead><tbody>
${lists.map((list) => html`<tr><th scope="row">${list}</th>${samplers.map((sampler) => cell(list, sampler))}</tr>\n`)}</tbody></table></div>`
}

/** What values of the objective are: `FID in ...`. */
export const objectiveIn = ({ objective, featureNetwork, objectiveWords }: ScheduleResult): Html =>
  html`${OBJECTIVE_WORDS[objective].label} in <code>${objective === 'fid' ? featureNetwork : objectiveWords}</code>`

export function scheduleTable({ schedule, curves, default: byDefault }: ScheduleResult): Html {
  const { sampling } = schedule
  const before = curves.find(({ label }) => label === byDefault.label)
  const parameters = Object.entries(schedule.parameters)
  return html`<p>Family <code>${schedule.family}</code>${
    parameters.length > 0 &&
    html`: ${parameters.map(([name, value], i) => html`${i > 0 && ', '}<code>${name}</code> ${significant(value, 5)}`)}`
  }. Told times of T = ${sampling.timesteps}.</p>
<div class="table"><table class="narrow"><thead><tr><th scope="col" class="number">step</th><th scope="col" class="number">told time</th><th scope="col" class="number">log-SNR</th>
<th scope="col" class="number">signal</th><th scope="col" class="number">noise</th><th scope="col" class="number">default's told time</th><th scope="col" class="number">default's log-SNR</th>${solverHeads(sampling)}</tr></thead><tbody>
${sampling.levels.map(
  ({ logSnr, signal, noise }, i) =>
    html`<tr><th scope="row" class="number">${i + 1}</th><td class="number">${significant(sampling.times[i], 6)}</td><td class="number">${fixed(
      logSnr,
      4,
    )}</td><td class="number">${significant(signal, 5)}</td><td class="number">${significant(noise, 5)}</td><td class="number">${
      before ? significant(before.times[i], 6) : '–'
    }</td><td class="number">${before ? fixed(before.logSnr[i], 4) : '–'}</td>${solverCells(sampling, i)}</tr>\n`,
)}</tbody></table></div>`
}

/** Lists of the exponential step that the schedule has, with what heads them. */
const solverLists = ({ solver = {} }: SamplingSchedule) =>
  (
    [
      ['tau', solver.tau],
      ['weight', solver.weight],
      ['scale of the prediction', solver.scale],
      ['clip bound', solver.clipBounds],
      ['guidance scale', solver.guidance],
    ] as const
  ).flatMap(([head, list]) => (list ? [{ head, list }] : []))

const solverHeads = (sampling: SamplingSchedule) =>
  solverLists(sampling).map(({ head }) => html`<th scope="col" class="number">${head}</th>`)

/** The last step has neither tau nor weight. */
const solverCells = (sampling: SamplingSchedule, i: number) =>
  solverLists(sampling).map(
    ({ list }) => html`<td class="number">${list[i] === undefined ? '–' : significant(list[i], 5)}</td>`,
  )

export function historyTable(result: ScheduleResult): Html | null {
  const { history, objective } = result
  if (history.length === 0) return null
  const names = Object.keys(history[0].parameters)
  const values = history.flatMap(({ value }) => (value === null ? [] : [toldValue(objective, value)]))
  const decimals = objective === 'fid' ? decimalsFor(values) : decimalsOfSmall(values)
  const withLoss = history.some(({ loss }) => loss !== null)
  const withOffset = history.some(({ offsetConverged }) => offsetConverged !== null)
  const withSolve = history.some(({ solve }) => solve !== undefined)
  const heading = (text: string) => html`<th scope="col" class="number">${text}</th>`
  const number = (text: string) => html`<td class="number">${text}</td>`
  return html`<details><summary>All ${history.length} iterations in numbers: ${objectiveIn(result)}, parameters before the step, gradients</summary>
<div class="table"><table><thead><tr>${['iteration', OBJECTIVE_WORDS[objective].label, '± se', ...names, ...names.map((name) => `gradient in ${name}`)].map(heading)}${
    withLoss && heading('loss of y')
  }${withOffset && heading('offset of z converged')}${withSolve && heading('left of the linear system')}</tr></thead><tbody>
${history.map(
  ({ iteration, value, standardError, parameters, gradient, gradientErrors, loss, offsetConverged, solve }) =>
    html`<tr><th scope="row" class="number">${iteration}</th>${number(fixed(value === null ? null : toldValue(objective, value), decimals))}${number(fixed(standardError, decimals))}${names.map(
      (name) => number(significant(parameters[name], 5)),
    )}${names.map((name) => number(gradientText(gradient[name], gradientErrors?.[name])))}${
      withLoss && number(loss === null ? '–' : significant(loss, 4))
    }${withOffset && number(percent(offsetConverged))}${withSolve && number(solve ? solveText(solve) : '–')}</tr>\n`,
)}</tbody></table></div></details>`
}

const gradientText = (value: number | undefined, error: number | undefined): string =>
  value === undefined
    ? '–'
    : `${significant(value, 3)}${error === undefined ? '' : `\u00a0±\u00a0${significant(error, 2)}`}`

const solveText = ({ residual, indefinite, systems }: NonNullable<TuningRecord['solve']>): string =>
  `${significant(residual, 2)}${indefinite === 0 ? '' : ` (${indefinite} of ${systems} left early)`}`
