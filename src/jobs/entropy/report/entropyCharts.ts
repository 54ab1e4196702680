/**
 * The report's charts of an entropy strength: judge, chased reward, KL and diversity against lambda, and the gradients that were measured
 * on the way. All share the axis of lambda, logarithmic, and mark the chosen lambda with its interval; what cannot be believed is grey.
 */

import type { MeanAndStandardError } from '../../../metrics/index.ts'
import { drawChart, Plot } from '../../../report/charts/index.ts'
import type { SeriesStyle } from '../../../report/index.ts'
import { significant } from '../../../report/index.ts'
import type { CurvePoint, EntropyIteration, EntropyResult } from '../../../tuners/index.ts'
import { studentReach } from '../../../tuners/index.ts'
import { believedAt, ownCurve } from './entropyVerdict.ts'

/** SVG text of every chart; null where there is nothing to draw. */
export interface EntropyCharts {
  readonly upper: string
  readonly lower: string
  readonly kl: string
  readonly diversity: string | null
  readonly gradients: string | null
  /** Points beyond the axes of the first four: those that cannot be believed, and those of a KL that is not above 0. */
  readonly leftOut: LeftOut
}

export interface LeftOut {
  readonly untrusted: number
  readonly trusted: number
}

export const CURVE_STYLES: Readonly<Record<CurvePoint['target'], SeriesStyle>> = {
  guided: { colour: 'var(--role-learned)', symbol: 'circle', dash: null },
  tilt: { colour: 'var(--role-best)', symbol: 'triangle', dash: '5 3' },
}

export const PHASE_STYLES: Readonly<Record<EntropyIteration['phase'], SeriesStyle>> = {
  explore: { colour: 'var(--role-default)', symbol: 'square', dash: null },
  refine: { colour: 'var(--role-best)', symbol: 'triangle', dash: null },
  confirm: { colour: 'var(--role-learned)', symbol: 'circle', dash: null },
}

export const CHOSEN_STYLE: SeriesStyle = { colour: 'var(--role-many)', symbol: 'diamond', dash: null }
/** Of either curve, in the place of its own colour and dash. */
export const UNTRUSTED_STYLE: Pick<SeriesStyle, 'colour' | 'dash'> = { colour: 'var(--axis)', dash: '2 3' }

const FRAME = { width: 460, height: 300, marginTop: 30, marginLeft: 52, marginBottom: 42, marginRight: 16 }
/** Bands and bars hold 95 %: Student's, as some errors are of four repetitions. */
const BAND_MISSES = 0.05
/** Where it is not known how many went in. */
const NORMAL_REACH = 1.96
/** An axis of KL is logarithmic where values differ by more than this factor. */
const LOGARITHMIC_FROM = 8
/** What cannot be believed may stretch an axis by this share of what can. */
const ROOM_FOR_UNTRUSTED = 0.35

export function drawEntropyCharts(result: EntropyResult): EntropyCharts {
  const { upper, lower, diversity, kl, curve, iterations } = result
  const klHere: MeanAndStandardError = { mean: kl.value, standardError: kl.standardError, count: upper.tuned.count }
  const charts = {
    upper: drawCurve(result, { name: 'judge', axis: 'E r1, judge', of: (point) => point.upper, ...places(upper) }),
    lower: drawCurve(result, {
      name: 'chased reward',
      axis: 'E r2, reward',
      of: (point) => point.lower,
      ...places(lower),
    }),
    kl: drawCurve(result, {
      name: 'KL',
      axis: 'KL, nats',
      of: (point) => point.kl,
      base: null,
      tuned: klHere,
    }),
    diversity:
      diversity && curve.some((point) => point.diversity !== null)
        ? drawCurve(result, {
            name: 'diversity',
            axis: 'diversity',
            of: (point) => point.diversity,
            ...places(diversity),
          })
        : null,
  }
  return {
    upper: charts.upper.svg,
    lower: charts.lower.svg,
    kl: charts.kl.svg,
    diversity: charts.diversity?.svg ?? null,
    gradients: iterations.length > 0 ? drawGradients(result) : null,
    leftOut: countLeftOut(Object.values(charts).flatMap((chart) => chart?.leftOut ?? [])),
  }
}

interface Quantity {
  readonly name: string
  readonly axis: string
  readonly of: (point: CurvePoint) => MeanAndStandardError | null
  /** Of the base model, a line across. */
  readonly base: MeanAndStandardError | null
  readonly tuned: MeanAndStandardError
}

const places = ({ base, tuned }: EntropyResult['upper']) => ({ base, tuned })

interface Spot {
  readonly x: number
  readonly y: number
  readonly low: number
  readonly high: number
  readonly trusted: boolean
  readonly drawn: boolean
  readonly target: CurvePoint['target']
}

function countLeftOut(spots: readonly Spot[]): LeftOut {
  const trusted = spots.filter((spot) => spot.trusted).length
  return { trusted, untrusted: spots.length - trusted }
}

function halfBand({ standardError, count }: MeanAndStandardError): number {
  return (standardError ?? 0) * (count > 2 ? studentReach(BAND_MISSES, count - 1) : NORMAL_REACH)
}

function spotOf(x: number, estimate: MeanAndStandardError, facts: Omit<Spot, 'x' | 'y' | 'low' | 'high'>): Spot {
  const { mean } = estimate
  const half = halfBand(estimate)
  return { x, y: mean, low: mean - half, high: mean + half, ...facts }
}

function drawCurve(result: EntropyResult, quantity: Quantity): { svg: string; leftOut: readonly Spot[] } {
  const { curve, lambdaRange, entropyStrength } = result
  const all = curve.flatMap((point): Spot[] => {
    const { lambda, trusted, drawn, target } = point
    const value = quantity.of(point)
    return value !== null && Number.isFinite(value.mean) ? [spotOf(lambda, value, { trusted, drawn, target })] : []
  })
  const facts = { drawn: true, target: ownCurve(result.target) }
  const tuned = spotOf(entropyStrength.value, quantity.tuned, {
    ...facts,
    trusted: believedAt(result, entropyStrength.value),
  })
  const base = quantity.base ? [spotOf(1, quantity.base, { ...facts, trusted: true })] : []
  const axis = axisOf([...all, tuned, ...base], quantity.name === 'KL')
  const spots = all.filter(({ y }) => inDomain(y, axis.domain)).map((spot) => within(spot, axis.domain))
  const svg = drawChart({
    description: `${quantity.name} against lambda, with the chosen lambda and its interval`,
    ...FRAME,
    x: lambdaAxis(lambdaRange),
    y: { label: `↑ ${quantity.axis}`, labelArrow: 'none', grid: true, ...axis },
    marks: [
      Plot.rect(trustedStretches(result), { x1: 'x1', x2: 'x2', fill: 'var(--role-learned)', fillOpacity: 0.06 }),
      ...chosenMarks(result),
      Plot.ruleY(quantity.base && inDomain(quantity.base.mean, axis.domain) ? [quantity.base.mean] : [], {
        stroke: 'var(--axis)',
        strokeWidth: 1.25,
        strokeDasharray: '1 3',
      }),
      ...(['tilt', 'guided'] as const).flatMap((target) => series(spots.filter((spot) => spot.target === target))),
      Plot.dot(inDomain(tuned.y, axis.domain) ? [tuned] : [], {
        x: 'x',
        y: 'y',
        fill: CHOSEN_STYLE.colour,
        symbol: 'diamond',
        r: 5.5,
      }),
    ],
  })
  return { svg, leftOut: all.filter(({ y }) => !inDomain(y, axis.domain)) }
}

const inDomain = (value: number, [low, high]: readonly [number, number]): boolean => value >= low && value <= high

function within(spot: Spot, [low, high]: readonly [number, number]): Spot {
  return { ...spot, low: Math.max(spot.low, low), high: Math.min(spot.high, high) }
}

/** The axis of what can be believed, with some room for what cannot. */
function axisOf(spots: readonly Spot[], mayBeLogarithmic: boolean): Plot.ScaleOptions & { domain: [number, number] } {
  const sizes = spots.filter(({ trusted, low }) => trusted && low > 0).map(({ y }) => y)
  const tickFormat = (value: number) => significant(value, 3)
  if (mayBeLogarithmic && sizes.length > 1 && Math.max(...sizes) / Math.min(...sizes) > LOGARITHMIC_FROM) {
    const [low, high] = [Math.log10(Math.min(...sizes)), Math.log10(Math.max(...sizes))]
    const domain: [number, number] = [10 ** (low - 0.05 * (high - low)), 10 ** (high + 0.05 * (high - low))]
    const ticks = powersWithin(domain)
    const wide = ticks.every(isPowerOfTen) && (ticks[ticks.length - 1] >= 1e5 || ticks[0] < 1e-3)
    return { type: 'log', domain, ticks, tickFormat: wide ? powerText : tickFormat }
  }
  const believed = spots.filter((spot) => spot.trusted)
  const trusted = believed.length > 0 ? believed : spots
  const [low, high] = [Math.min(...trusted.map((spot) => spot.low)), Math.max(...trusted.map((spot) => spot.high))]
  const room = (high - low || Math.abs(high) || 1) * ROOM_FOR_UNTRUSTED
  const others = spots.flatMap(({ y }) => (y >= low - room && y <= high + room ? [y] : []))
  const [bottom, top] = [Math.min(low, ...others), Math.max(high, ...others)]
  const margin = 0.04 * (top - bottom) || 0.1
  return { domain: [bottom - margin, top + margin], ticks: 6, tickFormat }
}

/** Powers of ten in a range, or 1, 2, 5 times them where there are few. */
function powersWithin([low, high]: readonly [number, number]): number[] {
  const first = Math.floor(Math.log10(low))
  const powers = Array.from({ length: Math.ceil(Math.log10(high)) - first + 1 }, (_, i) => 10 ** (first + i))
  const inside = powers.filter((power) => power >= low && power <= high)
  if (inside.length >= 3) return inside
  return powers
    .flatMap((power) => [1, 2, 5].map((factor) => factor * power))
    .filter((tick) => tick >= low && tick <= high)
}

const isPowerOfTen = (value: number): boolean => Math.abs(value / 10 ** Math.round(Math.log10(value)) - 1) < 1e-9

/** A power of ten as such. */
function powerText(value: number): string {
  const exponent = Math.round(Math.log10(value))
  const digits = [...String(Math.abs(exponent))].map((digit) => '⁰¹²³⁴⁵⁶⁷⁸⁹'[Number(digit)])
  return `10${exponent < 0 ? '⁻' : ''}${digits.join('')}`
}

function lambdaAxis(range: readonly [number, number]): Plot.ScaleOptions {
  return {
    type: 'log',
    domain: [...range],
    ticks: powersWithin(range),
    tickFormat: (value: number) => String(Number(value.toPrecision(3))),
    label: 'λ, strong guidance on the left →',
    labelAnchor: 'center',
    labelArrow: 'none',
  }
}

/** Where the points of the result's own target can be believed: each speaks for half the way to its neighbours. */
function trustedStretches({ curve, target, lambdaRange: [low, high] }: EntropyResult): { x1: number; x2: number }[] {
  const points = curve.filter((point) => point.target === ownCurve(target)).toSorted((a, b) => a.lambda - b.lambda)
  const middle = (i: number) => Math.sqrt(points[i].lambda * points[i + 1].lambda)
  return points.flatMap(({ trusted }, i) =>
    trusted ? [{ x1: i === 0 ? low : middle(i - 1), x2: i === points.length - 1 ? high : middle(i) }] : [],
  )
}

/** The chosen lambda and its interval. */
function chosenMarks({ entropyStrength: { value, low, high } }: EntropyResult): Plot.Markish[] {
  const { colour } = CHOSEN_STYLE
  return [
    Plot.rect(low < high ? [{ low, high }] : [], { x1: 'low', x2: 'high', fill: colour, fillOpacity: 0.18 }),
    Plot.ruleX([value], { stroke: colour, strokeWidth: 1.75 }),
  ]
}

/** A curve: band, line and markers where it can be believed, grey elsewhere; hollow markers are weighted, not drawn. */
function series(unordered: readonly Spot[]): Plot.Markish[] {
  const spots = unordered.toSorted((a, b) => a.x - b.x)
  if (spots.length === 0) return []
  const { colour, symbol, dash } = CURVE_STYLES[spots[0].target]
  const grey = UNTRUSTED_STYLE.colour
  const segments = spots.slice(1).map((to, i) => ({ from: spots[i], to, certain: spots[i].trusted && to.trusted }))
  const link = (some: typeof segments, stroke: string, dashes: string | null) =>
    Plot.link(some, {
      x1: ({ from }) => from.x,
      y1: ({ from }) => from.y,
      x2: ({ to }) => to.x,
      y2: ({ to }) => to.y,
      stroke,
      strokeWidth: 2,
      ...(dashes && { strokeDasharray: dashes }),
    })
  const runs = runsOf(spots)
  const colourOf = ({ trusted }: Spot) => (trusted ? colour : grey)
  return [
    Plot.areaY(runs, { x: 'x', y1: 'low', y2: 'high', z: 'run', fill: colour, fillOpacity: 0.2 }),
    link(
      segments.filter(({ certain }) => !certain),
      grey,
      '2 3',
    ),
    link(
      segments.filter(({ certain }) => certain),
      colour,
      dash,
    ),
    Plot.ruleX(spots, { x: 'x', y1: 'low', y2: 'high', stroke: colourOf, strokeWidth: 1.25 }),
    Plot.dot(spots, {
      x: 'x',
      y: 'y',
      symbol,
      r: 3.5,
      fill: (spot: Spot) => (spot.drawn ? colourOf(spot) : 'var(--card)'),
      stroke: colourOf,
      strokeWidth: 1.5,
    }),
  ]
}

/** Trusted points, numbered by the stretch they are in. */
function runsOf(spots: readonly Spot[]): (Spot & { readonly run: number })[] {
  let run = 0
  return spots.flatMap((spot) => {
    if (spot.trusted) return [{ ...spot, run }]
    run++
    return []
  })
}

function drawGradients(result: EntropyResult): string {
  const bars = result.iterations.flatMap(({ lambda: x, phase, gradient, collapsed }) => {
    const y = gradient.mean
    const half = halfBand(gradient)
    return Number.isFinite(y) ? [{ x, y, low: y - half, high: y + half, phase, collapsed }] : []
  })
  const phases = Object.entries(PHASE_STYLES)
  return drawChart({
    description: 'gradient in log lambda against lambda, for each phase of the search',
    ...FRAME,
    x: lambdaAxis(result.lambdaRange),
    y: {
      label: '↑ dF/d log λ',
      labelArrow: 'none',
      grid: true,
      ticks: 6,
      nice: true,
      tickFormat: (value: number) => significant(value, 3),
    },
    marks: [
      ...chosenMarks(result),
      Plot.ruleY([0], { stroke: 'var(--axis)', strokeWidth: 1 }),
      ...phases.flatMap(([phase, { colour, symbol }]) => {
        const some = bars.filter((bar) => bar.phase === phase)
        return [false, true].flatMap((collapsed) => {
          const own = some.filter((bar) => bar.collapsed === collapsed)
          const stroke = collapsed ? UNTRUSTED_STYLE.colour : colour
          return [
            Plot.ruleX(own, { x: 'x', y1: 'low', y2: 'high', stroke, strokeWidth: 1.5 }),
            Plot.dot(own, { x: 'x', y: 'y', fill: stroke, symbol, r: 3.5 }),
          ]
        })
      }),
    ],
  })
}
