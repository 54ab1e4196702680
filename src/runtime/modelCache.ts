/** Models of graphs that were made before, by this code for this engine: tracing a graph is cheap, lowering and encoding it is not. */
import { createHash } from 'node:crypto'
import { codeVersion } from './codeVersion.ts'
import { cacheFolder, readEntry, writeEntry } from './diskCache.ts'
import type { GraphKey } from './graphKey.ts'
import { engineVersion } from './session.ts'

/** Calls from which keeping a model saves more than reading it costs. */
const WORTH_NODES = 100

/**
 * The model of a graph: the one on disk, or made and kept. Nobody names what a program is: its key is the hash of the traced graph, the
 * code that makes the model, the versions of the engine and of the arithmetic that folds constants, and how it is made: whatever
 * changes the model changes the key.
 * @param how device and form of the model
 */
export async function cachedModel(graph: GraphKey, how: string, make: () => Uint8Array): Promise<Uint8Array> {
  const worth = graph.portable && graph.nodes >= WORTH_NODES
  const code = worth && cacheFolder() !== undefined ? await codeVersion() : undefined
  if (code === undefined) return make()
  const parts = [graph.hash, how, code, engineVersion(), process.platform, process.arch, process.versions.v8]
  const key = createHash('sha256').update(JSON.stringify(parts)).digest('hex')
  const kept = await readEntry(key)
  if (kept) return kept
  const model = make()
  await writeEntry(key, model)
  return model
}
