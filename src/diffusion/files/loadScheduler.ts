/** Schedules of other people's models, from disk: a diffusers `scheduler_config.json`, or {"betas": [...]}. */
import { readFile } from 'node:fs/promises'
import { inputError, standInError } from '../../base/index.ts'
import { readScheduler } from './diffusersScheduler.ts'
import type { ForeignScheduler } from './foreignScheduler.ts'

/**
 * Reads a schedule: the noise schedule, what the network predicts, and the sampler the file describes.
 * @param path the file; of a diffusers folder, `scheduler/scheduler_config.json`
 * @throws `scheduler.open` if it cannot be read, else as `readScheduler`
 */
export async function loadScheduler(path: string): Promise<ForeignScheduler> {
  return readScheduler(await readSchedulerText(path), path)
}

/** The text of a schedule. @throws `scheduler.open`; `file.lfsPointer`, `file.webPage` */
export async function readSchedulerText(path: string): Promise<string> {
  const bytes = await readFile(path).catch((cause: Error) => {
    const wanted = 'a readable file, a diffusers scheduler_config.json or {"betas": [...]}'
    throw inputError('scheduler.open', `a schedule must be ${wanted}, '${path}' is none: ${cause.message}`, { cause })
  })
  const standIn = standInError(bytes, path)
  if (standIn) throw standIn
  return bytes.toString('utf8')
}
