/**
 * diffusers' scheduler classes. Which class a `scheduler_config.json` names decides whether there are noise levels in it at all,
 * and what its absent fields mean; the defaults here are those of diffusers 0.42.1 (test/gold/schedulerClasses.json).
 */
import { didYouMean } from '../../base/index.ts'
import type { SamplerName } from '../samplers/samplers.ts'

export type FileSpacing = 'leading' | 'linspace' | 'trailing'

/** Fields of some classes; in a config of another class they mean nothing. */
export const SOME_FIELDS = [
  'timestep_spacing',
  'steps_offset',
  'thresholding',
  'use_karras_sigmas',
  'use_exponential_sigmas',
  'use_beta_sigmas',
  'use_lu_lambdas',
  'final_sigmas_type',
  'interpolation_type',
  'lambda_min_clipped',
  'variance_type',
  'use_flow_sigmas',
  'sigma_min',
  'sigma_max',
] as const
export type SchedulerField = (typeof SOME_FIELDS)[number]

/** A class whose training schedule is T betas. */
export interface SchedulerClass {
  /** The sampler here that takes its steps, or that stands in for it. */
  readonly sampler: SamplerName
  /** Of DDIM where it takes the class's steps: 1 for an ancestral one. */
  readonly eta: 0 | 1
  /** Its own steps in words where the sampler here takes others; null: the same ones. */
  readonly ownSteps: string | null
  /** Its own steps as `samplers/classSteps.ts` has them; null: they are not here. */
  readonly steps: 'ddim' | 'ddpm' | 'euler' | 'euler-ancestral' | 'heun' | 'dpm' | 'unipc' | null
  /** It keeps x/signal in the place of x. */
  readonly scaled: boolean
  /** It steps in sigma = noise/signal; else in alphaBar. */
  readonly bySigma: boolean
  /** Karras', exponential and beta sigmas are spread over the range of its N times; else over that of all training times. */
  readonly respacesTimes: boolean
  /** It finds its place in the list by the first time of the loop. */
  readonly byIndex: boolean
  /** It takes a network that predicts the sample. */
  readonly takesSample: boolean
  readonly betaStart: number
  readonly betaEnd: number
  /** Beta schedules it has beside linear, scaled_linear and squaredcos_cap_v2. */
  readonly betaSchedules: readonly string[]
  /** Where `clip_sample` is absent; null: it has no such field, x0Hat is never clipped by it. */
  readonly clipSample: boolean | null
  /** Where `set_alpha_to_one` is absent; null: it has no such field. */
  readonly alphaToOne: boolean | null
  /** alphaBar of the last level with `rescale_betas_zero_snr`; null: it has no such field. */
  readonly zeroSnr: number | null
  /** Where `timestep_spacing` is absent. */
  readonly spacing: FileSpacing
  /** `linspace` and `leading` divide N + 1 times without the last; else N times. */
  readonly inner: boolean
  /** Told times of `linspace` are real-valued. */
  readonly realTimes: boolean
  /** Whether its fields say which of several solvers it is, one of which is here. */
  readonly solver: boolean
  /** Which of the fields it has that not all classes have. */
  readonly fields: readonly SchedulerField[]
}

const SPACED = ['timestep_spacing', 'steps_offset'] as const
const RESPACED = ['use_karras_sigmas', 'use_exponential_sigmas', 'use_beta_sigmas'] as const

const DDIM: SchedulerClass = {
  sampler: 'ddim',
  eta: 0,
  ownSteps: null,
  steps: 'ddim',
  scaled: false,
  bySigma: false,
  respacesTimes: false,
  byIndex: false,
  takesSample: true,
  betaStart: 1e-4,
  betaEnd: 0.02,
  betaSchedules: [],
  clipSample: true,
  alphaToOne: true,
  zeroSnr: 0,
  spacing: 'leading',
  inner: false,
  realTimes: false,
  solver: false,
  fields: [...SPACED, 'thresholding'],
}

const DDPM: SchedulerClass = {
  ...DDIM,
  sampler: 'ddpm',
  steps: 'ddpm',
  betaSchedules: ['sigmoid', 'laplace'],
  alphaToOne: null,
  fields: [...DDIM.fields, 'variance_type'],
}

/** alphaBar that Euler's and the DPM family put in place of 0. */
const NEARLY_ZERO = 2 ** -24

/** Steps in sigma, with real-valued told times. */
const EULER: SchedulerClass = {
  ...DDIM,
  steps: 'euler',
  scaled: true,
  bySigma: true,
  respacesTimes: true,
  byIndex: true,
  clipSample: null,
  alphaToOne: null,
  zeroSnr: NEARLY_ZERO,
  spacing: 'linspace',
  realTimes: true,
  fields: [...SPACED, ...RESPACED],
}

/** Of the same kind, from k-diffusion, where the betas of Stable Diffusion are the default. */
const KARRAS: SchedulerClass = { ...EULER, steps: null, betaStart: 0.00085, betaEnd: 0.012, zeroSnr: null }

const SOLVER: SchedulerClass = {
  ...DDIM,
  steps: null,
  bySigma: true,
  byIndex: true,
  clipSample: null,
  alphaToOne: null,
  zeroSnr: null,
  spacing: 'linspace',
  inner: true,
  fields: [...SPACED, ...RESPACED, 'thresholding', 'use_flow_sigmas'],
}

/** Classes with betas. */
export const SCHEDULER_CLASSES: Readonly<Record<string, SchedulerClass>> = {
  DDIMScheduler: DDIM,
  DDIMParallelScheduler: DDIM,
  DDPMScheduler: DDPM,
  DDPMParallelScheduler: DDPM,
  DPMSolverMultistepScheduler: {
    ...SOLVER,
    sampler: 'dpm-solver++',
    steps: 'dpm',
    solver: true,
    zeroSnr: NEARLY_ZERO,
    fields: [...SOLVER.fields, 'use_lu_lambdas', 'final_sigmas_type', 'lambda_min_clipped', 'variance_type'],
  },
  DPMSolverSinglestepScheduler: {
    ...SOLVER,
    ownSteps: 'single steps of DPM-Solver',
    fields: [
      ...RESPACED,
      'thresholding',
      'use_flow_sigmas',
      'final_sigmas_type',
      'lambda_min_clipped',
      'variance_type',
    ],
  },
  DPMSolverSDEScheduler: { ...KARRAS, ownSteps: 'stochastic steps of DPM-Solver' },
  UniPCMultistepScheduler: {
    ...SOLVER,
    sampler: 'unipc',
    steps: 'unipc',
    solver: true,
    zeroSnr: NEARLY_ZERO,
    fields: [...SOLVER.fields, 'final_sigmas_type', 'sigma_min', 'sigma_max'],
  },
  DEISMultistepScheduler: { ...SOLVER, ownSteps: "DEIS's multistep rule" },
  SASolverScheduler: {
    ...SOLVER,
    ownSteps: "SA-Solver's stochastic steps",
    fields: [...SOLVER.fields, 'lambda_min_clipped', 'variance_type'],
  },
  EulerDiscreteScheduler: {
    ...EULER,
    fields: [...EULER.fields, 'final_sigmas_type', 'interpolation_type', 'sigma_min', 'sigma_max'],
  },
  EulerAncestralDiscreteScheduler: { ...EULER, steps: 'euler-ancestral', eta: 1, takesSample: false, fields: SPACED },
  HeunDiscreteScheduler: { ...KARRAS, steps: 'heun', sampler: 'heun', betaSchedules: ['exp'], clipSample: false },
  LMSDiscreteScheduler: { ...EULER, steps: null, ownSteps: 'linear multistep steps', zeroSnr: null },
  KDPM2DiscreteScheduler: { ...KARRAS, takesSample: false, ownSteps: 'midpoint steps of order 2' },
  KDPM2AncestralDiscreteScheduler: {
    ...KARRAS,
    takesSample: false,
    ownSteps: 'ancestral midpoint steps of order 2',
  },
  PNDMScheduler: {
    ...DDIM,
    steps: null,
    takesSample: false,
    ownSteps: 'pseudo Runge-Kutta and linear multistep steps',
    clipSample: null,
    alphaToOne: false,
    zeroSnr: null,
    fields: SPACED,
  },
}

/** Flow classes that are read (`flowScheduler.ts`). */
export const FLOW_CLASSES = {
  FlowMatchEulerDiscreteScheduler: 'flow-euler',
  FlowMatchHeunDiscreteScheduler: 'flow-heun',
} as const

export const isFlowClass = (name: string): name is keyof typeof FLOW_CLASSES => Object.hasOwn(FLOW_CLASSES, name)

const FLOW =
  'is a flow: its network predicts the way from image to noise, not the noise at the level of a beta schedule'
const SIGMAS = 'has no betas: its network was trained on sigmas, with scalings of its own'
const CONSISTENCY = 'is for consistency models: its network jumps to the image and does not predict the noise of a step'
const TOKENS = 'is for discrete tokens, not for pixels'
const INVERSE = 'goes from images to noise'
const SHIFTED = 'shifts the levels of its betas (snr_shift_scale)'

/** Classes that are not read, and what they are. */
export const OTHER_CLASSES: Readonly<Record<string, string>> = {
  FlowMatchLCMScheduler: FLOW,
  FlowMapEulerDiscreteScheduler: FLOW,
  LTXEulerAncestralRFScheduler: FLOW,
  MiniMaxH3Scheduler: FLOW,
  PiflowScheduler: FLOW,
  HeliosScheduler: FLOW,
  HeliosDMDScheduler: FLOW,
  RFD4ProteinaScheduler: FLOW,
  EDMEulerScheduler: SIGMAS,
  EDMDPMSolverMultistepScheduler: SIGMAS,
  CosineDPMSolverMultistepScheduler: SIGMAS,
  KarrasVeScheduler: SIGMAS,
  ScoreSdeVeScheduler: SIGMAS,
  ScoreSdeVpScheduler: 'has a continuous time in place of T betas',
  DDPMWuerstchenScheduler: 'has a continuous time in place of T betas',
  IPNDMScheduler: 'has no field for its betas: its levels lie on a sine, told real-valued times',
  CMStochasticIterativeScheduler: CONSISTENCY,
  ConsistencyDecoderScheduler: CONSISTENCY,
  LCMScheduler: CONSISTENCY,
  TCDScheduler: CONSISTENCY,
  SCMScheduler: CONSISTENCY,
  AmusedScheduler: TOKENS,
  VQDiffusionScheduler: TOKENS,
  BlockRefinementScheduler: TOKENS,
  DiscreteDDIMScheduler: TOKENS,
  EntropyBoundScheduler: TOKENS,
  DDIMInverseScheduler: INVERSE,
  DPMSolverMultistepInverseScheduler: INVERSE,
  CogVideoXDDIMScheduler: SHIFTED,
  CogVideoXDPMScheduler: SHIFTED,
  UnCLIPScheduler: 'is for the parts of unCLIP, with a variance that the network predicts',
  RePaintScheduler: 'fills parts of a given image in',
}

/** What a class is that is not read, and what to do, as the end of a sentence. */
export function otherClassWords(name: string): string {
  const known = [...Object.keys(SCHEDULER_CLASSES), ...Object.keys(FLOW_CLASSES)]
  const what = Object.hasOwn(OTHER_CLASSES, name) ? OTHER_CLASSES[name] : null
  if (what === null) {
    const suggestion = didYouMean(name, [...known, ...Object.keys(OTHER_CLASSES)])
    return `${name} is none that is known; take one of ${known.join(', ')}${suggestion}`
  }
  const advice =
    what === INVERSE || what === CONSISTENCY
      ? 'if the network predicts noise on these betas, name the class it was trained with, such as DDPMScheduler'
      : `take a model trained on betas, such as those with a DDPMScheduler`
  return `${name} ${what}; ${advice}`
}

/** Every field that a class with betas has in diffusers 0.42.1, and those of older versions that say nothing here. */
const FIELDS = new Set(
  `num_train_timesteps beta_start beta_end beta_schedule trained_betas prediction_type rescale_betas_zero_snr clip_sample
  clip_sample_range set_alpha_to_one thresholding dynamic_thresholding_ratio sample_max_value timestep_spacing steps_offset
  timestep_type variance_type algorithm_type solver_order solver_type lower_order_final euler_at_final final_sigmas_type
  lambda_min_clipped use_karras_sigmas use_exponential_sigmas use_beta_sigmas use_lu_lambdas use_flow_sigmas flow_shift
  use_dynamic_shifting time_shift_type sigma_min sigma_max interpolation_type shift_terminal predict_x0 disable_corrector solver_p
  skip_prk_steps predictor_order corrector_order tau_func noise_sampler_seed snr_shift_scale predict_epsilon tensor_format
  timestep_values`.split(/\s+/),
)

export const isSchedulerField = (name: string): boolean => FIELDS.has(name)
