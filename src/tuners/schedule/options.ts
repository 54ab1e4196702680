/** What a schedule learning job is given. */
import type { Hooks } from '../../bilevel/index.ts'
import type { Dataset } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { Reward } from '../../rewards/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { LearnCheckpoint } from './checkpoint.ts'
import type { LearnEvent, LearnProgress } from './events.ts'
import type { StartPoint } from './search/startPool.ts'
import type { LearnSettings } from './settings/index.ts'
import type { Subject } from './subject.ts'

/**
 * What a checkpoint holds stays as it is until the next call is over: copy what is kept longer.
 */
export interface LearnOptions extends Hooks<LearnCheckpoint, LearnEvent, LearnProgress> {
  readonly subject: Subject
  /** Null: none, with an objective that needs none; then rows have no Fréchet distance. */
  readonly data: Dataset | null
  /** Measures the distance to the data, and with `teacherSpace` features that to the teacher; null: none. */
  readonly features: FeatureNetwork | null
  /** A different network that judges the result; null: none. */
  readonly judge: FeatureNetwork | null
  /** What objective reward maximises. It stays open. */
  readonly reward?: Reward | null
  /** With setting start `given`: the schedule that tuning starts from, of as many steps as are learned for. */
  readonly startPoint?: StartPoint | null
  readonly settings: LearnSettings
  readonly device?: Device
}
