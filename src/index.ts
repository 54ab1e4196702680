/**
 * The library: data, networks, diffusion, metrics and the learning of schedules by first-order bilevel optimization (Xiao et al., ICML 2025,
 * arXiv 2502.08808). `graph` holds the traced operators that networks are written in, `bilevel` the framework that knows nothing of diffusion.
 */
export type { ErrorKind, Shape, Tensor } from './base/index.ts'
export { BilevelError, exitCodeOf, float32, int64, RandomStream, randomStream, tensor } from './base/index.ts'
export * as bilevel from './bilevel/index.ts'
export type { Dataset, DigitsOptions, LoadOptions, Provenance, Split } from './data/index.ts'
export { digits, digitsKeptOut, loadData, possibleSizes } from './data/index.ts'
export type {
  CompiledDenoiser,
  Denoiser,
  ExportedScheduler,
  ForeignDenoiser,
  ForeignDenoiserOptions,
  ForeignScheduler,
  Images,
  Level,
  LoadedModel,
  Model,
  NamedSchedule,
  NoiseFamilyName,
  NoiseSchedule,
  SamplerName,
  SamplerSettings,
  SamplingSchedule,
  SavedSchedule,
  StepListName,
  TrainedState,
  TrainerOptions,
  TrainingState,
} from './diffusion/index.ts'
export {
  compileDenoiser,
  exportScheduler,
  generate,
  loadModel,
  loadScheduler,
  NOISE_FAMILIES,
  noiseSchedule,
  noiseScheduleFromBetas,
  openForeignDenoiser,
  readSamplingSchedule,
  SHIPPED_MODELS,
  STEP_LISTS,
  sample,
  samplerSettings,
  sampleVjp,
  samplingSchedule,
  samplingScheduleFrom,
  saveModel,
  scheduleName,
  shippedModelFolder,
  startNoise,
  Trainer,
  train,
  writeSamplingSchedule,
} from './diffusion/index.ts'
export * as graph from './graph/index.ts'
export type {
  EvaluationReference,
  FeatureNetwork,
  FrechetReference,
  ImageEvaluation,
  MeanAndStandardError,
} from './metrics/index.ts'
export {
  digitFeatures,
  digitJudge,
  evaluateImages,
  evaluationReference,
  frechetDistance,
  frechetGradient,
  inceptionScore,
  kernelDistance,
  meanAndStandardError,
  onnxFeatures,
  pairedDifference,
  pixelFeatures,
  precisionRecall,
  readStatistics,
  referenceMoments,
  writeStatistics,
} from './metrics/index.ts'
export type { DenoisingNetwork, NetworkState, Optimizer, UNet2DOptions, UnetOptions } from './nn/index.ts'
export {
  adam,
  adamw,
  initialState,
  learningRate,
  mlp,
  networkFromConfig,
  readSafetensors,
  sgd,
  shuffleUnet,
  unet,
  unet2d,
  writeSafetensors,
} from './nn/index.ts'
export { checkModel, encodeModel } from './onnx/index.ts'
export type {
  FunctionRewardOptions,
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
export type {
  EntropyConfig,
  EntropyContext,
  EntropyJobResult,
  EntropyJson,
  EvaluateConfig,
  EvaluationReport,
  ReportContext,
  SampleConfig,
  SampleReport,
  ScheduleConfig,
  ScheduleJobResult,
  ScheduleJson,
} from './runs/index.ts'
export {
  ENTROPY_PRESETS,
  entropyJson,
  evaluateModel,
  PRESETS,
  readEvents,
  renderEntropyReport,
  renderScheduleReport,
  resolveEntropyConfig,
  resolveEvaluateConfig,
  resolveSampleConfig,
  resolveScheduleConfig,
  runEntropyJob,
  runScheduleJob,
  sampleModel,
  scheduleJson,
} from './runs/index.ts'
export type { CompileOptions, Device, Program } from './runtime/index.ts'
export { compile } from './runtime/index.ts'
export type {
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
export { LEARN_DEFAULTS, learnSchedule, learnSettings } from './tuners/index.ts'
