/** Distances between sets of images, what they are measured with, and how they are reported. */
export type { Verdicts } from './accuracy.ts'
export { accuracyOf, verdictsOf } from './accuracy.ts'
export type { Augmentation } from './augment.ts'
export { augment } from './augment.ts'
export type { ClassifierConfig } from './classifier.ts'
export { applyClassifier, classifierParameters } from './classifier.ts'
export type { ClassifierFeatures, ClassifierFeaturesOptions } from './classifierFeatures.ts'
export { classifierFeatures } from './classifierFeatures.ts'
export type { ClassifierRecord, DigitClassifierOptions, DigitClassifierRole } from './digitClassifiers.ts'
export {
  DIGIT_CLASSIFIER_SIZES,
  digitClassifierPath,
  digitClassifierRecord,
  digitFeatures,
  digitJudge,
} from './digitClassifiers.ts'
export { meanPairwiseDistance, vendiScore } from './diversity.ts'
export type {
  EvaluateOptions,
  EvaluationNetworks,
  EvaluationReference,
  ImageEvaluation,
  LabelledDistance,
} from './evaluateImages.ts'
export { evaluateImages, evaluationReference, RECOGNISED_ABOVE } from './evaluateImages.ts'
export type { FeatureNetwork, FeatureNetworkLabel, ImageBatch } from './featureNetwork.ts'
export { labelOf } from './featureNetwork.ts'
export type { FrechetDistance, FrechetGradient, FrechetReference } from './frechet.ts'
export { frechetDistance, frechetGradient, referenceFromStatistics, referenceMoments } from './frechet.ts'
export { frechetStandardError } from './frechetError.ts'
export type { InceptionScore } from './inceptionScore.ts'
export { inceptionScore } from './inceptionScore.ts'
export { kernelDistance } from './kernelDistance.ts'
export type { Moments } from './moments.ts'
export { covarianceOf, mergeMoments, momentsOf } from './moments.ts'
export { encodeStatistics, parseStatistics, readStatistics, writeStatistics } from './npz.ts'
export type { OnnxFeaturesOptions } from './onnxFeatures.ts'
export { onnxFeatures } from './onnxFeatures.ts'
export { pixelFeatures } from './pixelFeatures.ts'
export type { PrecisionRecall } from './precisionRecall.ts'
export { precisionRecall } from './precisionRecall.ts'
export type { Features } from './rows.ts'
export type { MeanAndStandardError } from './standardError.ts'
export { meanAndStandardError, pairedDifference } from './standardError.ts'
export type { ClassifierTraining, TrainClassifierOptions } from './trainClassifier.ts'
export { trainClassifier } from './trainClassifier.ts'
