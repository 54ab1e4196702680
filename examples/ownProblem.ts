/**
 * A bilevel problem of one's own: choose q so that the solution theta(q) of the lower problem is good for the upper one,
 *
 *     min_q (theta - 1)^2   subject to   theta = argmin_theta (theta - q)^2 + theta^2,   whose solution is theta = q/2.
 *
 * The penalty method needs first derivatives only; q goes to 2. It is a run as those of the commands are: `report.html`, `result.json`, events,
 * TensorBoard, and checkpoints to go on from (`resume: true`).
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { bilevel } from 'bilevel-diffusion'
import { PROBLEM_DEFAULTS, runProblem } from 'bilevel-diffusion'

/** The lower solution. */
interface State {
  readonly theta: number
}

const problem: bilevel.BilevelProblem<'q', State, null> = {
  blocks: {
    q: {
      names: ['q'],
      initial: Float64Array.of(0),
      low: Float64Array.of(-5),
      high: Float64Array.of(5),
      scale: Float64Array.of(1),
    },
  },
  objective: {
    blocks: [],
    cost: { value: 0, gradient: 0, weightsGradient: 0 },
    value: async (_, { theta }) => (theta - 1) ** 2,
  },
  lower: {
    kind: 'solved',
    blocks: ['q'],
    draw: () => null,
    // The minimiser of g + pull f: both are quadratic.
    solve: async ({ q: [q = 0] }, pull) => ({ theta: (q + pull) / (2 + pull) }),
    gradientInUpper: async ({ theta }, { q: [q = 0] }) => ({ q: Float64Array.of(2 * (q - theta)) }),
    cost: { solve: 0, gradientInUpper: 0 },
  },
}

const iterations = 200
const settings = { iterations, gamma: 1e4, adam: { ...PROBLEM_DEFAULTS.adam, decayOver: iterations } }

const place = await mkdtemp(join(tmpdir(), 'own-problem-'))
const { upper } = await runProblem({ name: 'half of q is 1', problem, settings, folder: join(place, 'run') })
console.log(`q = ${upper.q[0]?.toFixed(3)}`)
await rm(place, { recursive: true })
