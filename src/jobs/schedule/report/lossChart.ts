/** The loss of training against the training step: means of neighbouring steps, since a single step's says little. */

import { drawChart, logarithmicAxis, Plot } from '../../../report/charts/index.ts'
import type { Html } from '../../../report/index.ts'
import { figure, html, swatch } from '../../../report/index.ts'
import type { StepLoss } from '../../reporting/stepLoss.ts'
import { ROLE_STYLES } from './roles.ts'

/** Points of a phase; each is a mean over as many neighbouring steps. */
const MOST_POINTS = 100

const STYLES = { train: ROLE_STYLES.learned, continue: ROLE_STYLES.default } as const
const WORDS = { train: 'shared run', continue: 'default side, trained on' } as const
const PHASES = ['train', 'continue'] as const

interface Point {
  readonly x: number
  readonly y: number
}

/** Means over runs of neighbouring steps, each at the middle of its run. */
export function meansOf(losses: readonly StepLoss[]): Point[] {
  const size = Math.ceil(losses.length / MOST_POINTS)
  return Array.from({ length: size === 0 ? 0 : Math.ceil(losses.length / size) }, (_, i) => {
    const part = losses.slice(i * size, (i + 1) * size)
    const mean = (of: (loss: StepLoss) => number) => part.reduce((sum, one) => sum + of(one), 0) / part.length
    return { x: mean(({ step }) => step), y: mean(({ loss }) => loss) }
  })
}

/** The figure; null where nothing was trained. */
export function lossFigure(losses: readonly StepLoss[]): Html | null {
  if (losses.length === 0) return null
  const curves = PHASES.map((phase) => ({ phase, points: meansOf(losses.filter((loss) => loss.phase === phase)) }))
  const shown = curves.filter(({ points }) => points.length > 0)
  const values = shown.flatMap(({ points }) => points.map(({ y }) => y))
  const svg = drawChart({
    description: 'score-matching loss against the training step',
    width: 460,
    height: 300,
    marginTop: 30,
    marginLeft: 52,
    marginBottom: 42,
    x: { label: 'training step →', labelAnchor: 'center', labelArrow: 'none', ticks: 6 },
    y: {
      label: '↑ loss, logarithmic',
      labelArrow: 'none',
      grid: true,
      ...logarithmicAxis(Math.min(...values), Math.max(...values)),
    },
    marks: shown.map(({ phase, points }) =>
      Plot.line(points, { x: 'x', y: 'y', stroke: STYLES[phase].colour, strokeWidth: 1.75 }),
    ),
  })
  const size = Math.max(...shown.map(({ phase }) => Math.ceil(countOf(losses, phase) / MOST_POINTS)))
  const caption = html`Denoising score matching, the mean over the images of a batch${size > 1 && ` and up to ${size} steps a point`}. Only a
network's own loss can be compared along the curve: another training schedule weighs the noise levels otherwise.`
  const legend = shown.map(({ phase }) => html`${swatch(STYLES[phase])}${WORDS[phase]}`)
  return html`<div class="charts">${figure(svg, 'Training loss', caption, legend)}</div>`
}

const countOf = (losses: readonly StepLoss[], phase: StepLoss['phase']): number =>
  losses.filter((loss) => loss.phase === phase).length
