/** What an iteration of tuning is noted as. */
import type { BilevelProblem, PenaltyReport } from '../../../bilevel/index.ts'
import { byParameter } from '../../../bilevel/index.ts'
import type { Objective } from '../objectives/objective.ts'
import type { TuningRecord } from '../result.ts'

/** Of the one that the objective was last asked in. */
export function recordOf<B extends string>(
  blocks: BilevelProblem<B, never, never>['blocks'],
  objective: Objective,
  report: PenaltyReport<B>,
): TuningRecord {
  return {
    iteration: report.iteration,
    value: report.value,
    standardError: report.value === null ? null : objective.lastStandardError,
    parameters: byParameter(blocks, report.upper),
    gradient: byParameter(blocks, report.gradient),
    ...(report.standardError && {
      gradientErrors: byParameter(blocks, report.standardError),
      unresolved: unmoved(byParameter(blocks, report.resolved)),
    }),
    ...(report.solve && { solve: report.solve }),
    ...(objective.lastDropped > 0 && { droppedDirections: objective.lastDropped }),
    loss: report.loss,
    ...(report.offset && report.gamma !== null && { gamma: report.gamma }),
    offsetConverged: report.offset?.converged ?? null,
  }
}

const unmoved = (resolved: Readonly<Record<string, boolean>>): string[] =>
  Object.keys(resolved).filter((name) => !resolved[name])
