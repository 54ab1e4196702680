/**
 * The claim in words and numbers. A gain counts where the paired difference over sampling seeds is beyond two standard errors; where
 * the learned schedule does not win, the title says so.
 */

import type { MeanAndStandardError } from '../../../metrics/index.ts'
import { count, decimalsFor, fixed, withError } from '../../../report/index.ts'
import type { Decision, ScheduleResult } from '../../../tuners/index.ts'
import { decimalsOfSmall, lessIsBetter, measureLabel, measureOf } from './measure.ts'
import { ROLES, rowOf } from './roles.ts'

/** A difference beyond two standard errors; `unknown`: one sampling seed, so there is no standard error. */
export type Standing = 'better' | 'unclear' | 'worse' | 'unknown'

/** `won`: better than the default, the best default and its own start. `lost`: worse than one of them. `open`: neither is certain. */
export type Outcome = 'won' | 'lost' | 'open'

export interface Verdict {
  readonly outcome: Outcome
  readonly title: string
  /** One sentence per comparison. */
  readonly sentences: readonly string[]
}

/** Standard errors a difference must exceed. */
const ERRORS_TO_BELIEVE = 2

/** @param gain other minus learned, positive where learned is better */
export function standingOf({ mean, standardError }: MeanAndStandardError): Standing {
  if (standardError === null) return 'unknown'
  if (Math.abs(mean) > ERRORS_TO_BELIEVE * standardError) return mean > 0 ? 'better' : 'worse'
  return 'unclear'
}

/** Decimals of what the rows are compared by, and of their differences. */
export function decimalsOf(result: ScheduleResult): number {
  const values = ROLES.map((role) => measureOf(result, rowOf(result, role)).mean)
  return result.comparedBy === 'fid' ? decimalsFor(values) : decimalsOfSmall(values)
}

export function verdictOf(result: ScheduleResult): Verdict {
  const { gain, manySteps, samplingSteps: n } = result
  if (result.decision?.kept === 'start') return keptStart(result, result.decision)
  const standings = [gain.overDefault, gain.overBestDefault, gain.overStart].map(standingOf)
  const outcome = standings.includes('worse') ? 'lost' : standings.every((one) => one === 'better') ? 'won' : 'open'
  return {
    outcome,
    title: titleOf(result, outcome),
    sentences: [
      sentenceOf(
        result,
        `default DDIM at ${result.default.steps} steps`,
        measureOf(result, result.default).mean,
        gain.overDefault,
      ),
      sentenceOf(
        result,
        `the best default at ${result.bestDefault.steps} steps`,
        measureOf(result, result.bestDefault).mean,
        gain.overBestDefault,
      ),
      sentenceOf(result, `its start, not tuned, at ${n} steps`, measureOf(result, result.start).mean, gain.overStart),
      sentenceOf(
        result,
        `default DDIM at ${manySteps.steps} steps`,
        measureOf(result, manySteps).mean,
        gain.overManySteps,
      ),
    ],
  }
}

/** Nothing that was learned is better than the best default, which is what is returned. */
function keptStart(result: ScheduleResult, { difference, images }: Decision): Verdict {
  const { start, samplingSteps: n, manySteps, gain } = result
  const decimals = decimalsOf(result)
  const value = withError(measureOf(result, start), decimals)
  return {
    outcome: 'open',
    title: `Nothing better than the best default was found at ${n} steps: ${start.sampler}, ${start.stepList}, ${measureLabel(result)} ${value}, is what is returned`,
    sentences: [
      `On ${count(images)} images that steered nothing, learned is not better by its standard error: ${difference.mean > 0 ? 'better' : 'worse'} by ${withError({ ...difference, mean: Math.abs(difference.mean) }, decimals)}.`,
      sentenceOf(
        result,
        `default DDIM at ${result.default.steps} steps`,
        measureOf(result, result.default).mean,
        gain.overDefault,
        'What is returned',
      ),
      sentenceOf(
        result,
        `default DDIM at ${manySteps.steps} steps`,
        measureOf(result, manySteps).mean,
        gain.overManySteps,
        'What is returned',
      ),
    ],
  }
}

function titleOf(result: ScheduleResult, outcome: Outcome): string {
  const { gain, samplingSteps: n } = result
  const decimals = decimalsOf(result)
  const label = measureLabel(result)
  const [value, byDefault, best, start] = [result.learned, result.default, result.bestDefault, result.start].map(
    (row) => withError(measureOf(result, row), decimals),
  )
  if (outcome === 'won')
    return `${n} learned steps: ${label} ${value}, against ${byDefault} by default and ${best} at best`
  if (outcome === 'lost') {
    const rivals = [
      ['the default', byDefault, gain.overDefault],
      ['the best default', best, gain.overBestDefault],
      ['its start, not tuned', start, gain.overStart],
    ] as const
    const [winner, theirs] = rivals.find((rival) => standingOf(rival[2]) === 'worse') ?? rivals[0]
    return `Learning did not win: ${label} ${value} at ${n} learned steps, ${theirs} for ${winner}`
  }
  const beaten = [gain.overDefault, gain.overBestDefault].every((one) => standingOf(one) === 'better')
  if (beaten) {
    return `${n} learned steps: ${label} ${value}, not distinguishable from their start, not tuned, at ${start}; ${byDefault} by default, ${best} at best`
  }
  const why =
    standingOf(gain.overBestDefault) === 'unknown'
      ? 'one sampling seed says nothing about chance'
      : 'within two standard errors'
  return `No clear winner: ${label} ${value} at ${n} learned steps, ${byDefault} by default, ${best} at best (${why})`
}

const WORDS: Readonly<Record<Exclude<Standing, 'unknown'>, string>> = {
  better: 'better than',
  worse: 'worse than',
  unclear: 'not distinguishable from',
}

function sentenceOf(
  result: ScheduleResult,
  other: string,
  theirs: number,
  gain: MeanAndStandardError,
  subject = 'Learned',
): string {
  const decimals = decimalsOf(result)
  const standing = standingOf(gain)
  const sign = gain.mean < 0 === lessIsBetter(result) ? 'higher' : 'lower'
  const size = withError({ ...gain, mean: Math.abs(gain.mean) }, decimals)
  const ratio = lessIsBetter(result) ? `, a factor of ${fixed(measureOf(result, result.learned).mean / theirs, 2)}` : ''
  const difference = `${measureLabel(result)} ${sign} by ${size}${ratio}`
  if (standing === 'unknown') return `Against ${other}, with one sampling seed: ${difference}.`
  return `${subject} is ${WORDS[standing]} ${other}: ${difference}.`
}
