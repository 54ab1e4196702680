/** Charts of a comparison: the best so far against what was spent, all methods in one, and what is traded off. */
import { drawChart, Plot } from '../../../report/charts/index.ts'
import type { SeriesStyle } from '../../../report/index.ts'
import { significant } from '../../../report/index.ts'
import type { CompareJson, FigureWords, TradedOff } from './compareJson.ts'

const COLOURS = ['default', 'best', 'start', 'many'].map((role) => `var(--role-${role})`)
const DASHES = ['6 3', '2 3', null, '8 3 2 3'] as const
const SYMBOLS = ['square', 'triangle', 'star', 'diamond'] as const

/** One colour, dash and marker for a method, by its place; bilevel's own is the one of what is learned elsewhere. */
export function styleOf(name: string, place: number): SeriesStyle {
  if (name === 'bilevel') return { colour: 'var(--role-learned)', symbol: 'circle', dash: null }
  const round = Math.floor(place / COLOURS.length)
  return {
    colour: COLOURS[place % COLOURS.length],
    symbol: SYMBOLS[(place + round) % SYMBOLS.length],
    dash: DASHES[(place + round) % DASHES.length],
  }
}

const FRAME = { width: 760, height: 380, marginTop: 30, marginLeft: 52, marginBottom: 42, marginRight: 16 }
/** An axis of distances is logarithmic where they differ by more than this factor. */
const LOGARITHMIC_FROM = 8

interface Step {
  readonly x: number
  readonly y: number
}

/** Mean over seeds of the best so far, from where every seed has something, to the end of what was spent. */
export function meanPath({ runs }: CompareJson['methods'][number]): Step[] {
  const paths = runs.filter(({ path }) => path.length > 0)
  if (paths.length === 0) return []
  const begins = Math.max(...paths.map(({ path }) => path[0].evaluations))
  const ends = Math.max(...paths.map(({ networkEvaluations }) => networkEvaluations))
  const places = [...paths.flatMap(({ path }) => path.map(({ evaluations }) => evaluations)), ends]
  const xs = [...new Set(places)].filter((x) => x >= begins).sort((a, b) => a - b)
  return xs.map((x) => {
    const values = paths.map(({ path }) => path.findLast(({ evaluations }) => evaluations <= x)?.value ?? Number.NaN)
    return { x, y: values.reduce((sum, value) => sum + value, 0) / values.length }
  })
}

/** Further behind the worst end than this share of what lies between the ends is drawn at the edge, so that the ends are told apart. */
const BEHIND = 0.5

/** Values no worse than what is shown: from the best to a little behind the worst end. */
export function shownWithin(
  values: readonly number[],
  ends: readonly number[],
  better: FigureWords['better'],
): (value: number) => number {
  const sign = better === 'higher' ? 1 : -1
  const [best, worst] = [Math.max(...values.map((value) => sign * value)), Math.min(...ends.map((end) => sign * end))]
  const edge = sign * (worst - BEHIND * (best - worst))
  return better === 'higher' ? (value) => Math.max(value, edge) : (value) => Math.min(value, edge)
}

export function drawPaths(
  json: CompareJson,
  { label, better }: FigureWords,
  styles: ReadonlyMap<string, SeriesStyle>,
): string {
  const paths = json.methods.map((method) => ({ style: styles.get(method.name)!, points: meanPath(method) }))
  const ends = paths.flatMap(({ points }) => points.slice(-1).map(({ y }) => y))
  const all = paths.flatMap(({ points }) => points.map(({ y }) => y))
  const shown = shownWithin(all, ends, better)
  const lines = paths.map(({ style, points }) => ({ style, points: points.map(({ x, y }) => ({ x, y: shown(y) })) }))
  const values = lines.flatMap(({ points }) => points.map(({ y }) => y))
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const logarithmic = low > 0 && high / low > LOGARITHMIC_FROM
  return drawChart({
    description: `${label} of the best so far against network evaluations, for every method`,
    ...FRAME,
    x: {
      type: 'log',
      label: 'network evaluations of an image →',
      labelAnchor: 'center',
      labelArrow: 'none',
      ticks: 6,
      tickFormat: (value: number) => significant(value, 2),
    },
    y: {
      label: `↑ ${label}`,
      labelArrow: 'none',
      grid: true,
      ...(logarithmic && { type: 'log' }),
      ticks: 6,
      tickFormat: (value: number) => significant(value, 3),
    },
    marks: lines.flatMap(({ points, style: { colour, symbol, dash } }) => [
      Plot.line(points, {
        x: 'x',
        y: 'y',
        curve: 'step-after',
        stroke: colour,
        strokeWidth: colour === 'var(--role-learned)' ? 2.5 : 1.5,
        ...(dash && { strokeDasharray: dash }),
      }),
      Plot.dot(points.slice(-1), { x: 'x', y: 'y', fill: colour, symbol, r: 4 }),
    ]),
  })
}

export function drawTradeOff(
  points: readonly TradedOff[],
  { front, methods }: CompareJson,
  [across, up]: readonly [FigureWords, FigureWords],
  styles: ReadonlyMap<string, SeriesStyle>,
): string {
  const ends = methods.map(({ name, figures }) => ({
    style: styles.get(name)!,
    x: figures[across.name].mean,
    y: figures[up.name].mean,
  }))
  return drawChart({
    description: `${up.label} against ${across.label}: every trial, what no other is better than in both, and what each method ended with`,
    ...FRAME,
    x: {
      label: `${across.label} →`,
      labelAnchor: 'center',
      labelArrow: 'none',
      ticks: 7,
      tickFormat: (value: number) => significant(value, 3),
    },
    y: {
      label: `↑ ${up.label}`,
      labelArrow: 'none',
      grid: true,
      ticks: 6,
      tickFormat: (value: number) => significant(value, 3),
    },
    marks: [
      Plot.line(front ?? [], { x: 'across', y: 'up', stroke: 'var(--axis)', strokeWidth: 1.5 }),
      ...points.map(({ method, ...point }) =>
        Plot.dot([point], { x: 'across', y: 'up', fill: styles.get(method)!.colour, r: 1.75, fillOpacity: 0.6 }),
      ),
      ...ends.map(({ style, x, y }) =>
        Plot.dot([{ x, y }], { x: 'x', y: 'y', fill: style.colour, symbol: style.symbol, r: 5 }),
      ),
    ],
  })
}
