/** What learning a schedule gives back: every row that was compared, by what protocol, and the schedule itself. */
import type { SolveReport } from '../../bilevel/index.ts'
import type { SamplerName, SamplerSettings, SamplingSchedule } from '../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../metrics/index.ts'
import type { ObjectiveName } from './objectives/names.ts'

/** One way of sampling, measured on the held-out split. */
export interface ScheduleRow {
  readonly label: string
  readonly sampler: SamplerName
  readonly steps: number
  /** Name of the step list, `learned`, or with a power of its levels `trailing, alphaBar^1.6`. */
  readonly stepList: string
  /** Fréchet distance in the feature network's features; null without data. */
  readonly fid: MeanAndStandardError | null
  /** The objective on start noise that steered nothing, as it is minimised (minus the reward); absent with objective fid. */
  readonly objective?: MeanAndStandardError
  /** Distance to the teacher's images; absent but with objective reward. */
  readonly teacherDistance?: MeanAndStandardError
  /** The same in the judge's features; null without a judge. */
  readonly judgeFid: MeanAndStandardError | null
  /** Share of images that the judge recognises with more than 0.9 confidence, in [0, 1]; null without a classifier. */
  readonly recognised: number | null
  readonly inceptionScore: number | null
  /** Unbiased kernel distance in the feature network's features, of the first sampling seed's images; null without data. */
  readonly kid: number | null
  /** Improved precision and recall there, k = 3, in [0, 1]; null without data. */
  readonly precision: number | null
  readonly recall: number | null
  /** Mean pairwise distance in feature space (without a feature network: of pixels), of the first sampling seed's images; null where it was not measured. */
  readonly diversity: number | null
}

/** A default tried in the search for the best one. */
export interface DefaultCandidate {
  readonly sampler: SamplerName
  readonly stepList: string
  /** Of the objective; smaller is better. */
  readonly value: number
  /** Generated images it was found on: few for what was left out early. Those of different numbers do not compare. */
  readonly samples: number
}

/** A start that was tried. */
export interface StartTrial {
  /** A step list, a list of the grid between two ends, or what was given. */
  readonly name: string
  /** Of the objective, smaller being better; null where there was no choice. */
  readonly value: number | null
  /** Generated images it was found on: few for what was left out early. */
  readonly samples: number
}

/** A start that was tuned. */
export interface TunedStart {
  readonly name: string
  /** Values of its iterations, before each step; null where a step only primed its estimator. */
  readonly values: readonly (number | null)[]
  /** Whether it went on to the end. */
  readonly won: boolean
}

/** What of the learned schedule and the best default is better, on images that steered nothing. */
export interface Decision {
  readonly kept: 'learned' | 'start'
  /** Of the objective, best default minus learned: positive where the learned schedule is better. */
  readonly difference: MeanAndStandardError
  /** Generated images a side. */
  readonly images: number
}

/** One tuning iteration. */
export interface TuningRecord {
  /** From 1. */
  readonly iteration: number
  /** Upper objective at the parameters before the step, smaller being better; null if the step only primed its estimator. */
  readonly value: number | null
  /** Its standard error over the images of one evaluation, by the jackknife; null where there is no value. */
  readonly standardError: number | null
  readonly parameters: Readonly<Record<string, number>>
  /** Gradient of the penalty function over gamma (frozen network: of the upper objective). */
  readonly gradient: Readonly<Record<string, number>>
  /** Its standard errors, and the parameters that stayed because it is below two of them; absent where it is one estimate. */
  readonly gradientErrors?: Readonly<Record<string, number>>
  readonly unresolved?: readonly string[]
  /** How the linear systems of hypergradient `implicit` were solved; absent with the others. */
  readonly solve?: Readonly<Record<keyof SolveReport, number>>
  /**
   * Directions that the gradient leaves out: the tuning images' features vary along them and the generated ones' do not, so the distance has a
   * kink there. Absent: none.
   */
  readonly droppedDirections?: number
  /** Score-matching loss of y; null where the network is frozen. */
  readonly loss: number | null
  /** Penalty constant; absent without z. */
  readonly gamma?: number
  /** How far z's offset has converged, 1 being all the way; null without z. */
  readonly offsetConverged: number | null
}

/** A schedule in numbers, for plots: log-SNR and told time per step, noisiest first. */
export interface ScheduleCurve {
  readonly label: string
  readonly logSnr: readonly number[]
  readonly times: readonly number[]
}

/** What rows are compared by at several numbers of steps: of network evaluations, where the sampler takes more than one a step. */
export interface StepsCurve {
  readonly label: string
  readonly points: readonly { readonly steps: number; readonly value: MeanAndStandardError }[]
}

/** Images of one row of the sample grid, the same seeds in each row: values in [-1, 1], row-major [count, c, h, w]. */
export interface SampleGrid {
  readonly label: string
  readonly count: number
  readonly shape: readonly number[]
  readonly images: Float32Array
}

/** How every number was made. */
export interface Protocol {
  /** Null: none. */
  readonly data: string | null
  readonly heldOutImages: number
  readonly samplesPerSeed: number
  readonly samplingSeeds: readonly number[]
  readonly trainingSteps: { readonly learned: number; readonly default: number }
  readonly batch: number
  readonly tuning: { readonly iterations: number; readonly samples: number; readonly estimator: string }
  readonly bestDefaultChosenOn: string
  readonly clip: readonly [number, number] | null
  readonly clippedNoise: 'keep' | 'recompute'
  /** Statement of the budget: what counts as one network evaluation. */
  readonly budget: string
}

/** The result of `learnSchedule`. */
export interface ScheduleResult {
  readonly seed: number
  readonly learn: 'tied' | 'sampling' | 'both'
  readonly sampler: SamplerName
  readonly samplingSteps: number
  readonly objective: ObjectiveName
  /** What the objective compares with or asks: the teacher or the reward, in words; null with objective fid. */
  readonly objectiveWords: string | null
  /** What rows and gains are compared by: the Fréchet distance where there are data, the objective without, the reward in any case. */
  readonly comparedBy: ObjectiveName
  /** Name with hash of the feature network; goes with every Fréchet distance. Null: none. */
  readonly featureNetwork: string | null
  readonly judgeNetwork: string | null
  readonly protocol: Protocol
  readonly default: ScheduleRow
  readonly bestDefault: ScheduleRow
  /**
   * What is there without tuning, at the network before it: the best default, behind which the learned schedule never ends; of a network that is
   * trained for its schedule, the schedule that it began with.
   */
  readonly start: ScheduleRow
  readonly manySteps: ScheduleRow
  readonly learned: ScheduleRow
  /** What the model can do with many steps: DDPM, on the first sampling seed; null where it was not asked for. */
  readonly ceiling: ScheduleRow | null
  /** Paired differences of `comparedBy` over sampling seeds, smaller being better: default minus learned (positive: learned is better). */
  readonly gain: {
    readonly overDefault: MeanAndStandardError
    readonly overBestDefault: MeanAndStandardError
    /** What tuning added to its start. */
    readonly overStart: MeanAndStandardError
    readonly overManySteps: MeanAndStandardError
    /** In the judge's features; null without a judge. */
    readonly judgeOverDefault: MeanAndStandardError | null
  }
  /** Real tuning images against held-out images; null without data. */
  readonly real: { readonly fid: number; readonly recognised: number | null } | null
  readonly candidates: readonly DefaultCandidate[]
  readonly schedule: {
    readonly family: string
    readonly parameters: Readonly<Record<string, number>>
    readonly sampling: SamplingSchedule
  }
  readonly settings: SamplerSettings
  /** The starts that were tried before the first iteration, the best first; none where nothing is searched. */
  readonly starts: readonly StartTrial[]
  /** Those of them that were tuned. */
  readonly tuned: readonly TunedStart[]
  /** Of the start that won. */
  readonly history: readonly TuningRecord[]
  /** Whether the learned schedule or the start is what is returned, and by what; null where there was nothing to decide. */
  readonly decision: Decision | null
  /** Whether the objective was still falling when the iterations were over, so that more of them would help. */
  readonly stillMoving: boolean
  readonly curves: readonly ScheduleCurve[]
  /** As they are minimised (minus the reward). */
  readonly bySteps: readonly StepsCurve[]
  readonly grids: readonly SampleGrid[]
  /** Network evaluations spent on training and tuning, by side (they are equal up to one training step). */
  readonly networkEvaluations: { readonly default: number; readonly learned: number }
  readonly seconds: {
    readonly training: number
    readonly tuning: number
    readonly evaluation: number
    readonly total: number
  }
}
