/** FID statistics on disk, as `.npz`. */
import { readFile } from 'node:fs/promises'
import { writeAtomically } from '../../files/index.ts'
import type { FeatureNetworkLabel } from '../featureNetwork.ts'
import type { FrechetReference } from '../frechetReference.ts'
import type { ParsedStatistics } from '../npz.ts'
import { encodeStatistics, parseLabelled, statisticsError } from '../npz.ts'

/** Reads reference statistics. @throws `metrics.statistics` if the file is missing, not a .npz, or lacks `mu` [d] and `sigma` [d,d] */
export const readStatistics = async (path: string): Promise<FrechetReference> => (await readLabelled(path)).reference

/** The same with what the file says of them. @throws as `readStatistics` */
export async function readLabelled(path: string): Promise<ParsedStatistics> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw statisticsError(path, `it cannot be read (${cause instanceof Error ? cause.message : String(cause)})`)
  })
  return parseLabelled(bytes, path)
}

/** Writes reference statistics; the same statistics give the same bytes. @param label the network they were taken in, named in the file @throws `disk.write` */
export async function writeStatistics(
  path: string,
  reference: FrechetReference,
  label?: FeatureNetworkLabel,
): Promise<void> {
  await writeAtomically(path, encodeStatistics(reference, label))
}
