/**
 * The hash of a model file: of its bytes, and of the files that hold its weights where they lie outside, which decide the model's numbers
 * just as much.
 */
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { sha256 } from '../base/index.ts'
import { externalLocations } from '../onnx/index.ts'
import { fileHash } from './fileHash.ts'

/** SHA-256, hex; of a file without outside data, of its bytes alone. @throws the system's error on a file that cannot be read */
export async function modelFileHash(path: string): Promise<string> {
  const bytes = await readFile(path)
  const own = sha256(bytes)
  const locations = externalLocations(bytes)
  if (locations.length === 0) return own
  const hashes = await Promise.all(locations.map((location) => fileHash(join(dirname(path), location))))
  return sha256(JSON.stringify([own, locations.map((location, i) => [location, hashes[i]])]))
}
