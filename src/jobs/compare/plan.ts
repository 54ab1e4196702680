/** What a comparison will cost at most: its budgets, and what is measured for the report. */
import type { DenoisingNetwork } from '../../nn/index.ts'
import type { Budget } from '../../tuners/index.ts'
import type { JobPlan, RateOf, Work } from '../planning/forecast.ts'
import { forecast, measuredPlan, PER_IMAGE } from '../planning/forecast.ts'

export interface PlannedComparison {
  readonly budget: Budget
  /** Methods times seeds. */
  readonly turns: number
  /** Network evaluations of measuring what one ended with. */
  readonly measured: number
  /** Of checking what was given. */
  readonly checking: number
  readonly chunk: number
  /** Null: a file. */
  readonly network: DenoisingNetwork | null
  readonly secondsPerEvaluation: number | null
  /** Whether every step takes a derivative. */
  readonly derivative: boolean
  readonly rateOf: RateOf
}

/** A budget of minutes as the evaluations that they are about enough for. */
export async function planOfComparison(planned: PlannedComparison): Promise<JobPlan> {
  const { budget, turns, measured, checking } = planned
  const aside = turns * measured + checking
  if (budget.kind === 'evaluations') return planOf(planned, turns * budget.most + aside)
  const some = await planOf(planned, UNIT)
  const pace = some.seconds / UNIT
  const seconds = turns * budget.most + aside * pace
  return { ...some, networkEvaluations: Math.round(seconds / pace), seconds }
}

const UNIT = 1e6

async function planOf(
  { checking, chunk, network, secondsPerEvaluation, derivative, rateOf }: PlannedComparison,
  networkEvaluations: number,
): Promise<JobPlan> {
  if (!network) return measuredPlan(networkEvaluations, checking, secondsPerEvaluation)
  const derived = derivative ? (networkEvaluations * PER_IMAGE.derivative) / (1 + PER_IMAGE.derivative) : 0
  const work: Work = [
    { kind: 'predict', evaluations: networkEvaluations - derived, batch: chunk },
    { kind: 'derivative', evaluations: derived, batch: chunk },
  ]
  const kept = { evaluations: derived / PER_IMAGE.derivative, atOnce: derivative ? chunk : 0 }
  return { networkEvaluations, checking, ...(await forecast(network, work, kept, rateOf)) }
}
