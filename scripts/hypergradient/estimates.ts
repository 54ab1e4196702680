/** One hypergradient of each kind at a place, with what it took. */
import type { PenaltySettings, SolveReport, UpperGradient } from '../../src/bilevel/index.ts'
import { byParameter, LINEAR_DEFAULTS, penaltyGradient, penaltyStep, solveLower } from '../../src/bilevel/index.ts'
import type { TiedBlock } from '../../src/tuners/schedule/problem.ts'
import type { Place, Problem, State } from './place.ts'

type ByParameter = Readonly<Record<string, number>>

/** dF/dq and its parts by parameter, with standard errors. */
export interface EstimateOf {
  readonly horizon: number
  readonly gradient: ByParameter
  readonly error: ByParameter | null
  readonly direct: ByParameter
  readonly indirect: ByParameter
  readonly indirectError: ByParameter | null
  readonly solve: SolveReport | null
  /** In training steps, without those that the network makes anyway. */
  readonly cost: number
  readonly seconds: number
}

/** Draws and images that no branch and no training saw. */
const ESTIMATE_DRAWS = 10_000_000
const ESTIMATE_SAMPLES = 1000
/** Steps of the twins between two looks at z: of which the horizons are multiples. */
const TWIN_STEPS = 15

const startOf = ({ state }: Place): State => ({
  ...state,
  draws: state.draws + ESTIMATE_DRAWS,
  samples: ESTIMATE_SAMPLES,
  evaluations: 0,
})

const named = (
  { blocks }: Problem,
  gradient: UpperGradient<TiedBlock> | Record<TiedBlock, Float64Array> | null,
  factor = 1,
): ByParameter => {
  const { schedule } = gradient ?? {}
  return schedule ? byParameter(blocks, { schedule: schedule.map((value) => factor * value) }) : {}
}

export async function linearEstimate(
  place: Place,
  name: 'implicit' | 'unrolled' | 'implicit-hessian' | 'unrolled-hessian',
  horizon: number,
): Promise<EstimateOf> {
  const began = Date.now()
  const { estimates: problem, stepCost } = place
  const settings: PenaltySettings = {
    ...place.settings,
    hypergradient: name.startsWith('implicit') ? 'implicit' : 'unrolled',
    linear: { ...LINEAR_DEFAULTS, horizon, curvature: name.endsWith('-hessian') ? 'hessian' : 'gauss-newton' },
    adam: { ...place.settings.adam, rate: 0 },
    lowerSteps: 0,
    twinSteps: 0,
  }
  const { report } = await penaltyStep(problem, settings, startOf(place))
  return {
    horizon,
    gradient: named(problem, report.gradient),
    error: named(problem, report.standardError),
    direct: named(problem, report.direct),
    indirect: named(problem, report.indirect),
    indirectError: named(problem, report.indirectError),
    solve: report.solve,
    cost: report.evaluations / stepCost,
    seconds: (Date.now() - began) / 1000,
  }
}

/** By the twins, which start side by side: z after as many pulled steps as the horizon has. In units of dF/dq, as the others. */
export async function* penaltyEstimates(place: Place, horizons: readonly number[]): AsyncGenerator<EstimateOf> {
  const { estimates: problem, stepCost } = place
  const settings: PenaltySettings = {
    ...place.settings,
    hypergradient: 'penalty',
    z: true,
    lowerSteps: 0,
    twinSteps: TWIN_STEPS,
    reportOffset: false,
  }
  let state = startOf(place)
  let began = Date.now()
  for (let done = TWIN_STEPS; done <= horizons[horizons.length - 1]; done += TWIN_STEPS) {
    const solved = await solveLower(problem, settings, state)
    state = { ...solved.state, iteration: state.iteration + 1 }
    if (!horizons.includes(done)) continue
    const found = await penaltyGradient(problem, settings, solved)
    const gamma = solved.gamma ?? 1
    yield {
      horizon: done,
      gradient: named(problem, found.gradient, gamma),
      error: found.standardError && named(problem, found.standardError, gamma),
      direct: named(problem, found.direct, gamma),
      indirect: named(problem, found.indirect, gamma),
      indirectError: found.indirectError && named(problem, found.indirectError, gamma),
      solve: null,
      cost: found.state.evaluations / stepCost - done,
      seconds: (Date.now() - began) / 1000,
    }
    began = Date.now()
  }
}
