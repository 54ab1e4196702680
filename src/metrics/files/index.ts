/** What metrics read from disk: the classifiers that come with the project, other people's models, statistics. */
export type { KnownInput } from './commonInputs.ts'
export { bestInput, inputFlags, inputText } from './commonInputs.ts'
export type { ClassifierRecord } from './digitClassifiers.ts'
export {
  DIGIT_CLASSIFIER_SIZES,
  digitClassifierPath,
  digitClassifierRecord,
  digitFeatures,
  digitJudge,
} from './digitClassifiers.ts'
export type { NetworkRole, PixelInput } from './imageInput.ts'
export { pixelInputOf, pixelsText } from './imageInput.ts'
export type { MeanStd } from './meanStd.ts'
export { meanStdNamed } from './meanStd.ts'
export type { ImageProbe } from './onnxDerivative.ts'
export { imageDerivativeMissing } from './onnxDerivative.ts'
export { HOLDS_PROBABILITIES, onnxFeatures } from './onnxFeatures.ts'
export { readLabelled, readStatistics, writeStatistics } from './statisticsFile.ts'
