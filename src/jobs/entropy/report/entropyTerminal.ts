/** The result as a few lines of plain text, for the end of a run in a terminal (the error stream: standard output is data). */

import { count, fixed, textTable, toItsError } from '../../../report/index.ts'
import { durationText } from '../../../runs/index.ts'
import type { AtThree, EntropyResult } from '../../../tuners/index.ts'
import type { EntropyContext, ReportContext, ShownImages } from '../../reporting/context.ts'
import { doubtText, entropyVerdict, lambdaText, restsOn } from './entropyVerdict.ts'

/**
 * Verdict, the three places, what it took. Lines end in a line feed; nothing is coloured.
 * @example
 *     Entropy strength λ = 0.931, 95 % interval 0.71 to 1.24
 *
 *                           base  λ = 0.931     λ = 0.01
 *     judge (r1)  −17.51 ± 0.31  −5.80 ± 0.07  −31.47 ± 0.44
 */
export function entropySummary(result: EntropyResult, context: ReportContext & Pick<EntropyContext, 'shown'>): string {
  const { title, sentences } = entropyVerdict(result)
  const { rewardName, judgeName, target, estimator, seconds, networkEvaluations } = result
  const memory = context.peakMemoryMiB === null ? '' : `, peak memory ${fixed(context.peakMemoryMiB, 0)} MiB`
  const lines = [
    title,
    '',
    ...table(result),
    '',
    ...sentences,
    '',
    `judge: ${judgeName}`,
    `reward: ${rewardName}`,
    ...witnessLines(context.shown),
    `target ${target}, estimator ${estimator}; ${count(networkEvaluations.total)} network evaluations, ${durationText(seconds)}${memory}, run ${context.run}`,
    '',
  ]
  return lines.map((line) => line.replaceAll(/[\u00a0\u202f]/g, ' ').trimEnd()).join('\n')
}

function witnessLines(shown: ShownImages | undefined): string[] {
  if (!shown?.witness) return []
  const { name, at } = shown.witness
  return [`witness, of the images shown: ${name}: ${at.map((one) => `${one.label} ${toItsError(one)}`).join(', ')}`]
}

function table(result: EntropyResult): string[] {
  const { upper, lower, diversity, entropyStrength, lambdaRange } = result
  const doubts = ['', ...[entropyStrength.value, lambdaRange[0]].map((lambda) => doubtText(restsOn(result, lambda)))]
  const row = (name: string, { base, tuned, lambdaMin }: AtThree) => [
    name,
    ...[base, tuned, lambdaMin].map((one, i) => `${toItsError(one)}${doubts[i]}`),
  ]
  const head = ['', 'base', `λ = ${lambdaText(entropyStrength.value)}`, `λ = ${lambdaText(lambdaRange[0])}`]
  const rows = [head, row('judge (r1)', upper), row('reward (r2)', lower)]
  if (diversity !== null) rows.push(row('diversity', diversity))
  return textTable(rows)
}
