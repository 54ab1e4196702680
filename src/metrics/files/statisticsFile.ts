/** FID statistics on disk, as `.npz`. */
import { readFile } from 'node:fs/promises'
import { writeAtomically } from '../../files/index.ts'
import type { FrechetReference } from '../frechetReference.ts'
import { encodeStatistics, parseStatistics, statisticsError } from '../npz.ts'

/** Reads reference statistics. @throws `metrics.statistics` if the file is missing, not a .npz, or lacks `mu` [d] and `sigma` [d,d] */
export async function readStatistics(path: string): Promise<FrechetReference> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw statisticsError(path, `it cannot be read (${cause instanceof Error ? cause.message : String(cause)})`)
  })
  return parseStatistics(bytes, path)
}

/** Writes reference statistics; the same statistics give the same bytes. @throws `disk.write` */
export async function writeStatistics(path: string, reference: FrechetReference): Promise<void> {
  await writeAtomically(path, encodeStatistics(reference))
}
