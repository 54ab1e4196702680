export type { LearnCheckpoint, Phase, TuningState } from './schedule/checkpoint.ts'
export { LEARN_START, PHASES } from './schedule/checkpoint.ts'
export type { LearnEvent, LearnProgress } from './schedule/events.ts'
export type { LearnOptions } from './schedule/job.ts'
export type { LearnedModel } from './schedule/learn.ts'
export { learnSchedule } from './schedule/learn.ts'
export type {
  DefaultCandidate,
  Protocol,
  SampleGrid,
  ScheduleCurve,
  ScheduleResult,
  ScheduleRow,
  StepsCurve,
  TuningRecord,
} from './schedule/result.ts'
export type { MeasuredRow } from './schedule/rows.ts'
export type {
  GivenSettings,
  LearnMode,
  LearnSettings,
  SamplingFamilyName,
  TrainingParameters,
} from './schedule/settings.ts'
export { checkLearnSettings, followingSettings, LEARN_DEFAULTS, learnSettings } from './schedule/settings.ts'
export type { Subject } from './schedule/subject.ts'
