/**
 * Which way to look further, where the optimum was not found inside the range: the way all gradients point. Gradients count from two
 * standard errors on, and the outermost one on that side must be among them: where F is flat at the end, nothing lies beyond it.
 */
import type { EntropyIteration } from '../result.ts'

/** Standard errors from which a sign is told. */
const TOLD = 2

/** Fewest gradients that tell the same. */
const LEAST_TOLD = 2

/** A range is extended by this factor. */
const FURTHER = 10

/** The end of the range beyond which the optimum is to be looked for; null: the gradients do not all say one. */
export function directionOf(
  iterations: readonly Pick<EntropyIteration, 'lambda' | 'gradient' | 'collapsed'>[],
): 'low' | 'high' | null {
  const known = iterations.filter(({ collapsed }) => !collapsed)
  const told = known.filter(({ gradient: { mean, standardError } }) => Math.abs(mean) > TOLD * (standardError ?? 0))
  const signs = new Set(told.map(({ gradient }) => Math.sign(gradient.mean)))
  if (told.length < LEAST_TOLD || signs.size !== 1) return null
  // F rises with lambda: it is least at the smallest lambda, or beyond.
  const end = signs.has(1) ? 'low' : 'high'
  const away = ({ lambda }: { readonly lambda: number }) => (end === 'low' ? lambda : -lambda)
  const outermost = known.reduce((best, one) => (away(one) < away(best) ? one : best))
  return told.includes(outermost) ? end : null
}

/** The range with more on that side. */
export function extendedRange([low, high]: readonly [number, number], end: 'low' | 'high'): [number, number] {
  const rounded = (value: number) => Number(value.toPrecision(6))
  return end === 'low' ? [rounded(low / FURTHER), high] : [low, rounded(high * FURTHER)]
}
