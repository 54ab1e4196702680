/** Bilevel problems with explicit state, the penalty method and its gradient estimators; nothing here knows of diffusion. */
export type { AdamSettings, AdamState } from './adam.ts'
export { ADAM_DEFAULTS, adamInit, adamStep } from './adam.ts'
export type { ProblemCost, TuningCost } from './cost.ts'
export { expectedCost, iterationCost, problemCost, triedCost, tuningCost } from './cost.ts'
export type { DriveHooks } from './drive.ts'
export { drive } from './drive.ts'
export { backpropagation } from './estimators/backpropagation.ts'
export { ESTIMATOR_NAMES, estimatorByName } from './estimators/byName.ts'
export { coordinate } from './estimators/coordinate.ts'
export type {
  Estimate,
  EstimateCost,
  EstimatorCall,
  EstimatorName,
  EstimatorPlace,
  EstimatorState,
  GradientEstimator,
  PerturbationSettings,
} from './estimators/estimator.ts'
export { ESTIMATOR_START } from './estimators/estimator.ts'
export type { MeasureOptions } from './estimators/measure.ts'
export { inScaleUnits, measureEstimator } from './estimators/measure.ts'
export { onePoint } from './estimators/onePoint.ts'
export type { SignalToNoise } from './estimators/signalToNoise.ts'
export { signalToNoise } from './estimators/signalToNoise.ts'
export { twoPoint } from './estimators/twoPoint.ts'
export type { Hooks, TuningProgress } from './hooks.ts'
export type { HypergradientEstimate, SolveReport } from './hypergradient/estimate.ts'
export type { Curvature, HypergradientName, LinearSettings } from './hypergradient/settings.ts'
export { HYPERGRADIENTS, horizonAt, LINEAR_DEFAULTS } from './hypergradient/settings.ts'
export type { LowerSolutions } from './lowerSolutions.ts'
export { descend, solveLower } from './lowerSolutions.ts'
export { byParameter } from './named.ts'
export type { OffsetReport } from './offset.ts'
export type { PenaltyReport, TuningEvent } from './penalty.ts'
export { penaltyStep, tune } from './penalty.ts'
export { penaltyGradient } from './penaltyGradient.ts'
export type {
  BilevelProblem,
  Blocks,
  FrozenLower,
  LowerObjective,
  LowerProblem,
  SolvedLower,
  TrainedLower,
  Upper,
  UpperBlock,
  UpperCost,
  UpperDerivatives,
  UpperGradient,
  UpperObjective,
  Vector,
  Wanted,
  WeightAccess,
} from './problem.ts'
export { blockNames } from './problem.ts'
export type { Order } from './projection.ts'
export { boxWithOrder, clipToBox } from './projection.ts'
export type { PenaltySettings } from './settings.ts'
export { gammaAt, PENALTY_DEFAULTS } from './settings.ts'
export type { EstimatorStates, PenaltyState } from './state.ts'
export { penaltyInit } from './state.ts'
export type { TrainedState } from './twins.ts'
