/** The commands' jobs: what each takes, opens, does, costs and leaves. They run in Node. */
import '../runtime/node/index.ts'

export type { EntropyJson } from './entropy/report/entropyJson.ts'
export { entropyJson } from './entropy/report/entropyJson.ts'
export { renderEntropyReport } from './entropy/report/entropyReport.ts'
export type { EntropyJobResult } from './entropy/run.ts'
export { runEntropyJob } from './entropy/run.ts'
export type { EntropyConfig } from './entropy/settings.ts'
export { ENTROPY_GROUPS, entropySchema, resolveEntropyConfig } from './entropy/settings.ts'
export type { EvaluationReport } from './evaluate/run.ts'
export { evaluateConfigOf, evaluateModel } from './evaluate/run.ts'
export type { EvaluateConfig, SampleConfig } from './modelConfigs.ts'
export {
  EVALUATE_GROUPS,
  evaluateSchema,
  resolveEvaluateConfig,
  resolveSampleConfig,
  SAMPLE_GROUPS,
  sampleSchema,
} from './modelConfigs.ts'
export { requireAllowedCode } from './opening/namedCode.ts'
export type { JobPlan } from './plan.ts'
export { planEntropy, planEvaluate, planLine, planSample, planSchedule } from './plan.ts'
export { ENTROPY_PRESETS, PRESETS } from './presets.ts'
export type { EntropyContext, ReportContext } from './reporting/context.ts'
export { sampleLayers } from './sample/guidedSampling.ts'
export type { SampleReport } from './sample/run.ts'
export { sampleModel } from './sample/run.ts'
export type { ScheduleJson } from './schedule/report/scheduleJson.ts'
export { scheduleJson } from './schedule/report/scheduleJson.ts'
export { renderScheduleReport } from './schedule/report/scheduleReport.ts'
export type { ScheduleJobResult } from './schedule/run.ts'
export { runScheduleJob } from './schedule/run.ts'
export type { ScheduleConfig } from './schedule/settings.ts'
export { resolveScheduleConfig, SETTING_GROUPS, scheduleSchema } from './schedule/settings.ts'
