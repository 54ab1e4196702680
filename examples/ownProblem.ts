/**
 * A bilevel problem of one's own: choose q so that the solution theta(q) of the lower problem is good for the upper one,
 *
 *     min_q (theta - 1)^2   subject to   theta = argmin_theta (theta - q)^2 + theta^2,   whose solution is theta = q/2.
 *
 * The penalty method needs first derivatives only; q goes to 2.
 */
import { bilevel } from 'bilevel-diffusion'

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

const { tune, PENALTY_DEFAULTS, ADAM_DEFAULTS } = bilevel
const iterations = 200
const settings = { ...PENALTY_DEFAULTS, gamma: 1e4, adam: { ...ADAM_DEFAULTS, decayOver: iterations } }

let q = Number.NaN
for await (const { state } of tune(problem, settings, iterations)) q = state.upper.q[0] ?? q
console.log(`q = ${q.toFixed(3)}`)
