/** The objectives by the names users give them, and how their values are told: as they are minimised, or the other way round. */

/** What a schedule is learned by. */
export type ObjectiveName = 'fid' | 'teacher' | 'reward'

export const OBJECTIVE_NAMES = ['fid', 'teacher', 'reward'] as const satisfies readonly ObjectiveName[]

/** What the teacher's images are compared in. */
export type TeacherSpace = 'pixels' | 'features'

export const TEACHER_SPACES = ['pixels', 'features'] as const satisfies readonly TeacherSpace[]

interface ObjectiveWords {
  /** What a value is called, as in `FID 3.2`. */
  readonly label: string
  /** What a value that is minimised is multiplied by to be told: a reward is maximised. */
  readonly sign: 1 | -1
}

export const OBJECTIVE_WORDS: Readonly<Record<ObjectiveName, ObjectiveWords>> = {
  fid: { label: 'FID', sign: 1 },
  teacher: { label: 'distance to the teacher', sign: 1 },
  reward: { label: 'reward', sign: -1 },
}

/** A value as it is told. */
export const toldValue = (objective: ObjectiveName, value: number): number => OBJECTIVE_WORDS[objective].sign * value

/** The same in digits: a Fréchet distance with two decimals, others with four that count. */
export const toldText = (objective: ObjectiveName, value: number): string =>
  objective === 'fid' ? value.toFixed(2) : toldValue(objective, value).toPrecision(4)
