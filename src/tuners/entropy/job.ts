/** What an entropy strength job is given: a pretrained model as it will be sampled, two rewards, and the way to report. */
import type { Hooks } from '../../bilevel/index.ts'
import type { Denoiser, SamplerSettings, SamplingSchedule } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { Reward } from '../../rewards/index.ts'
import type { EntropyCheckpoint } from './checkpoint.ts'
import type { EntropyEvent, EntropyProgress } from './events.ts'
import type { EntropySettings } from './settings.ts'

/** It could go on from after every draw. */
export interface EntropyOptions extends Hooks<EntropyCheckpoint, EntropyEvent, EntropyProgress> {
  readonly denoiser: Denoiser
  readonly schedule: SamplingSchedule
  /** A stochastic sampler: DDIM with eta > 0, or DDPM. */
  readonly sampler: SamplerSettings
  /** r2, the reward that is chased. */
  readonly reward: Reward
  /** r1, the reward that notices over-optimisation. */
  readonly judge: Reward
  /** Measures diversity; null: none. */
  readonly features: FeatureNetwork | null
  /** Class of image `item`; absent: unconditional. */
  readonly condition?: (item: number) => number
  readonly settings: EntropySettings
}
