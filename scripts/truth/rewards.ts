/** Rewards of a coordinate with their derivatives, and what can be done to them. */
import type { Curve } from './lineLaw.ts'
import type { Coordinates } from './problem.ts'

/** r = a u. */
export const linear = (a = 1): Curve => ({ value: (u) => a * u, slope: () => a })

/** r = 0: a coordinate that is not chased. */
export const nothing: Curve = linear(0)

/** r = -a (u - b)^2. */
export const quadratic = (b: number, a = 1): Curve => ({
  value: (u) => -a * (u - b) ** 2,
  slope: (u) => -2 * a * (u - b),
})

/** r = tanh(a u). */
export const squashed = (a: number): Curve => ({
  value: (u) => Math.tanh(a * u),
  slope: (u) => a / Math.cosh(a * u) ** 2,
})

/** r = exp(-(u - b)^2/width). */
export const bump = (b: number, width = 0.5): Curve => {
  const value = (u: number) => Math.exp(-((u - b) ** 2) / width)
  return { value, slope: (u) => ((-2 * (u - b)) / width) * value(u) }
}

/** r = exp(a u). */
export const exponential = (a: number): Curve => ({
  value: (u) => Math.exp(a * u),
  slope: (u) => a * Math.exp(a * u),
})

/** times r + plus. */
export const scaled = ({ value, slope }: Curve, times: number, plus = 0): Curve => ({
  value: (u) => times * value(u) + plus,
  slope: (u) => times * slope(u),
})

/** r2 of one coordinate on a line. */
export const onLine = (data: Coordinates['data'][number], chased: Curve): Coordinates => ({
  kind: 'coordinates',
  data: [data],
  chased: [chased],
})
