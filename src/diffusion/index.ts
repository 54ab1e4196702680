/** Diffusion: noise and sampling schedules, families of them, training, samplers with derivatives. Its files: files/index.ts. */

export type { Candidate } from './conventions/candidates.ts'
export { candidatesOf, levelsOfPrediction } from './conventions/candidates.ts'
export type {
  ConventionPrediction,
  DenoiserConvention,
  PixelRange,
  StatedConvention,
  ToldTimeKind,
} from './conventions/convention.ts'
export {
  CONVENTION_PREDICTIONS,
  completed,
  conventionWords,
  ownConvention,
  PIXEL_RANGES,
  TOLD_LEVELS,
  TOLD_TIMES,
} from './conventions/convention.ts'
export type { ToldNetwork } from './conventions/conventionDenoiser.ts'
export { conventionDenoiser, isOwn, predictionFor, scheduleFor, toldNetwork } from './conventions/conventionDenoiser.ts'
export type { Figure, MeasuringPictures } from './conventions/measureConvention.ts'
export { measureConventions, mostPredictions, noiseGivenBack, runsThroughout } from './conventions/measureConvention.ts'
export { hasNoDarkHalf, OWN_PICTURES, ownPictures, ownSteps } from './conventions/ownPictures.ts'
export { isWhole, sigmaSchedule, toldAt } from './conventions/toldTime.ts'
export type { ConventionVerdict } from './conventions/verdict.ts'
export { ACCEPTED, conventionVerdict } from './conventions/verdict.ts'
export type { Denoiser, ImageData, Images, PictureDecoder, Prediction, TrainingTarget } from './denoiser.ts'
export { predictionOf, TRAINING_TARGETS } from './denoiser.ts'
export { classesAmong } from './denoisers/classesAmong.ts'
export type { ClassifierFreeOptions } from './denoisers/classifierFree.ts'
export { classifierFree } from './denoisers/classifierFree.ts'
export type { CompiledDenoiser } from './denoisers/compiledDenoiser.ts'
export { compileDenoiser } from './denoisers/compiledDenoiser.ts'
export type { StatedClasses } from './denoisers/foreignClasses.ts'
export type { ForeignDecoder, ForeignDecoderOptions } from './denoisers/foreignDecoder.ts'
export { openForeignDecoder } from './denoisers/foreignDecoder.ts'
export type { ForeignDenoiser, ForeignDenoiserOptions } from './denoisers/foreignDenoiser.ts'
export type { DenoiserInputs, ImageLayout, NamedInputs } from './denoisers/foreignDenoiserInputs.ts'
export { IMAGE_LAYOUTS } from './denoisers/foreignDenoiserInputs.ts'
export { derivativeMissing } from './denoisers/foreignDerivative.ts'
export type { EncodeOptions } from './denoisers/foreignEncoder.ts'
export { encodePictures } from './denoisers/foreignEncoder.ts'
export { MOST_MEASURING_RUNS } from './denoisers/foreignRuns.ts'
export type { FunctionDenoiserOptions } from './denoisers/functionDenoiser.ts'
export { functionDenoiser } from './denoisers/functionDenoiser.ts'
export { continuousCosine, gaussianDenoiser, gaussianFlow, linearDenoiser } from './denoisers/gaussian.ts'
export type { GradientCheckpointing } from './denoisers/gradientCheckpointing.ts'
export { GRADIENT_CHECKPOINTING } from './denoisers/gradientCheckpointing.ts'
export type { LatentScale } from './denoisers/latentScale.ts'
export { openForeignDenoiser } from './denoisers/openForeignDenoiser.ts'
export type { ProgramBytes, ProgramKind, ProgramSize } from './denoisers/programCost.ts'
export { activationBytes, measureRate, memoryOfPrograms, programSize, secondsOfRun } from './denoisers/programCost.ts'
export { denoiseGraph } from './denoisers/programs.ts'
export type { Guidance, GuidanceThrough, GuidingReward, RewardGradient } from './guidance/guidance.ts'
export { checkThrough, GUIDANCE_THROUGH } from './guidance/guidance.ts'
export type { GuidedPaths } from './guidance/guided.ts'
export { generateGuided } from './guidance/guided.ts'
export { DEFAULT_MINIMUM_ALPHA_BAR } from './guidance/guidedStep.ts'
export type { ParticleOptions, Particles } from './guidance/smc.ts'
export { imagesByWeight, sequentialMonteCarlo } from './guidance/smc.ts'
export { pictureShapeOf, picturesDifferentiable, picturesOf, throughPictures } from './pictures.ts'
export { anyBatch, imagesOf } from './samplers/anyBatch.ts'
export { asExponential } from './samplers/asExponential.ts'
export type { ClassPlan, ClassSolver, CleanRule } from './samplers/classPlan.ts'
export type { GenerateOptions } from './samplers/generate.ts'
export { generate } from './samplers/generate.ts'
export type { SampleOptions } from './samplers/sample.ts'
export { hasTimeDerivative, KEPT_BYTES, sample, sampleVjp, startNoise, stepNoise } from './samplers/sample.ts'
export type { Sampler } from './samplers/sampler.ts'
export type { SamplerName } from './samplers/samplers.ts'
export { DEFAULT_SAMPLER, SAMPLER_NAMES, SAMPLERS, samplerNamed } from './samplers/samplers.ts'
export type { SamplerSettings, Sampling } from './samplers/settings.ts'
export {
  evaluationsBy,
  evaluationsOf,
  networkEvaluations,
  ownersOf,
  samplerSettings,
  stepsWithin,
  usualClippedNoise,
} from './samplers/settings.ts'
export type { FamilyPlace, ParameterBox, ScheduleFamily } from './schedules/families/family.ts'
export { checkFamily } from './schedules/families/family.ts'
export { checkFree, freeFamily } from './schedules/families/free.ts'
export type { FreeName } from './schedules/families/freeParts.ts'
export { FREE_CHOICES, FREE_NAMES, freesGuidance, needsSolver } from './schedules/families/freeParts.ts'
export type { SamplingFamilyName } from './schedules/families/learnedFamilies.ts'
export { LEARNED_FAMILIES, learnedFamily, SAMPLING_FAMILY_NAMES } from './schedules/families/learnedFamilies.ts'
export { levelPowerFamily } from './schedules/families/levelPower.ts'
export { levelsAndTimesFamily, levelsFamily } from './schedules/families/levels.ts'
export type { NoiseFamily } from './schedules/families/noiseParameters.ts'
export { noiseFamily, noiseParameterFamily } from './schedules/families/noiseParameters.ts'
export { flowSchedule } from './schedules/flowSchedule.ts'
export type { Level } from './schedules/level.ts'
export {
  dNoiseDLogSnr,
  dSignalDLogSnr,
  flowLevel,
  flowLevelOf,
  flowLevelOfLogSnr,
  levelOfLogSnr,
  pathOf,
} from './schedules/level.ts'
export type { DensityName, LogSnrDensity } from './schedules/logSnrDensity.ts'
export { DENSITIES, DENSITY_NAMES, densityOfTimes, logSnrDensity } from './schedules/logSnrDensity.ts'
export type { NoiseFamilyName } from './schedules/noiseFamilies.ts'
export { NOISE_FAMILIES } from './schedules/noiseFamilies.ts'
export type { FamilySchedule, NoiseSchedule } from './schedules/noiseSchedule.ts'
export {
  familySchedule,
  noiseSchedule,
  noiseScheduleFromBetas,
  pullBackToParameters,
  withZeroTerminalSnr,
} from './schedules/noiseSchedule.ts'
export type { SamplingSchedule, ToldTimes } from './schedules/samplingSchedule.ts'
export { samplingSchedule, samplingScheduleAt, samplingScheduleFrom } from './schedules/samplingSchedule.ts'
export { timeOfLogSnr } from './schedules/sigmaSpacing.ts'
export type { SolverCotangent, SolverNumbers } from './schedules/solverNumbers.ts'
export { namesOfSolver, solverCotangent } from './schedules/solverNumbers.ts'
export type { StepListName } from './schedules/stepList.ts'
export { roundHalfEven, STEP_LIST_NAMES, STEP_LISTS, stepList, stepListsOf } from './schedules/stepList.ts'
export type { DensityFamily, TrainingFamily } from './training/densityFamily.ts'
export { densityFamily, pullBackDraw } from './training/densityFamily.ts'
export type { TrainingLevels } from './training/forward.ts'
export { levelsOfDraw, pullBackToLogSnr } from './training/forward.ts'
export type { TrainedState } from './training/train.ts'
export { train } from './training/train.ts'
export type { Minibatch, TrainingState } from './training/trainer.ts'
export { SETTLING_BATCHES, Trainer } from './training/trainer.ts'
export type { TrainerOptions } from './training/trainerOptions.ts'
export type { TrainingRecord } from './training/trainingRecord.ts'
export { trainingRecord, trainingWords } from './training/trainingRecord.ts'
export type { TrainingSchedule } from './training/trainingSchedule.ts'
export { checkTold, codeOf, isDensity } from './training/trainingSchedule.ts'
export type { LossWeighting, WeightingName } from './training/weighting.ts'
export { checkImportance, lossWeight, WEIGHTING_GAMMAS, WEIGHTING_NAMES } from './training/weighting.ts'
