/** Runs on disk and the jobs behind the commands: settings, events, checkpoints, reports. */
export type { Settings, SettingsLayer } from './config.ts'
export { environmentLayer, readSettingsFile } from './config.ts'
export { readEvents, withoutTimes } from './events.ts'
export type { EntropyJobResult } from './jobs/entropy.ts'
export { runEntropyJob } from './jobs/entropy.ts'
export type { EntropyConfig } from './jobs/entropyConfig.ts'
export { ENTROPY_GROUPS, entropySchema, resolveEntropyConfig } from './jobs/entropyConfig.ts'
export type { EvaluationReport } from './jobs/evaluateModel.ts'
export { evaluateConfigOf, evaluateModel } from './jobs/evaluateModel.ts'
export { sampleLayers } from './jobs/guidedSampling.ts'
export type { EvaluateConfig, SampleConfig } from './jobs/modelConfigs.ts'
export {
  EVALUATE_GROUPS,
  evaluateSchema,
  resolveEvaluateConfig,
  resolveSampleConfig,
  SAMPLE_GROUPS,
  sampleSchema,
} from './jobs/modelConfigs.ts'
export { requireAllowedCode } from './jobs/namedCode.ts'
export type { JobPlan } from './jobs/plan.ts'
export { planEntropy, planEvaluate, planLine, planSample, planSchedule } from './jobs/plan.ts'
export { ENTROPY_PRESETS, PRESETS } from './jobs/presets.ts'
export type { SampleReport } from './jobs/sampleModel.ts'
export { sampleModel } from './jobs/sampleModel.ts'
export type { ScheduleJobResult } from './jobs/schedule.ts'
export { runScheduleJob } from './jobs/schedule.ts'
export type { ScheduleConfig } from './jobs/scheduleConfig.ts'
export { resolveScheduleConfig, SETTING_GROUPS, scheduleSchema } from './jobs/scheduleConfig.ts'
export { isRecord } from './json.ts'
export { isRun, readManifest } from './manifest.ts'
export type { Progress } from './progress.ts'
export { advanceProgress, durationText, rateOf, secondsLeft, startProgress } from './progress.ts'
export type { Caller } from './report/commands.ts'
export { commandLine, pathArgument, shellWord } from './report/commands.ts'
export type { EntropyContext, ReportContext } from './report/context.ts'
export type { EntropyJson } from './report/entropyJson.ts'
export { entropyJson } from './report/entropyJson.ts'
export { renderEntropyReport } from './report/entropyReport.ts'
export type { ScheduleJson } from './report/scheduleJson.ts'
export { scheduleJson } from './report/scheduleJson.ts'
export { renderScheduleReport } from './report/scheduleReport.ts'
export { freshFolder, readRunConfig } from './runFolder.ts'
