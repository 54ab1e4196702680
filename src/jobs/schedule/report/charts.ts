/**
 * The report's charts: log-SNR of the schedules against step and told time, Fréchet distance against number of steps, and both the
 * distance and the parameters over the tuning iterations. Captions and legends are the page's.
 */

import { networkEvaluations } from '../../../diffusion/index.ts'
import { drawChart, logarithmicAxis, Plot } from '../../../report/charts/index.ts'
import { significant } from '../../../report/index.ts'
import type { ObjectiveName, ScheduleResult, StepsCurve, TuningRecord } from '../../../tuners/index.ts'
import { OBJECTIVE_WORDS, toldValue } from '../../../tuners/index.ts'
import { measureOf, measureTitle, toldMean } from './measure.ts'
import type { Role } from './roles.ts'
import { ROLE_STYLES, roleOfLabel, rowOf } from './roles.ts'

/** SVG text of every chart; null where there is nothing to draw. */
export interface Charts {
  readonly logSnrByStep: string
  readonly logSnrByTime: string
  readonly bySteps: string
  readonly byIteration: string | null
  readonly parameters: readonly { readonly name: string; readonly svg: string }[]
}

const FRAME = { width: 460, height: 300, marginTop: 30, marginLeft: 44, marginBottom: 42 }
const SMALL = { width: 230, height: 130 }
/** What all horizontal axes share. */
const ACROSS = { labelAnchor: 'center', labelArrow: 'none', tickFormat: (value: number) => String(value) } as const
/** An axis of distances is logarithmic where they differ by more than this factor. */
const LOGARITHMIC_FROM = 8

export function drawCharts(result: ScheduleResult): Charts {
  const first = result.history[0]
  return {
    logSnrByStep: drawLogSnr(result, 'step'),
    logSnrByTime: drawLogSnr(result, 'time'),
    bySteps: drawBySteps(result),
    byIteration: drawByIteration(result),
    parameters: first ? Object.keys(first.parameters).map((name) => ({ name, svg: drawParameter(result, name) })) : [],
  }
}

/** Default, best default and learned at every number of steps of a run, and what the model can do at most. */
export function drawAcross(all: readonly ScheduleResult[]): string {
  const [first] = all
  const { comparedBy } = first
  const lineOf = (name: 'default' | 'bestDefault' | 'learned') =>
    all
      .map((result) => {
        const { sampler, steps } = result[name]
        const { mean, standardError } = measureOf(result, result[name])
        return { x: networkEvaluations({ sampler }, steps), y: mean, standardError }
      })
      .toSorted((a, b) => a.x - b.x)
  const lines = [
    { role: 'default', points: lineOf('default') },
    { role: 'best', points: lineOf('bestDefault') },
    { role: 'learned', points: lineOf('learned') },
  ] as const
  const ceilings = first.ceiling ? [measureOf(first, first.ceiling).mean] : []
  const values = [...lines.flatMap(({ points }) => points.map(({ y }) => y)), ...ceilings]
  const logarithmic = isLogarithmic(values)
  const steps = [...new Set(lines.flatMap(({ points }) => points.map(({ x }) => x)))].sort((a, b) => a - b)
  return drawChart({
    description: `${measureTitle(first)} against network evaluations an image for default DDIM, the best default and the learned schedules`,
    ...FRAME,
    width: 620,
    marginRight: 24,
    x: { ...ACROSS, type: 'log', label: 'network evaluations an image →', ticks: apart(steps) },
    y: valueAxis(comparedBy, values, logarithmic),
    marks: [
      Plot.ruleY(ceilings, { stroke: ROLE_STYLES.many.colour, strokeWidth: 1.25, strokeDasharray: '8 3 2 3' }),
      ...lines.flatMap(({ points, role }) => [errorBars(points, role), ...series(points, role)]),
    ],
  })
}

interface Point {
  readonly x: number
  readonly y: number
}

/** A series in its role's colour, dash and marker. */
function series(points: readonly Point[], role: Role): Plot.Markish[] {
  const { colour, symbol, dash } = ROLE_STYLES[role]
  const strokeWidth = role === 'learned' ? 2.5 : 1.75
  return [
    Plot.line(points, { x: 'x', y: 'y', stroke: colour, strokeWidth, ...(dash && { strokeDasharray: dash }) }),
    Plot.dot(points, { x: 'x', y: 'y', fill: colour, symbol, r: role === 'learned' ? 4 : 3.5 }),
  ]
}

function drawLogSnr(result: ScheduleResult, against: 'step' | 'time'): string {
  const { timesteps } = result.schedule.sampling
  const steps = Math.max(...result.curves.map(({ logSnr }) => logSnr.length))
  const byStep = against === 'step'
  const curves = result.curves.map(({ label, logSnr, times }) => ({
    role: roleOfLabel(result, label),
    points: logSnr.map((y, i) => ({ x: byStep ? i + 1 : times[i], y })),
  }))
  return drawChart({
    description: `log signal-to-noise ratio of the default, best default, starting and learned schedule against ${
      byStep ? 'the sampling step' : 'the time that the network is told'
    }`,
    ...FRAME,
    x: byStep
      ? { ...ACROSS, label: 'sampling step, noisiest first →', ticks: stepTicks(steps) }
      : { ...ACROSS, label: `told time of ${timesteps} (noise on the left) →`, domain: [timesteps, 0], ticks: 6 },
    y: { label: '↑ log-SNR, ln(signal² / noise²)', labelArrow: 'none', ticks: 7, grid: true },
    marks: [
      Plot.ruleY([0], { stroke: 'var(--axis)', strokeWidth: 1 }),
      ...inOrder(curves).flatMap(({ points, role }) => series(points, role)),
    ],
  })
}

/** At most about ten whole numbers from 1 to `steps`, both ends among them where they fit. */
function stepTicks(steps: number): number[] {
  const every = Math.ceil(steps / 10)
  return Array.from({ length: steps }, (_, i) => i + 1).filter(
    (step) => every === 1 || step === 1 || step % every === 0,
  )
}

/** The learned one last, on top. */
function inOrder<T extends { readonly role: Role }>(items: readonly T[]): T[] {
  return items.toSorted((a, b) => Number(a.role === 'learned') - Number(b.role === 'learned'))
}

interface Measured extends Point {
  readonly standardError: number | null
}

/** One standard error of a distance up and down from each point that has one. */
function errorBars(points: readonly Measured[], role: Role): Plot.Markish {
  const bars = points.flatMap(({ x, y, standardError }) =>
    standardError === null
      ? []
      : [{ x, low: y < 0 ? y - standardError : Math.max(y - standardError, 0), high: y + standardError }],
  )
  return Plot.ruleX(bars, { x: 'x', y1: 'low', y2: 'high', stroke: ROLE_STYLES[role].colour, strokeWidth: 1.5 })
}

const measured = ({ points }: Pick<StepsCurve, 'points'>): Measured[] =>
  points.map(({ steps, value: { mean, standardError } }) => ({ x: steps, y: mean, standardError }))

function drawBySteps(result: ScheduleResult): string {
  const { comparedBy } = result
  const told = result.bySteps.map((curve) => ({
    ...curve,
    points: curve.points.map(({ steps, value }) => ({ steps, value: toldMean(comparedBy, value) })),
  }))
  const curves = told.map((curve) => ({ curve, role: roleOfLabel(result, curve.label) }))
  const single = (['best', 'start'] as const).map((role) => {
    const row = rowOf(result, role)
    const { label, sampler, steps } = row
    const value = measureOf(result, row)
    return { curve: { label, points: [{ steps: networkEvaluations({ sampler }, steps), value }] }, role }
  })
  const all = [...inOrder(curves), ...single]
  const values = all.flatMap(({ curve }) => curve.points.map(({ value }) => value.mean))
  const logarithmic = isLogarithmic(values)
  const steps = [...new Set(all.flatMap(({ curve }) => curve.points.map((point) => point.steps)))].sort((a, b) => a - b)
  return drawChart({
    description: `${comparedBy === 'fid' ? 'Fréchet distance' : measureTitle(result)} against the number of sampling steps for default DDIM, the best default, the start and the learned schedule`,
    ...FRAME,
    marginRight: 24,
    x: { ...ACROSS, type: 'log', label: acrossOf(result), ticks: apart(steps) },
    y: valueAxis(comparedBy, values, logarithmic),
    marks: [
      Plot.ruleY(realLine(result, values, logarithmic), {
        stroke: 'var(--axis)',
        strokeWidth: 1.25,
        strokeDasharray: '1 3',
      }),
      ...all.flatMap(({ curve, role }) => [errorBars(measured(curve), role), ...series(measured(curve), role)]),
    ],
  })
}

/** FID of real images, where the axis reaches it. */
function realLine({ real, comparedBy }: ScheduleResult, values: readonly number[], logarithmic: boolean): number[] {
  if (!real || comparedBy !== 'fid' || !(real.fid > 0)) return []
  return !logarithmic || real.fid > Math.min(...values) / 4 ? [real.fid] : []
}

/** What the numbers of steps are, where a step may take more than one evaluation. */
const acrossOf = ({ sampler, samplingSteps: n }: ScheduleResult): string =>
  networkEvaluations({ sampler }, n) === n ? 'sampling steps →' : 'network evaluations an image →'

/** Step counts whose labels have room on a logarithmic axis. */
function apart(steps: readonly number[]): number[] {
  const ratio = (steps[steps.length - 1] / steps[0]) ** 0.08
  let last = 0
  return steps.filter((step) => {
    const fits = step >= last * ratio
    if (fits) last = step
    return fits
  })
}

const isLogarithmic = (values: readonly number[]): boolean =>
  Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) > LOGARITHMIC_FROM

/** From 0, or logarithmic with labels at 1, 2 and 5 times the powers of ten. */
function valueAxis(objective: ObjectiveName, values: readonly number[], logarithmic: boolean): Plot.ScaleOptions {
  const common = {
    label: `↑ ${OBJECTIVE_WORDS[objective].label}${logarithmic ? ', logarithmic' : ''}`,
    labelArrow: 'none' as const,
    grid: true,
  }
  const [low, high] = [Math.min(...values, 0), Math.max(...values, 0)]
  if (!logarithmic) return { ...common, ticks: 6, nice: true, domain: [1.05 * low, 1.05 * high] }
  return { ...common, ...logarithmicAxis(Math.min(...values), high) }
}

function drawByIteration({ history, objective }: ScheduleResult): string | null {
  const points = history.flatMap(({ iteration: x, value, standardError }) =>
    value === null ? [] : [{ x, y: toldValue(objective, value), standardError }],
  )
  if (points.length === 0) return null
  const values = points.map(({ y }) => y)
  return drawChart({
    description:
      objective === 'fid'
        ? 'Fréchet distance on the tuning split over the tuning iterations'
        : `${OBJECTIVE_WORDS[objective].label} over the tuning iterations`,
    ...FRAME,
    x: iterationAxis(history, 'tuning iteration →'),
    y: valueAxis(objective, values, isLogarithmic(values)),
    marks: [errorBars(points, 'learned'), ...series(points, 'learned')],
  })
}

function iterationAxis(history: readonly TuningRecord[], label: string | null): Plot.ScaleOptions {
  const [first, last] = [history[0].iteration, history[history.length - 1].iteration]
  const every = Math.ceil((last - first + 1) / (label === null ? 4 : 10))
  const ticks = history.map(({ iteration }) => iteration).filter((iteration) => (iteration - first) % every === 0)
  return {
    ...ACROSS,
    label,
    ticks,
    domain: first === last ? [first - 1, last + 1] : [first, last],
  }
}

/** One parameter before each step, and a dashed line where it ended. */
function drawParameter({ history, schedule }: ScheduleResult, name: string): string {
  const points = history.map(({ iteration, parameters }) => ({ x: iteration, y: parameters[name] }))
  const end = Object.hasOwn(schedule.parameters, name) ? [schedule.parameters[name]] : []
  const [low, high] = range([...points.map(({ y }) => y), ...end])
  return drawChart({
    ...SMALL,
    description: `parameter ${name} over the tuning iterations`,
    marginLeft: 46,
    marginTop: 10,
    marginBottom: 22,
    marginRight: 12,
    x: iterationAxis(history, null),
    y: {
      label: null,
      ticks: 3,
      grid: true,
      domain: [low, high],
      nice: true,
      tickFormat: (value: number) => significant(value),
    },
    marks: [
      Plot.ruleY(end, { stroke: 'var(--axis)', strokeDasharray: '4 3' }),
      Plot.line(points, { x: 'x', y: 'y', stroke: ROLE_STYLES.learned.colour, strokeWidth: 2 }),
      Plot.dot(points, { x: 'x', y: 'y', fill: ROLE_STYLES.learned.colour, r: 2 }),
    ],
  })
}

/** Range of values with some room; around a value that never changes, a tenth of it (around 0: a hundredth). */
function range(values: readonly number[]): readonly [number, number] {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const room = high > low ? 0.05 * (high - low) : 0.1 * Math.abs(high) || 0.01
  return [low - room, high + room]
}
