/** What a run folder says of itself: which command made it, with what settings. */
import type { Settings } from '../../runs/index.ts'
import { isRun, readManifest, readRunConfig } from '../../runs/index.ts'

export interface RunRecord {
  /** `schedule`, `entropy`, or another command's name. */
  readonly command: string
  readonly settings: Settings
}

/** A run at a path; null if the path is none. @throws `runs.notARun`, `runs.damaged` on a run that is no longer whole */
export async function runRecordOf(path: string): Promise<RunRecord | null> {
  if (!(await isRun(path))) return null
  const settings = await readRunConfig(path)
  const { command } = await readManifest(path)
  return { command: typeof command === 'string' ? command : commandOf(settings), settings }
}

/** Manifests of earlier releases name no command: of the two there were, this one alone had a range of lambda. */
const commandOf = (settings: Settings): string => ('lambdaRange' in settings ? 'entropy' : 'schedule')
