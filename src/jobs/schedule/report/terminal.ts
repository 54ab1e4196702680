/** The result as a few lines of plain text, for the end of a run in a terminal (the error stream: standard output is data). */

import { decimalsFor, fixed, percent, significant, textTable, withError } from '../../../report/index.ts'
import { durationText } from '../../../runs/index.ts'
import type { ScheduleResult, ScheduleRow } from '../../../tuners/index.ts'
import type { ReportContext } from '../../reporting/context.ts'
import { acrossLines } from './acrossSteps.ts'
import { guardsOf } from './guards.ts'
import { judgeKnowledgeText } from './judgeKnowledge.ts'
import { measuredIn, measureLabel, measureOf, measureTitle } from './measure.ts'
import { ROLES, rowOf } from './roles.ts'
import { decimalsOf, verdictOf } from './verdict.ts'

/**
 * Verdict, rows, learned parameters, time. Lines end in a line feed; nothing is coloured.
 * @example
 *     10 learned steps: FID 7.62 ± 0.09, against 19.51 ± 0.21 by default and 12.93 ± 0.13 at best
 *
 *                               sampler       step list                    FID     judge's FID  recognised
 *     default DDIM, 10 steps    ddim          trailing          19.51 ± 0.21    22.43 ± 0.28      70.9 %
 */
export function terminalSummary(
  result: ScheduleResult,
  context: ReportContext,
  all: readonly ScheduleResult[] = [result],
): string {
  const { schedule, judgeNetwork, seconds } = result
  const { title, sentences } = verdictOf(result)
  const parameters = Object.entries(schedule.parameters)
  const shown = parameters.slice(0, 6).map(([name, value]) => `${name} ${significant(value)}`)
  const more = parameters.length > shown.length ? `, and ${parameters.length - shown.length} more` : ''
  const memory = context.peakMemoryMiB === null ? '' : `, peak memory ${fixed(context.peakMemoryMiB, 0)} MiB`
  const lines = [
    title,
    '',
    ...acrossLines(all),
    ...table(result),
    '',
    ...sentences,
    '',
    `${measureTitle(result)} in ${measuredIn(result)}${judgeNetwork === null ? '' : `; judge ${judgeNetwork}${judgeKnowledgeText(context)}`}`,
    `learned (${schedule.family}): ${shown.join(', ')}${more}`,
    ...(parameters.some(([name]) => name.startsWith('log gap')) ? [LOG_GAP] : []),
    `${durationText(seconds.total)}${memory}, run ${context.run}`,
    '',
  ]
  return lines.map((line) => plain(line).trimEnd()).join('\n')
}

/** What the parameters of free levels are. */
const LOG_GAP = 'log gap k: natural logarithm of the difference in log-SNR between steps k and k + 1 (1: the noisiest)'

/** No-break spaces have no use in a terminal. */
const plain = (text: string): string => text.replaceAll('\u00a0', ' ')

const realFid = (fid: number): string => fixed(fid, decimalsFor([fid]))

/** A column of the table, in each row and of the real images. */
interface Column {
  readonly label: string
  of(row: ScheduleRow): string
  readonly real: string
}

/** Without data there are neither real images nor a judge. */
function table(result: ScheduleResult): string[] {
  const { real } = result
  const rows = [...ROLES.map((role) => rowOf(result, role)), ...(result.ceiling ? [result.ceiling] : [])]
  const columns = columnsOf(result, rows)
  return textTable(
    [
      ['', ...columns.map(({ label }) => label)],
      ...rows.map((row) => [row.label, ...columns.map(({ of }) => of(row))]),
      ...(real === null ? [] : [['real images', ...columns.map((column) => column.real)]]),
    ],
    3,
  )
}

function columnsOf(result: ScheduleResult, rows: readonly ScheduleRow[]): Column[] {
  const { real } = result
  const decimals = decimalsOf(result)
  const judgeDecimals = decimalsFor(rows.flatMap(({ judgeFid }) => judgeFid?.mean ?? []))
  const ofReal = (label: string) => (real && label === 'FID' ? realFid(real.fid) : '–')
  const measure = measureLabel(result)
  return [
    { label: 'sampler', of: ({ sampler }) => sampler, real: '–' },
    { label: 'step list', of: ({ stepList }) => stepList, real: '–' },
    { label: measure, of: (row) => withError(measureOf(result, row), decimals), real: ofReal(measure) },
    ...guardsOf(result).map(({ label, of }) => ({ label, of, real: ofReal(label) })),
    ...(real === null
      ? []
      : [
          {
            label: "judge's FID",
            of: ({ judgeFid }: ScheduleRow) => (judgeFid ? withError(judgeFid, judgeDecimals) : '–'),
            real: '–',
          },
          {
            label: 'recognised',
            of: ({ recognised }: ScheduleRow) => percent(recognised),
            real: percent(real.recognised),
          },
        ]),
  ]
}
