/** Models of graphs that were made before, by this code for this engine: tracing a graph is cheap, lowering and encoding it is not. */
import { sha256 } from '../../base/index.ts'
import type { Load } from '../engine.ts'
import type { GraphKey } from '../graphKey.ts'
import { codeVersion } from './codeVersion.ts'
import { cacheFolder, readEntry, writeEntry } from './diskCache.ts'

/** Calls from which keeping a model saves more than reading it costs. */
const WORTH_NODES = 100

/**
 * The session of a graph: from the model on disk, or from one that is made and kept. What is kept is in the engine's own format,
 * which loads a fifth faster than ONNX. Nobody names what a program is: its key is the hash of the traced graph, the code that makes
 * the model, the versions of the engine and of the arithmetic that folds constants, and how it is made: whatever changes the model
 * changes the key.
 * @param engineVersion of what loads it
 * @param how device and form of the model
 */
export async function loadKept<S>(
  engineVersion: string,
  graph: GraphKey,
  how: string,
  make: () => Uint8Array,
  load: Load<S>,
): Promise<S> {
  const worth = graph.portable && graph.nodes >= WORTH_NODES
  const code = worth && cacheFolder() !== undefined ? await codeVersion() : undefined
  if (code === undefined) return load(make())
  const parts = [graph.hash, how, code, engineVersion, process.platform, process.arch, process.versions.v8]
  const key = sha256(JSON.stringify(parts))
  const kept = await readEntry(key)
  if (kept) return load(kept)
  const model = make()
  let session: S | undefined
  await writeEntry(key, async (path) => {
    session = await load(model, path)
  })
  return session ?? load(model)
}
