/**
 * The library where there is no Node: in browsers, and wherever else JavaScript runs. Tensors, graphs with derivatives, ONNX bytes, networks and
 * their weights from bytes, schedules, samplers, metrics, the bilevel framework and the tuners, for compiled networks and for plain functions. Nothing here reads a file or names an
 * engine: the caller fetches bytes and says what runs programs.
 *
 * @example
 * import * as ort from 'onnxruntime-web/wasm'
 * import { compileDenoiser, decodeSafetensors, networkFromConfig, stateFromTensors, useEngine, webEngine } from 'bilevel-diffusion/core'
 *
 * useEngine(webEngine(ort))
 * const network = networkFromConfig(await (await fetch('unet/config.json')).json())
 * const bytes = new Uint8Array(await (await fetch('unet/diffusion_pytorch_model.safetensors')).arrayBuffer())
 * const state = stateFromTensors(network, decodeSafetensors(bytes, 'the weights').tensors, 'the weights')
 * const denoiser = await compileDenoiser({ network, state, batch: 4, binding: 'bound' })
 */
export type { ErrorKind, Machine, NamedTensors, PlainImages, Sha256, Shape, Tensor } from './base/index.ts'
export {
  BilevelError,
  filled,
  float32,
  int64,
  RandomStream,
  randomStream,
  sha256,
  tensor,
  useMachine,
} from './base/index.ts'
export * as bilevel from './bilevel/index.ts'
export type { Dataset, Split } from './data/dataset.ts'
export type { DataFromArraysOptions, SplitArrays } from './data/fromArrays.ts'
export { dataFromArrays } from './data/fromArrays.ts'
export type { ForeignScheduler } from './diffusion/files/foreignScheduler.ts'
export { readTrainingScheduler as readScheduler } from './diffusion/files/modelFolderScheduler.ts'
export type { SavedSchedule } from './diffusion/files/scheduleFile.ts'
export { readSamplingSchedule, writeSamplingSchedule } from './diffusion/files/scheduleFile.ts'
export type {
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
  denoiseGraph,
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
export * as graph from './graph/index.ts'
export type {
  EvaluationReference,
  FeatureNetwork,
  FrechetReference,
  FunctionFeaturesOptions,
  ImageEvaluation,
  MeanAndStandardError,
} from './metrics/index.ts'
export {
  classifierFeatures,
  encodeStatistics,
  evaluateImages,
  evaluationReference,
  frechetDistance,
  frechetGradient,
  functionFeatures,
  inceptionScore,
  kernelDistance,
  meanAndStandardError,
  pairedDifference,
  parseStatistics,
  pixelFeatures,
  precisionRecall,
  referenceMoments,
} from './metrics/index.ts'
export type { DenoisingNetwork, NetworkState, Optimizer, UNet2DOptions, UnetOptions } from './nn/index.ts'
export {
  adam,
  adamw,
  decodeSafetensors,
  encodeSafetensors,
  initialState,
  learningRate,
  mlp,
  networkFromConfig,
  sgd,
  shuffleUnet,
  stateFromTensors,
  stateTensors,
  unet,
  unet2d,
} from './nn/index.ts'
export { checkModel, encodeModel, encodeOpenBatch } from './onnx/index.ts'
export type { FunctionRewardOptions, RatedImages, RewardFunction } from './rewards/function.ts'
export { functionReward } from './rewards/function.ts'
export type { Reward } from './rewards/reward.ts'
export type {
  CompileOptions,
  Device,
  Engine,
  ForeignModel,
  Program,
  Session,
  SessionSettings,
} from './runtime/index.ts'
export { compile, openModel, useEngine } from './runtime/index.ts'
export { webEngine } from './runtime/web/index.ts'
export type { Dimension, Outcome, Proposal, SearchMethod, SearchSpace, Study, Trial } from './search/index.ts'
export {
  bayesianSearch,
  fixedSearch,
  gridSearch,
  halvingSearch,
  randomSearch,
  SEARCH_METHODS,
  Search,
  sobolPoint,
  sobolSearch,
} from './search/index.ts'
export type {
  Budget,
  CompareCheckpoint,
  ComparedPlan,
  ComparedProblem,
  ComparedStrength,
  ComparedTrial,
  CompareEvent,
  CompareHooks,
  Contestant,
  EntropyEvent,
  EntropyOptions,
  EntropyResult,
  EntropySettings,
  Entry,
  Figures,
  GivenSettings,
  LearnEvent,
  LearnOptions,
  LearnSettings,
  ScheduleComparison,
  ScheduleResult,
  Searched,
  Standings,
  StrengthComparison,
  Subject,
  Turn,
} from './tuners/index.ts'
export {
  budgetOf,
  contest,
  ENTROPY_DEFAULTS,
  entropySettings,
  LEARN_DEFAULTS,
  learnSchedule,
  learnSettings,
  openScheduleComparison,
  openStrengthComparison,
  searching,
  standings,
  tuneEntropyStrength,
} from './tuners/index.ts'
