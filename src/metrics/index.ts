/** Distances between sets of images, what they are measured with, and how they are reported. */
export { accuracyOf, verdictsOf } from './accuracy.ts'
export type { ClassifierConfig } from './classifier.ts'
export { applyClassifier, classifierParameters } from './classifier.ts'
export type { ClassifierFeatures } from './classifierFeatures.ts'
export { classifierFeatures } from './classifierFeatures.ts'
export type { ClassifierKnowledge, LabelledImages } from './classifierKnowledge.ts'
export { bestPixelRange, guesses, KNOWS_ABOVE, knowledgeOf, knowledgeText } from './classifierKnowledge.ts'
export type { ClassifierRecord } from './digitClassifiers.ts'
export {
  DIGIT_CLASSIFIER_SIZES,
  digitClassifierPath,
  digitClassifierRecord,
  digitFeatures,
  digitJudge,
} from './digitClassifiers.ts'
export type { EvaluationNetworks, EvaluationReference, ImageEvaluation } from './evaluateImages.ts'
export { evaluateImages, evaluationReference, RECOGNISED_ABOVE } from './evaluateImages.ts'
export type { FeatureNetwork } from './featureNetwork.ts'
export { inChunks } from './featureNetwork.ts'
export type { FrechetReference } from './frechet.ts'
export { frechetDistance, frechetGradient, referenceFromStatistics, referenceMoments } from './frechet.ts'
export { frechetStandardError } from './frechetError.ts'
export { inceptionScore } from './inceptionScore.ts'
export { kernelDistance } from './kernelDistance.ts'
export { spectralFunction, symmetricEigen } from './matrix.ts'
export { covarianceOf, mergeMoments, momentsOf } from './moments.ts'
export { readStatistics, writeStatistics } from './npz.ts'
export { onnxFeatures } from './onnxFeatures.ts'
export { pixelFeatures } from './pixelFeatures.ts'
export { precisionRecall } from './precisionRecall.ts'
export type { Features } from './rows.ts'
export type { MeanAndStandardError } from './standardError.ts'
export { meanAndStandardError, pairedDifference } from './standardError.ts'
export type { ClassifierTraining } from './trainClassifier.ts'
export { trainClassifier } from './trainClassifier.ts'
