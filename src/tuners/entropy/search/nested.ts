/**
 * Whether a polynomial fitted over a stretch is to be believed, and the interval that it leaves: by those of higher degree, through the same
 * numbers of the same items.
 *
 * A fit of low degree has the smaller error and the larger bias. The lowest one is believed from which all higher ones differ by no more than
 * chance, the items that both are made of having their noise in common (Lepski, "On a problem of adaptive estimation in Gaussian white
 * noise", 1990); the interval is the hull of its own and of the next one's, whose bias is of higher order. The highest, which goes through
 * all numbers, can be compared with nothing: where only that is left, the stretch is too wide.
 */
import type { GradientCurve } from '../estimators/gradientCurve.ts'

/** Standard errors up to which a difference is chance. */
const BY_CHANCE = 2.5

/** Share of the tolerance, in log lambda, up to which roots may differ by more than chance; what they do is added to the interval. */
const SLIGHT = 0.025

/** Ends of an interval; null: not inside what was drawn. */
export interface Ends {
  readonly low: number | null
  readonly high: number | null
}

/** The fit of a stretch that is to be believed. */
export interface Nested {
  /** Where the gradient is 0. */
  readonly root: number
  /** Standard error of the root, that of the next degree if this is larger. */
  readonly error: number
  /** Whether a higher degree says the same. */
  readonly agrees: boolean
  /** The interval at error `alpha`, as it would be with that many items. */
  ends(alpha: number, items?: number): Ends
}

/** @param width log of the tolerance; null where the gradient of the stretch is nowhere 0 */
export function nestedOf(curve: GradientCurve, width: number): Nested | null {
  const fits = [curve]
  for (let next = curve.higher(); next !== null; next = next.higher()) fits.push(next)
  const roots = fits.map((fit) => fit.root())
  /** By how much two roots differ beyond chance; infinite where it matters. */
  const apart = (one: number, other: number) => {
    const [own, its] = [roots[one], roots[other]]
    if (own === null) return Number.POSITIVE_INFINITY
    const { mean, standardError } = fits[one].difference(fits[other], own)
    if (Math.abs(mean) <= BY_CHANCE * standardError) return 0
    const by = its === null ? Number.POSITIVE_INFINITY : Math.abs(its - own)
    return by <= SLIGHT * width ? by : Number.POSITIVE_INFINITY
  }
  const most = fits.map((_, i) => Math.max(0, ...fits.slice(i + 1).map((_higher, k) => apart(i, i + 1 + k))))
  const believed = most.findIndex((by, i) => i < fits.length - 1 && by < Number.POSITIVE_INFINITY)
  if (believed < 0) {
    const any = roots.findLast((root) => root !== null)
    if (any === undefined || any === null) return null
    return {
      root: any,
      error: curve.stretch.high - curve.stretch.low,
      agrees: false,
      ends: () => ({ low: null, high: null }),
    }
  }
  const own = roots[believed] ?? 0
  const next = roots[believed + 1]
  const [fit, check] = [fits[believed], fits[believed + 1]]
  return {
    root: own,
    error: Math.max(
      fit.rootError(own),
      next === null
        ? Number.POSITIVE_INFINITY
        : Math.min(check.rootError(next), curve.stretch.high - curve.stretch.low),
    ),
    agrees: true,
    ends(alpha, items = curve.count) {
      if (next === null) return { low: null, high: null }
      const wide = fit.interval(own, alpha, curve.stretch, items)
      const narrow = check.interval(next, alpha, curve.stretch, items)
      const end = (sign: 1 | -1, one: number | null, other: number | null, limit: number) => {
        if (one === null || other === null) return null
        const out = Math.max(sign * one, sign * other) + most[believed]
        return out > sign * limit ? null : sign * out
      }
      const { low, high } = curve.stretch
      return { low: end(-1, wide.low, narrow.low, low), high: end(1, wide.high, narrow.high, high) }
    },
  }
}
