/**
 * A way of sampling as one value: all that the rest of the project knows of it. `samplers.ts` lists them; to add one is to write its file
 * and to put it on that list.
 */
import type { ImageData, Prediction } from '../denoiser.ts'
import type { Level } from '../schedules/level.ts'
import type { SolverNumbers } from '../schedules/solverNumbers.ts'
import type { StepRule } from './ancestral.ts'
import type { Chain, ReverseChain } from './chain.ts'
import type { StepSettings } from './stepSettings.ts'

/** Settings that belong to some samplers only. */
export type OwnSetting = 'eta' | 'variance' | 'noisyLastStep'

export interface Sampler<Name extends string = string> {
  /** As it is named in settings, files and on the command line. */
  readonly name: Name
  /**
   * Whether it is among the defaults that a learned schedule is compared with, its steps being network evaluations. Those defaults are part of
   * what a run's numbers mean: a sampler that joins them changes the best default, and the cost, of every preset there is.
   */
  readonly candidate: boolean
  /** Whether it is one of the defaults of flows, where it is none elsewhere. */
  readonly flowCandidate?: true
  /** What it does with the noise of a clipped image where nobody says. */
  readonly usualClippedNoise: StepSettings['clippedNoise']
  /** Which settings it has that not all have; the others are at their defaults. */
  readonly takes: readonly OwnSetting[]
  /** Whether it takes the schedule's own numbers for each step (`solverNumbers.ts`); default: it does not. */
  readonly solverNumbers?: true
  /** Refuses settings that contradict each other, beyond what `takes` says. @throws `sampler.*` */
  check?(settings: StepSettings): void
  /** Network evaluations that the last `steps` steps of an image take; all of them, where it has no more. */
  evaluations(steps: number): number
  /**
   * The step of a sampler that adds noise, x' = image x0Hat + noise epsHat + sigma z, and the eta of its mean: what guided paths and particles
   * are made of. Null: it has no such step, whatever its settings.
   */
  readonly ancestral: ((settings: StepSettings) => AncestralStep) | null
  /** Whether each of its steps adds noise at these settings. */
  noisy(settings: StepSettings): boolean
  /** Draws the images. */
  run(chain: Chain): Promise<ImageData>
  /** The same backwards: cotangent of the images to cotangent of the state before the first step with gradient. */
  pullBack(chain: ReverseChain, dImages: ImageData): Promise<ImageData>
  /** It and its own settings, for reports; `number` writes a number. */
  words(settings: StepSettings, number?: (value: number) => string): string
  /** How diffusers is told of it. */
  readonly toDiffusers: DiffusersForms
}

export interface AncestralStep {
  readonly rule: StepRule
  readonly meanEta: number
}

/** What a sampler is to diffusers in a plain pipeline, which passes nothing to `step`, and in a loop of one's own. */
export interface DiffusersForms {
  /** Where its class takes no list of times, only those of a number of steps: the class; else null. */
  readonly ownTimesOnly: string | null
  /** Whether its class keeps x/signal in the place of x: then the loop scales the start, and what the network sees. */
  readonly scaled: boolean
  /** Whether the class's `step` takes a generator, which DDPMPipeline passes to whatever scheduler it has. */
  readonly takesGenerator: boolean
  /** What the network is told, call by call, for a schedule's times. */
  calls(times: readonly number[]): readonly number[]
  /**
   * The class for a plain pipeline.
   * @param aboveZero whether the last timestep is above 0
   * @throws `export.*` where a plain pipeline cannot be told
   */
  plain(told: ToldSampler, aboveZero: boolean): SchedulerFields
  /** The class for a loop. @throws `export.*` where no loop can be told either */
  inLoop(told: ToldSampler): DiffusersLoop
  /**
   * What `bilevel_scheduler.py` takes, whose step is the exponential one; null: its steps are no such ones.
   * @param levels of the schedule, noisiest first
   */
  ownClass(told: ToldSampler, levels: readonly Level[]): OwnClassFields | null
}

/** What is exported beside the levels. */
export interface ToldSampler {
  readonly settings: StepSettings
  readonly prediction: Prediction
  /** The schedule's own numbers for each step. */
  readonly solver?: SolverNumbers
}

/** Fields of `BilevelScheduler` that say what its steps are; absent: what changes nothing. */
export interface OwnClassFields extends SolverNumbers {
  readonly clippedNoise: StepSettings['clippedNoise']
  /** Standard deviation of the noise of each step, [N], in the place of what tau gives. */
  readonly noise?: readonly number[]
}

/** Fields of a scheduler config, the class's name among them. */
export type SchedulerFields = Readonly<Record<string, unknown>> & { readonly _class_name: string }

/** A class for a loop over its `step`. */
export interface DiffusersLoop {
  readonly fields: SchedulerFields
  /** What the loop passes to `step`. */
  readonly stepArguments: Readonly<Record<string, number | boolean>>
  /** Whether its last timestep must be above 0, or at 0; null: it does not matter. */
  readonly aboveZero: boolean | null
}
