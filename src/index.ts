/**
 * The library: data, networks, diffusion, metrics and the learning of schedules by first-order bilevel optimization (Xiao et al., ICML 2025,
 * arXiv 2502.08808). `graph` holds the traced operators that networks are written in, `bilevel` the framework that knows nothing of diffusion.
 */
import './runtime/node/index.ts'

export type { ErrorKind, PlainImages, Shape, Tensor } from './base/index.ts'
export { BilevelError, exitCodeOf, float32, int64, RandomStream, randomStream, tensor } from './base/index.ts'
export * as bilevel from './bilevel/index.ts'
export type {
  DataFromArraysOptions,
  Dataset,
  DigitsOptions,
  LoadOptions,
  Provenance,
  Split,
  SplitArrays,
} from './data/index.ts'
export { dataFromArrays, digits, digitsKeptOut, loadData, possibleSizes } from './data/index.ts'
export type {
  ClassLevels,
  ClassRequest,
  ExportedOwnClass,
  ExportedScheduler,
  ExportedSteps,
  ForeignScheduler,
  LoadedModel,
  Model,
  NamedSchedule,
  SavedSchedule,
} from './diffusion/files/index.ts'
export {
  exportOwnClass,
  exportScheduler,
  exportSteps,
  flowMatchSigmas,
  kDiffusionSigmas,
  loadModel,
  loadScheduler,
  readSamplingSchedule,
  SHIPPED_MODELS,
  saveModel,
  scheduleName,
  shippedModelFolder,
  writeSamplingSchedule,
} from './diffusion/files/index.ts'
export type {
  ClassPlan,
  ClassSolver,
  CleanRule,
  CompiledDenoiser,
  Denoiser,
  ForeignDenoiser,
  ForeignDenoiserOptions,
  FreeName,
  FunctionDenoiserOptions,
  GenerateOptions,
  Guidance,
  GuidedPaths,
  Images,
  Level,
  NoiseFamilyName,
  NoiseSchedule,
  SamplerName,
  SamplerSettings,
  SamplingSchedule,
  SolverNumbers,
  StepListName,
  TrainedState,
  TrainerOptions,
  TrainingState,
} from './diffusion/index.ts'
export {
  compileDenoiser,
  flowSchedule,
  functionDenoiser,
  generate,
  generateGuided,
  NOISE_FAMILIES,
  noiseSchedule,
  noiseScheduleFromBetas,
  openForeignDenoiser,
  STEP_LISTS,
  sample,
  samplerSettings,
  sampleVjp,
  samplingSchedule,
  samplingScheduleFrom,
  startNoise,
  Trainer,
  train,
} from './diffusion/index.ts'
export { readSafetensors, writeSafetensors } from './files/index.ts'
export * as graph from './graph/index.ts'
export type {
  EntropyConfig,
  EntropyContext,
  EntropyJobResult,
  EntropyJson,
  EvaluateConfig,
  EvaluationReport,
  ProblemEvent,
  ProblemJson,
  ProblemProgress,
  ProblemRecord,
  ProblemRunOptions,
  ProblemRunResult,
  ProblemSettings,
  ReportContext,
  SampleConfig,
  SampleReport,
  ScheduleConfig,
  ScheduleJobResult,
  ScheduleJson,
} from './jobs/index.ts'
export {
  ENTROPY_PRESETS,
  entropyJson,
  evaluateModel,
  PRESETS,
  PROBLEM_DEFAULTS,
  renderEntropyReport,
  renderProblemReport,
  renderScheduleReport,
  resolveEntropyConfig,
  resolveEvaluateConfig,
  resolveSampleConfig,
  resolveScheduleConfig,
  runEntropyJob,
  runProblem,
  runScheduleJob,
  sampleModel,
  scheduleJson,
} from './jobs/index.ts'
export type { MeanStd } from './metrics/files/index.ts'
export {
  digitFeatures,
  digitJudge,
  meanStdNamed,
  onnxFeatures,
  readStatistics,
  writeStatistics,
} from './metrics/files/index.ts'
export type {
  EvaluationReference,
  FeatureNetwork,
  FrechetReference,
  FunctionFeaturesOptions,
  ImageEvaluation,
  MeanAndStandardError,
} from './metrics/index.ts'
export {
  evaluateImages,
  evaluationReference,
  frechetDistance,
  frechetGradient,
  functionFeatures,
  inceptionScore,
  kernelDistance,
  meanAndStandardError,
  pairedDifference,
  pixelFeatures,
  precisionRecall,
  referenceMoments,
} from './metrics/index.ts'
export type { DenoisingNetwork, NetworkState, Optimizer, UNet2DOptions, UnetOptions } from './nn/index.ts'
export {
  adam,
  adamw,
  initialState,
  learningRate,
  mlp,
  networkFromConfig,
  sgd,
  shuffleUnet,
  unet,
  unet2d,
} from './nn/index.ts'
export { checkModel, encodeModel } from './onnx/index.ts'
export type {
  FunctionRewardOptions,
  OnBadReward,
  RatedImages,
  Reward,
  RewardContext,
  RewardFunction,
  TracedRewardOptions,
  WeightedReward,
} from './rewards/index.ts'
export {
  fidelity,
  functionReward,
  ink,
  logProbability,
  moduleReward,
  onnxReward,
  openReward,
  perClass,
  REWARD_NAMES,
  symmetry,
  tracedReward,
  typicality,
  weightedSum,
} from './rewards/index.ts'
export { readEvents } from './runs/index.ts'
export type { CompileOptions, Device, Program } from './runtime/index.ts'
export { compile } from './runtime/index.ts'
export type {
  CurvePoint,
  EntropyCheckpoint,
  EntropyEvent,
  EntropyIteration,
  EntropyOptions,
  EntropyProgress,
  EntropyResult,
  EntropySettings,
  EntropyStrength,
  GivenSettings,
  LearnCheckpoint,
  LearnEvent,
  LearnedModel,
  LearnOptions,
  LearnProgress,
  LearnSettings,
  ScheduleResult,
  Subject,
  TrainingParameters,
} from './tuners/index.ts'
export {
  ENTROPY_DEFAULTS,
  entropySettings,
  LEARN_DEFAULTS,
  learnSchedule,
  learnSettings,
  tuneEntropyStrength,
} from './tuners/index.ts'
