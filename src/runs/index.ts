export type { Checkpoint, NewestCheckpoint, SavedCheckpoint } from './checkpoint.ts'
export { checkpointSteps, loadCheckpoint, newestCheckpoint, saveCheckpoint } from './checkpoint.ts'
export type { Settings, SettingsChange, SettingsLayer } from './config.ts'
export {
  ENVIRONMENT_PREFIX,
  environmentLayer,
  parseSettings,
  readSettingsFile,
  requireSameSettings,
  resolveSettings,
  settingsChanges,
  settingsHash,
} from './config.ts'
export type { EventLog, EventValue, RunEvent, TimedEvent } from './events.ts'
export { openEvents, readEvents, truncateEvents, withoutTimes } from './events.ts'
export type { EvaluationReport } from './jobs/evaluateModel.ts'
export { evaluateModel } from './jobs/evaluateModel.ts'
export type { EvaluateConfig, SampleConfig } from './jobs/modelConfigs.ts'
export {
  EVALUATE_GROUPS,
  evaluateSchema,
  resolveEvaluateConfig,
  resolveSampleConfig,
  SAMPLE_GROUPS,
  sampleSchema,
} from './jobs/modelConfigs.ts'
export { PRESETS } from './jobs/presets.ts'
export type { SampleReport, WorkHooks } from './jobs/sampleModel.ts'
export { sampleModel } from './jobs/sampleModel.ts'
export type { ScheduleJobOptions, ScheduleJobResult } from './jobs/schedule.ts'
export { runScheduleJob } from './jobs/schedule.ts'
export type { ScheduleConfig, SettingGroup } from './jobs/scheduleConfig.ts'
export { resolveScheduleConfig, SETTING_GROUPS, scheduleSchema } from './jobs/scheduleConfig.ts'
export type { Json } from './json.ts'
export type { Lock, LockHolder } from './lock.ts'
export { acquireLock } from './lock.ts'
export { nearestOf } from './nearest.ts'
export type { Progress } from './progress.ts'
export { advanceProgress, durationText, rateOf, secondsLeft, startProgress } from './progress.ts'
export type { ReportContext } from './report/context.ts'
export type { ScheduleJson } from './report/scheduleJson.ts'
export { scheduleJson } from './report/scheduleJson.ts'
export { renderScheduleReport } from './report/scheduleReport.ts'
export { terminalSummary } from './report/terminal.ts'
export type { Manifest, OpenRunOptions, Run, RunStatus } from './runFolder.ts'
export { freshFolder, openRun, readManifest, readRunConfig } from './runFolder.ts'
export { encodeTensorBoard, eventRecord, scalarsOf } from './tensorboard.ts'
