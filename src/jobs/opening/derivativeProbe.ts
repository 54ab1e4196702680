/**
 * Whether a denoiser in an ONNX file has a derivative, found out before its job is opened: defaults follow from it, and what is recorded of a run says
 * them. The network is read, nothing is run.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BilevelError, fileName, inputError } from '../../base/index.ts'
import { derivativeMissing } from '../../diffusion/index.ts'
import { externalLocations, isConfined } from '../../onnx/index.ts'
import { MOST_MODEL_BYTES } from '../../runtime/index.ts'
import type { DescribingConfig } from './modelSettings.ts'
import { describedAtOnce, fileFormOf } from './modelSettings.ts'

/** What is said of the file, not checked yet. */
export type SaidOfModel = Partial<DescribingConfig> & { readonly size?: number | null }

const known = new Map<string, string | null>()

/** What keeps it from having one; null: nothing does. A file that cannot be read has none. */
export function derivativeMissingOf(path: string, said: SaidOfModel): string | null {
  try {
    const { size, mtimeMs } = statSync(path)
    const key = JSON.stringify([path, size, mtimeMs, said])
    const found = known.get(key)
    if (found !== undefined) return found
    const missing = probed(path, said)
    known.set(key, missing)
    return missing
  } catch (error) {
    // What is wrong with it is said when it is opened.
    if (error instanceof BilevelError || isOfSystem(error)) return (error as Error).message
    throw error
  }
}

const isOfSystem = (error: unknown): boolean => error instanceof Error && 'code' in error

function probed(path: string, said: SaidOfModel): string | null {
  const bytes = readFileSync(path)
  const { size = null } = said
  return derivativeMissing(
    { bytes, files: standInsFor(path, bytes) },
    {
      file: fileName(path),
      inputs: fileFormOf(describedAtOnce(path, said)).inputs,
      ...(size !== null && { imageShape: [null, size, size] }),
    },
  )
}

/** Zeros in the place of weights that lie beside the file: it is the operators that decide. */
function standInsFor(path: string, bytes: Uint8Array): Record<string, Uint8Array> {
  const locations = externalLocations(bytes).filter(isConfined)
  const sizes = locations.map((location) => statSync(join(dirname(path), location)).size)
  const all = sizes.reduce((sum, size) => sum + size, bytes.length)
  if (all > MOST_MODEL_BYTES) {
    throw inputError(
      'onnx.open',
      `${path} has ${all} bytes with its weights, beyond the ${MOST_MODEL_BYTES} that are read`,
    )
  }
  return Object.fromEntries(locations.map((location, i) => [location, new Uint8Array(sizes[i])]))
}
