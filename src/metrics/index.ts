/** Distances between sets of images, what they are measured with, and how they are reported. */
export { accuracyOf, verdictsOf } from './accuracy.ts'
export type { ClassifierConfig } from './classifier.ts'
export { applyClassifier, classifierParameters } from './classifier.ts'
export type { ClassifierFeatures } from './classifierFeatures.ts'
export { classifierFeatures } from './classifierFeatures.ts'
export type { ClassifierKnowledge, LabelledImages } from './classifierKnowledge.ts'
export {
  guesses,
  KNOWS_ABOVE,
  knowledgeOf,
  knowledgeText,
  knownBy,
} from './classifierKnowledge.ts'
export { meanPairwiseDistance, vendiScore } from './diversity.ts'
export type { EvaluationNetworks, EvaluationReference, ImageEvaluation } from './evaluateImages.ts'
export { evaluateImages, evaluationReference, RECOGNISED_ABOVE, recognisedShare } from './evaluateImages.ts'
export type { FeatureNetwork, FeatureNetworkLabel } from './featureNetwork.ts'
export { inChunks } from './featureNetwork.ts'
export { frechetDistance, frechetGradient } from './frechet.ts'
export { frechetStandardError } from './frechetError.ts'
export { largeFrechetDistance } from './frechetLarge.ts'
export type { FrechetReference } from './frechetReference.ts'
export { referenceFromStatistics, referenceMoments } from './frechetReference.ts'
export type { FunctionFeaturesOptions } from './functionFeatures.ts'
export { functionFeatures } from './functionFeatures.ts'
export { inceptionScore } from './inceptionScore.ts'
export { kernelDistance } from './kernelDistance.ts'
export { spectralFunction, symmetricEigen } from './matrix.ts'
export { covarianceOf, mergeMoments, momentsOf } from './moments.ts'
export type { ParsedStatistics } from './npz.ts'
export { encodeStatistics, parseLabelled, parseStatistics } from './npz.ts'
export { MOST_PIXEL_FEATURES, pixelFeatures } from './pixelFeatures.ts'
export { precisionRecall } from './precisionRecall.ts'
export type { Features } from './rows.ts'
export type { MeanAndStandardError } from './standardError.ts'
export { meanAndStandardError, pairedDifference } from './standardError.ts'
export type { ClassifierTraining } from './trainClassifier.ts'
export { trainClassifier } from './trainClassifier.ts'
