/**
 * The hash of a model file: of its bytes, and of the files that hold its weights where they lie outside, which decide the model's numbers
 * just as much.
 */
import { readFile } from 'node:fs/promises'
import { sha256 } from '../base/index.ts'
import { externalLocations } from '../onnx/index.ts'
import { fileHash } from './fileHash.ts'
import { outsidePlace } from './onnxFile.ts'

/**
 * SHA-256, hex; of a file without outside data, of its bytes alone.
 * @throws `onnx.outside` on outside data that does not lie in its folder; the system's error on a file that cannot be read
 */
export async function modelFileHash(path: string): Promise<string> {
  const bytes = await readFile(path)
  const own = sha256(bytes)
  const locations = externalLocations(bytes)
  if (locations.length === 0) return own
  const hashes = await Promise.all(locations.map(async (location) => fileHash(await outsidePlace(path, location))))
  return sha256(JSON.stringify([own, locations.map((location, i) => [location, hashes[i]])]))
}
