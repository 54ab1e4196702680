export { evaluationsEach, guidanceScaleSetting, guides } from './classGuidance.ts'
export type { Budget, Spent } from './compare/budget.ts'
export { budgetOf, budgetText } from './compare/budget.ts'
export type {
  CompareCheckpoint,
  ComparedProblem,
  CompareEvent,
  CompareHooks,
  Entry,
  Figures,
  PathPoint,
  Standings,
} from './compare/contest.ts'
export { checkBudget, contest, contestantsNamed, standings } from './compare/contest.ts'
export type { ComparedTrial, Contestant, Turn } from './compare/contestant.ts'
export type { Searched } from './compare/searching.ts'
export { searching } from './compare/searching.ts'
export { defaultsOf, setting, withDefault } from './declared.ts'
export type { Draw, EntropyCheckpoint, EntropyPhase } from './entropy/checkpoint.ts'
export { ENTROPY_PHASES } from './entropy/checkpoint.ts'
export type { StrengthComparison, StrengthComparisonOptions } from './entropy/compare/problem.ts'
export { openStrengthComparison } from './entropy/compare/problem.ts'
export type { ComparedStrength } from './entropy/compare/strength.ts'
export type { EntropyCost } from './entropy/cost.ts'
export { entropyCost } from './entropy/cost.ts'
export type { EntropyEvent, EntropyProgress } from './entropy/events.ts'
export type { EntropyOptions } from './entropy/job.ts'
export { inLatents, rewardOfLatents } from './entropy/latents.ts'
export { openEntropy } from './entropy/open.ts'
export type {
  AtThree,
  CurvePoint,
  EntropyGrid,
  EntropyIteration,
  EntropyResult,
  EntropyStrength,
} from './entropy/result.ts'
export { extendedRange } from './entropy/search/direction.ts'
export type { EntropyEstimator, EntropySettings, EntropyTarget } from './entropy/settings.ts'
export {
  checkEntropySettings,
  ENTROPY_DEFAULTS,
  ENTROPY_TARGETS,
  ESTIMATORS_OF,
  entropySettings,
  entropySettingsAmong,
  entropyShape,
  estimatingShape,
  lambdaShape,
} from './entropy/settings.ts'
export { weightsCollapsed } from './entropy/statistics/belief.ts'
export { studentReach } from './entropy/statistics/quantile.ts'
export { tuneEntropyStrength } from './entropy/tune.ts'
export { checkSubject } from './schedule/checkJob.ts'
export type { LearnCheckpoint, Phase, TuningState } from './schedule/checkpoint.ts'
export { LEARN_START, PHASES } from './schedule/checkpoint.ts'
export type { ComparedPlan, ScheduleComparison } from './schedule/compare/problem.ts'
export { openScheduleComparison } from './schedule/compare/problem.ts'
export type { SearchedSpaceName } from './schedule/compare/spaces.ts'
export { SEARCHED_SPACES } from './schedule/compare/spaces.ts'
export type { PlannedCost } from './schedule/cost.ts'
export type { LearnEvent, LearnProgress } from './schedule/events.ts'
export { checkLearning } from './schedule/job.ts'
export type { LearnedModel } from './schedule/learn.ts'
export { learnSchedule } from './schedule/learn.ts'
export type { ObjectiveName, TeacherSpace } from './schedule/objectives/names.ts'
export { OBJECTIVE_NAMES, OBJECTIVE_WORDS, toldText, toldValue } from './schedule/objectives/names.ts'
export { objectiveNeeds } from './schedule/objectives/open.ts'
export { objectiveShape } from './schedule/objectives/settings.ts'
export type { LearnOptions } from './schedule/options.ts'
export type { PlannedSubject } from './schedule/plan.ts'
export { asideCost, schedulePlan } from './schedule/plan.ts'
export { requireNoFewerIterations } from './schedule/reopen.ts'
export type {
  Decision,
  DefaultCandidate,
  Protocol,
  SampleGrid,
  ScheduleCurve,
  ScheduleResult,
  ScheduleRow,
  StartTrial,
  StepsCurve,
  TunedStart,
  TuningRecord,
} from './schedule/result.ts'
export type { MeasuredRow } from './schedule/rows.ts'
export type { StartPoint } from './schedule/search/startPool.ts'
export type {
  GivenSettings,
  LearnMode,
  LearnSettings,
  SamplingFamilyName,
  TrainingParameters,
} from './schedule/settings/index.ts'
export {
  checkLearnSettings,
  drawingShape,
  followingSettings,
  LEARN_DEFAULTS,
  learnedShape,
  learnSettings,
  learnSettingsAmong,
  ownTrainingShape,
  rowsShape,
  START_NAMES,
  samplerFor,
  stepNumbers,
  trainedOnShape,
  tuningShape,
} from './schedule/settings/index.ts'
export type { Subject } from './schedule/subject.ts'
export { denoises, picturedShape, trainedHere, trainingScheduleOf } from './schedule/subject.ts'
