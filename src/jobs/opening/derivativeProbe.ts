/**
 * Whether networks in ONNX files have derivatives, found out before their job is opened: defaults follow from it, and what is recorded of a run says
 * them. A network is read, nothing is run.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { BilevelError, fileName } from '../../base/index.ts'
import { derivativeMissing } from '../../diffusion/index.ts'
import { imageDerivativeMissing } from '../../metrics/files/index.ts'
import { externalLocations, isConfined } from '../../onnx/index.ts'
import { parseRewardSpec, rewardDerivativeMissing } from '../../rewards/index.ts'
import type { ModelFiles } from '../../runtime/index.ts'
import { MOST_MODEL_BYTES, tooLarge } from '../../runtime/index.ts'
import type { DescribingConfig } from './modelSettings.ts'
import { describedAtOnce, fileFormOf } from './modelSettings.ts'

/** What is said of the file, not checked yet. */
export type SaidOfModel = Partial<DescribingConfig> & { readonly size?: number | null }

/** What keeps a denoiser from having one; null: nothing does. A file that cannot be read has none. */
export function derivativeMissingOf(path: string, said: SaidOfModel): string | null {
  const { size = null } = said
  return probed(path, said, (files) =>
    derivativeMissing(files, {
      file: fileName(path),
      inputs: fileFormOf(describedAtOnce(path, said)).inputs,
      ...(size !== null && { imageShape: [null, size, size] }),
    }),
  )
}

/** The same of a feature network. @param output the one that is taken; null: the only one */
export function featuresDerivativeMissing(path: string, output: string | null): string | null {
  return probed(path, { output }, (files) =>
    imageDerivativeMissing(files, { file: fileName(path), choose: () => output ?? undefined }),
  )
}

/**
 * The same of a reward in words: of its first file without one. Modules are of JavaScript, and have none that is known before they run.
 * @throws `reward.spec`
 */
export function rewardDerivativeMissingOf(spec: string): string | null {
  for (const { kind, name, argument: output } of parseRewardSpec(spec)) {
    if (kind === 'module') return `${name} is JavaScript`
    if (kind !== 'onnx') continue
    const how = { file: fileName(name), ...(output !== undefined && { output }) }
    const missing = probed(name, { output }, (files) => rewardDerivativeMissing(files, how))
    if (missing !== null) return missing
  }
  return null
}

const known = new Map<string, string | null>()

/** What a probe finds in a file, remembered as long as the file and what is said of it stay the same. */
function probed(path: string, said: object, probe: (files: ModelFiles) => string | null): string | null {
  try {
    const { size, mtimeMs } = statSync(path)
    const key = JSON.stringify([path, size, mtimeMs, said])
    const found = known.get(key)
    if (found !== undefined) return found
    const bytes = readFileSync(path)
    const missing = probe({ bytes, files: standInsFor(path, bytes) })
    known.set(key, missing)
    return missing
  } catch (error) {
    // What is wrong with it is said when it is opened.
    if (error instanceof BilevelError || isOfSystem(error)) return (error as Error).message
    throw error
  }
}

const isOfSystem = (error: unknown): boolean => error instanceof Error && 'code' in error

/** Zeros in the place of weights that lie beside the file: it is the operators that decide. */
function standInsFor(path: string, bytes: Uint8Array): Record<string, Uint8Array> {
  const locations = externalLocations(bytes).filter(isConfined)
  const sizes = locations.map((location) => statSync(join(dirname(path), location)).size)
  const all = sizes.reduce((sum, size) => sum + size, bytes.length)
  if (all > MOST_MODEL_BYTES) throw tooLarge(path, all)
  return Object.fromEntries(locations.map((location, i) => [location, new Uint8Array(sizes[i])]))
}
