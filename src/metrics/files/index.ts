/** What metrics read from disk: the classifiers that come with the project, other people's models, statistics. */
export type { ClassifierRecord } from './digitClassifiers.ts'
export {
  DIGIT_CLASSIFIER_SIZES,
  digitClassifierPath,
  digitClassifierRecord,
  digitFeatures,
  digitJudge,
} from './digitClassifiers.ts'
export type { PixelInput } from './imageInput.ts'
export { pixelsText } from './imageInput.ts'
export type { MeanStd } from './meanStd.ts'
export { KNOWN_MEAN_STD, meanStdNamed } from './meanStd.ts'
export { HOLDS_PROBABILITIES, onnxFeatures } from './onnxFeatures.ts'
export { readLabelled, readStatistics, writeStatistics } from './statisticsFile.ts'
