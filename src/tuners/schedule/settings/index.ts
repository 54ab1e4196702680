/** Settings of a schedule learning job: declared, checked, and what follows from them. */

export type { SamplingFamilyName } from '../../../diffusion/index.ts'
export {
  choosesStart,
  followingSettings,
  givenParameters,
  learnedSampler,
  samplerFor,
  settingsAt,
  startingList,
  startingSchedule,
  stepNumbers,
  trainedOn,
  trainingStart,
  weightingOf,
} from './derived.ts'
export { learnSettings } from './learnSettings.ts'
export { checkLearnSettings } from './rules.ts'
export type { GivenSettings, LearnMode, LearnSettings, StartName, TrainingParameters } from './shape.ts'
export {
  drawingShape,
  LEARN_DEFAULTS,
  learnedShape,
  learnSettingsAmong,
  ownTrainingShape,
  rowsShape,
  START_NAMES,
  trainedOnShape,
  tuningShape,
} from './shape.ts'
