/** What diffusion reads from disk and writes there: model folders, schedules, schedulers in and out, guidance. */

export type { ClassLevels, ClassRequest } from './classPlanOf.ts'
export { readScheduler } from './diffusersScheduler.ts'
export { exportScheduler } from './export.ts'
export { ownClassFolder, SCHEDULE_FILES, scheduleFiles } from './exportedFiles.ts'
export type { ExportedScheduler, SchedulerConfig } from './exportedScheduler.ts'
export { flowMatchSigmas } from './exportFlow.ts'
export type { ExportedOwnClass } from './exportOwnClass.ts'
export { exportOwnClass, OWN_CLASS } from './exportOwnClass.ts'
export type { ExportedForms, ExportedSteps } from './exportSteps.ts'
export { exportForms, exportSteps } from './exportSteps.ts'
export type { ForeignScheduler, OwnSampling } from './foreignScheduler.ts'
export { OWN_SAMPLER } from './foreignScheduler.ts'
export type { EntropyTarget, SavedEntropyStrength, SavedGuidance, SavedSteps } from './guidanceFile.ts'
export { readGuidance, writeGuidance } from './guidanceFile.ts'
export type { LoadedModel } from './loadModel.ts'
export { loadModel } from './loadModel.ts'
export { loadScheduler } from './loadScheduler.ts'
export type { ModelDescription } from './modelDescription.ts'
export { modelDescriptionSchema, pixelPair, predictionWord, readModelDescription } from './modelDescription.ts'
export type { Model, NamedSchedule } from './modelFolder.ts'
export { saveModel, scheduleName } from './modelFolder.ts'
export { layoutOf, readJson } from './modelLayout.ts'
export type { LatentConfig, OnnxPipelineFiles } from './onnxPipeline.ts'
export { findOnnxPipeline, latentConfig } from './onnxPipeline.ts'
export type { PromptPipeline, PromptPipelineFiles } from './promptPipeline.ts'
export { findPromptPipeline, loadPromptPipeline, promptPipelineOf, readPromptPipeline } from './promptPipeline.ts'
export type { SavedSchedule } from './scheduleFile.ts'
export { readSamplingSchedule, writeSamplingSchedule } from './scheduleFile.ts'
export { SHIPPED_MODELS, shippedModelFolder } from './shippedModels.ts'
export { kDiffusionSigmas, sigmaJson, sigmaText } from './sigmaList.ts'
export type { StartPlace } from './startFile.ts'
export { readStart } from './startFile.ts'
export type { StepsFile, StepsPlace } from './stepsFile.ts'
export {
  listNotes,
  logSnrOfSigmas,
  otherLevelsNotes,
  readStepsFile,
  stepsOfList,
  stepsOfScheduler,
} from './stepsFile.ts'
export { kindOf, listedSteps } from './stepsList.ts'
