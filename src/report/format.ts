/**
 * Numbers as text, one way for the page and the terminal. A true minus sign; a distance with its standard error; decimals by size, the
 * same for all distances of one report, so that columns can be compared by eye.
 */
import type { MeanAndStandardError } from '../metrics/index.ts'

/** Decimals for a set of distances: two for ordinary ones, more where the smallest would lose its digits, one above 100. */
export function decimalsFor(values: readonly number[]): number {
  const smallest = Math.min(...values.map(Math.abs).filter((value) => value > 0))
  if (!Number.isFinite(smallest) || smallest >= 100) return 1
  return smallest >= 1 ? 2 : smallest >= 0.1 ? 3 : 4
}

/** Fixed decimals; `–` for what is not known; words for what is no number. */
export function fixed(value: number | null, decimals: number): string {
  if (value === null) return '–'
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'not a number' : value > 0 ? '∞' : '−∞'
  const text = Math.abs(value).toFixed(decimals)
  return value < 0 && Number(text) !== 0 ? `−${text}` : text
}

/** `6.31 ± 0.12` in one line (no-break spaces), the error one standard error; `6.31` alone where one sampling seed gives none. */
export function withError({ mean, standardError }: MeanAndStandardError, decimals: number): string {
  return standardError === null
    ? fixed(mean, decimals)
    : `${fixed(mean, decimals)}\u00a0±\u00a0${fixed(standardError, decimals)}`
}

/** The same to two digits of its standard error, for quantities whose sizes differ by orders: `−0.087 ± 0.011`, `665 000 ± 37 000`. */
export function toItsError(estimate: Pick<MeanAndStandardError, 'mean' | 'standardError'>): string {
  const { mean, standardError } = estimate
  const certain = standardError === null || !(standardError > 0) || !Number.isFinite(standardError)
  if (!certain && standardError >= 100) return wholeToItsError(mean, standardError)
  const decimals = certain ? decimalsFor([mean]) : Math.min(9, Math.max(0, 1 - Math.floor(Math.log10(standardError))))
  return withError({ ...estimate, count: 1 }, decimals)
}

function wholeToItsError(mean: number, standardError: number): string {
  const unit = 10 ** (Math.floor(Math.log10(standardError)) - 1)
  const [value, error] = [mean, standardError].map((number) => count(Math.abs(Math.round(number / unit) * unit)))
  return `${mean < 0 ? '−' : ''}${value}\u00a0±\u00a0${error}`
}

/** A share in [0, 1] as `79.0 %`. */
export function percent(share: number | null): string {
  return share === null ? '–' : `${fixed(100 * share, 1)}\u00a0%`
}

/** A parameter or level: four significant digits, plain notation from 1e-4 to 1e6. */
export function significant(value: number, digits = 4): string {
  if (value === 0) return '0'
  if (!Number.isFinite(value)) return fixed(value, 0)
  const size = Math.abs(value)
  const text = size >= 1e-4 && size < 1e6 ? plain(size, digits) : size.toExponential(digits - 1)
  return value < 0 ? `−${text}` : text
}

/** Significant digits in plain notation, never fewer than the whole part has. */
function plain(size: number, digits: number): string {
  const whole = Math.floor(Math.log10(size)) + 1
  return String(Number(size.toFixed(Math.max(0, Math.min(12, digits - whole)))))
}

/** A count, with thin spaces between thousands from 10 000 on: `1 234 567`. */
export function count(value: number): string {
  const digits = String(Math.round(value))
  return digits.length < 5 ? digits : digits.replace(/\B(?=(\d{3})+$)/g, '\u202f')
}
