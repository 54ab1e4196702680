/** Curves over the iterations of a user's own problem, as SVG. */
import { drawChart, logarithmicAxis, Plot } from '../../report/charts/index.ts'
import { significant } from '../../report/index.ts'

export interface Point {
  readonly x: number
  readonly y: number
}

const COLOUR = 'var(--role-learned)'
/** An axis of values above 0 is logarithmic where they differ by more than this factor. */
const LOGARITHMIC_FROM = 20
/** Powers of ten up to which an axis has labels between them. */
const MOST_DECADES = 4
/** Points that get a marker of their own. */
const FEW = 60

/** A quantity over the iterations, in the report's own width; null where it has no value. */
export function drawQuantity(points: readonly Point[], label: string, description: string): string | null {
  const known = points.filter(({ y }) => Number.isFinite(y))
  if (known.length === 0) return null
  const [low, high] = [Math.min(...known.map(({ y }) => y)), Math.max(...known.map(({ y }) => y))]
  const logarithmic = low > 0 && high / low > LOGARITHMIC_FROM
  const axis = logarithmic ? decades(low, high) : { ticks: 6, nice: true, domain: [...around(low, high)] }
  return drawChart({
    description,
    width: 560,
    height: 320,
    marginTop: 30,
    marginLeft: 62,
    marginBottom: 42,
    x: { ...across(known), label: 'iteration →', labelAnchor: 'center', labelArrow: 'none' },
    y: { label: `↑ ${label}${logarithmic ? ', logarithmic' : ''}`, labelArrow: 'none', grid: true, ...axis },
    marks: curve(known, 3),
  })
}

/** A parameter before each step, and a dashed line where it ended. */
export function drawParameter(points: readonly Point[], end: number, description: string): string {
  const values = [...points.map(({ y }) => y), end]
  return drawChart({
    description,
    width: 230,
    height: 130,
    marginLeft: 52,
    marginTop: 10,
    marginBottom: 22,
    marginRight: 12,
    x: { ...across(points), label: null, ticks: 4 },
    y: {
      label: null,
      ticks: 3,
      grid: true,
      domain: [...around(Math.min(...values), Math.max(...values))],
      nice: true,
      tickFormat: (value: number) => significant(value),
    },
    marks: [Plot.ruleY([end], { stroke: 'var(--axis)', strokeDasharray: '4 3' }), ...curve(points, 2)],
  })
}

/** Logarithmic; over many powers of ten some of these are labelled, alone. */
function decades(low: number, high: number): Plot.ScaleOptions {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))]
  if (last - first <= MOST_DECADES) return logarithmicAxis(low, high)
  const every = Math.ceil((last - first) / MOST_DECADES / 1.5)
  const powers = Array.from({ length: Math.floor((last - first) / every) + 1 }, (_, i) => last - i * every)
  return {
    type: 'log',
    domain: [10 ** first, 10 ** last],
    ticks: powers.map((power) => Number(`1e${power}`)),
    tickFormat: (value: number) => significant(value, 1),
  }
}

function curve(points: readonly Point[], r: number): Plot.Markish[] {
  const line = Plot.line(points, { x: 'x', y: 'y', stroke: COLOUR, strokeWidth: 2 })
  return points.length > FEW ? [line] : [line, Plot.dot(points, { x: 'x', y: 'y', fill: COLOUR, r })]
}

/** Whole iterations, from the first to the last. */
function across(points: readonly Point[]): Plot.ScaleOptions {
  const [first, last] = [points[0].x, points[points.length - 1].x]
  return {
    domain: first === last ? [first - 1, last + 1] : [first, last],
    ticks: Math.min(10, Math.max(1, last - first)),
    tickFormat: (value: number) => (Number.isInteger(value) ? String(value) : ''),
  }
}

/** Some room around a range; around a value that never changes, a tenth of it (around 0: a hundredth). */
function around(low: number, high: number): readonly [number, number] {
  const room = high > low ? 0.05 * (high - low) : 0.1 * Math.abs(high) || 0.01
  return [low - room, high + room]
}
