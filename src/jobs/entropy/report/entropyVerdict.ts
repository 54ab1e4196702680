/**
 * What came out, in words and numbers: the entropy strength with its interval, or why there is none, what it does to the judge, and
 * whether stronger guidance really harms. A difference counts beyond three standard errors.
 */

import type { MeanAndStandardError } from '../../../metrics/index.ts'
import { fixed, significant, toItsError } from '../../../report/index.ts'
import type { CurvePoint, EntropyResult, EntropyTarget } from '../../../tuners/index.ts'
import { extendedRange, weightsCollapsed } from '../../../tuners/index.ts'

/** `won`: an optimum inside the range, resolved. `lost`: not resolved. `open`: the best is an end of the range. */
export interface EntropyVerdict {
  readonly outcome: 'won' | 'lost' | 'open'
  readonly title: string
  readonly sentences: readonly string[]
}

/** Standard errors a difference must exceed. */
const ERRORS_TO_BELIEVE = 3

/** Three significant digits of a lambda. */
export const lambdaText = (lambda: number): string => significant(lambda, 3)

export const TARGET_WORDS: Readonly<Record<EntropyTarget, string>> = {
  guided: 'the guided sampler as it runs',
  tilt: 'the tilted distribution p*',
  penalty: 'the penalty problem',
}

export function entropyVerdict(result: EntropyResult): EntropyVerdict {
  const { boundary, resolved } = result.entropyStrength
  return {
    outcome: resolved ? (boundary === null ? 'won' : 'open') : 'lost',
    title: titleOf(result),
    sentences: [
      intervalSentence(result),
      ...directionSentences(result),
      judgeSentence(result),
      ...harmSentences(result),
      distanceSentence(result),
      ...unseenSentences(result),
      ...doubtSentences(result),
    ],
  }
}

function titleOf({ entropyStrength, lambdaRange }: EntropyResult): string {
  const { value, low, high, resolved, boundary } = entropyStrength
  const range = lambdaRange.map(lambdaText).join(' to ')
  if (boundary !== null) {
    const rises = boundary === 'low' ? 'strongest' : 'weakest'
    const certain = resolved ? '' : ' (not resolved)'
    return `No optimum inside ${range}: the judge is best at the ${rises} guidance, λ = ${lambdaText(value)}${certain}`
  }
  const interval = `${lambdaText(low)} to ${lambdaText(high)}`
  return resolved
    ? `Entropy strength λ = ${lambdaText(value)}, 95 % interval ${interval}`
    : `Not resolved: λ = ${lambdaText(value)}, somewhere from ${interval}`
}

function intervalSentence(result: EntropyResult): string {
  const { entropyStrength, target, gamma, tolerance } = result
  const { value, low, high, resolved, reason, boundary, slope } = entropyStrength
  const subject = `${TARGET_WORDS[target]}${gamma === null ? '' : ` at gamma ${significant(gamma)}`}`
  const scale = `guidance scale ${lambdaText(1 / value)}`
  if (boundary !== null) {
    const gradient = slope === null ? '' : `, where the gradient in log λ is ${toItsError(slope)}`
    return `For ${subject} the optimum is at the end of the range${gradient} (${scale}).${
      reason === null ? '' : ` ${asSentence(reason)}`
    }`
  }
  const width = `high/low is ${fixed(high / low, 2)}, the tolerance ${significant(tolerance)}`
  if (resolved)
    return `Best for ${subject} (${scale}): within the interval the gradient in log λ cannot be told from 0; ${width}.`
  return `For ${subject} (${scale}), ${width}. ${reason === null ? '' : asSentence(reason)}`.trim()
}

/** What was never drawn, and how far from the rest it would have to be to move lambda. */
function unseenSentences({ unseen }: EntropyResult): string[] {
  if (unseen === null || (unseen.reward === null && unseen.judge === null)) return []
  const rare = `Images rarer than ${significant(100 * unseen.share)} % may never have been drawn`
  return unseen.reward === null
    ? [`${rare}: they would move λ if their r1 lay ${significant(unseen.judge ?? 0)} or more from its mean.`]
    : [
        `${rare}: they would move λ from a reward of ${significant(unseen.reward)} on; the highest drawn is ${significant(unseen.highest)}.`,
      ]
}

/** Which way to look further, and the flag that does. */
function directionSentences({ extend, lambdaRange }: EntropyResult): string[] {
  if (extend === null) return []
  const where =
    extend === 'low'
      ? `smaller λ, below ${lambdaText(lambdaRange[0])}`
      : `larger λ, above ${lambdaText(lambdaRange[1])}`
  return [
    `Every gradient that can be told from 0 points to ${where}: extend the range that way, --lambda-range=${extendedRange(lambdaRange, extend).join(',')}.`,
  ]
}

const asSentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1).replace(/\.$/, '')}.`

/** Which curve the result's own numbers are of: of p* for the penalty too. */
export const ownCurve = (target: EntropyTarget): CurvePoint['target'] => (target === 'guided' ? 'guided' : 'tilt')

/** Whether the curve can be believed at a lambda, which is one of its own. */
export const believedAt = (result: EntropyResult, lambda: number): boolean => restsOn(result, lambda).trusted

/** What the numbers at a lambda rest on: whether they can be believed, and whether their weights have collapsed. */
export function restsOn(
  result: EntropyResult,
  lambda: number,
): { readonly trusted: boolean; readonly collapsed: boolean } {
  const away = (point: CurvePoint) => Math.abs(Math.log(point.lambda / lambda))
  const own = result.curve.filter((point) => point.target === ownCurve(result.target))
  const [nearest] = own.toSorted((a, b) => away(a) - away(b))
  return { trusted: nearest?.trusted ?? false, collapsed: !nearest || weightsCollapsed(nearest) }
}

/** What stands behind an error bar that means little; nothing where it can be believed. */
export function doubtText({ trusted, collapsed }: { readonly trusted: boolean; readonly collapsed: boolean }): string {
  if (trusted && !collapsed) return ''
  return collapsed ? ' (weights collapsed)' : ' (few effective)'
}

/** What the sentences before rest on, where that is little. */
function doubtSentences(result: EntropyResult): string[] {
  const { entropyStrength, lambdaRange } = result
  const lambdas = [...new Set([entropyStrength.value, lambdaRange[0]])].filter((lambda) => !believedAt(result, lambda))
  if (lambdas.length === 0) return []
  const places = lambdas.map((lambda) => `λ = ${lambdaText(lambda)}`).join(' and ')
  return [
    `The numbers at ${places} come from few effective images and cannot be believed, nor can their error bars: weights reach no further there.`,
  ]
}

/** Difference of two estimates; standard errors add in squares, as if they were independent. */
export function differenceOf(a: MeanAndStandardError, b: MeanAndStandardError): MeanAndStandardError {
  const known = a.standardError !== null && b.standardError !== null
  return {
    mean: a.mean - b.mean,
    standardError: known ? Math.hypot(a.standardError ?? 0, b.standardError ?? 0) : null,
    count: Math.min(a.count, b.count),
  }
}

type Sign = 'above' | 'below' | 'unclear'

function signOf({ mean, standardError }: MeanAndStandardError): Sign {
  if (standardError === null || Math.abs(mean) <= ERRORS_TO_BELIEVE * standardError) return 'unclear'
  return mean > 0 ? 'above' : 'below'
}

const sizeText = (difference: MeanAndStandardError): string =>
  toItsError({ ...difference, mean: Math.abs(difference.mean) })

function judgeSentence({ upper }: EntropyResult): string {
  const difference = differenceOf(upper.tuned, upper.base)
  const values = `${toItsError(upper.tuned)} tuned, ${toItsError(upper.base)} for the base sampler`
  const sign = signOf(difference)
  if (sign === 'unclear') return `The judge does not tell the tuned sampler from the base one: ${values}.`
  return `The judge (r1) is ${sign === 'above' ? 'better' : 'worse'} by ${sizeText(difference)}: ${values}.`
}

/** Whether guidance at the smallest lambda over-optimises. */
function harmSentences(result: EntropyResult): string[] {
  const { upper, lower, lambdaRange, entropyStrength } = result
  const strongest = `At the strongest guidance, λ = ${lambdaText(lambdaRange[0])}, compared with the chosen one,`
  if (entropyStrength.value === lambdaRange[0]) return []
  const [judged, chased] = [differenceOf(upper.lambdaMin, upper.tuned), differenceOf(lower.lambdaMin, lower.tuned)]
  const reward = {
    above: `the chased reward (r2) is higher by ${sizeText(chased)}`,
    below: `the chased reward (r2) is lower by ${sizeText(chased)}`,
    unclear: 'the chased reward (r2) is the same within its errors',
  }[signOf(chased)]
  const judge = {
    above: `the judge better by ${sizeText(judged)}`,
    below: `the judge worse by ${sizeText(judged)}`,
    unclear: 'the judge sees no difference',
  }[signOf(judged)]
  const certain = believedAt(result, lambdaRange[0]) && believedAt(result, entropyStrength.value)
  const harmed = certain && signOf(judged) === 'below' && signOf(chased) !== 'below'
  const harm = harmed ? ' That is over-optimisation.' : ''
  return [`${strongest} ${reward}, and ${judge}.${harm}`]
}

function distanceSentence({ kl, diversity }: EntropyResult): string {
  const kind = kl.kind === 'path' ? 'of paths, an upper bound on that of images' : 'of images'
  const value = toItsError({ mean: kl.value, standardError: kl.standardError })
  const distance = `KL from the base sampler at the chosen λ: ${value} nats (${kind})`
  if (diversity === null) return `${distance}.`
  const [base, tuned, strongest] = [diversity.base, diversity.tuned, diversity.lambdaMin].map(toItsError)
  return `${distance}. Diversity: ${base} base, ${tuned} tuned, ${strongest} at the strongest guidance.`
}
