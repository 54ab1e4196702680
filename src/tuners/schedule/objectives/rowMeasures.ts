/**
 * What the rows of a comparison are measured by beside the distance to held-out images: the objective, on start noise that steered nothing,
 * and for a reward the distance to the teacher's images, which tells how far the images were led away from what the model makes.
 */
import type { Denoiser, Images } from '../../../diffusion/index.ts'
import type { Objective } from './objective.ts'
import type { ObjectiveParts } from './open.ts'
import { openObjective, teacherObjective } from './open.ts'

/** Of the images of one sampling seed. */
export interface ObjectiveMeasure {
  /** Of the objective; smaller is better. */
  readonly objective: number
  /** Distance to the teacher's images, where the objective is another. */
  readonly teacher?: number
}

/** Measures images of a sampling seed that a denoiser made. */
export type RowMeasures = (denoiser: Denoiser, images: Images, seed: number) => Promise<ObjectiveMeasure>

/** Null where the rows' Fréchet distance says it all. Teacher's images are made once for each network and seed. */
export function rowMeasures(parts: ObjectiveParts, samples: number): RowMeasures | null {
  const { objective } = parts.settings
  if (objective === 'fid') return null
  const opened = new WeakMap<Denoiser, Map<number, readonly Objective[]>>()
  const at = (denoiser: Denoiser, seed: number): readonly Objective[] => {
    const known = opened.get(denoiser) ?? new Map<number, readonly Objective[]>()
    opened.set(denoiser, known)
    const noise = { samples, seed }
    const teacher = teacherObjective(parts, denoiser, noise)
    const found =
      known.get(seed) ?? (objective === 'teacher' ? [teacher] : [openObjective(parts, denoiser, noise), teacher])
    known.set(seed, found)
    return found
  }
  return async (denoiser, images, seed) => {
    const [main, guard] = at(denoiser, seed)
    const { value: objective } = await main.ofImages(images, 0)
    return { objective, ...(guard && { teacher: (await guard.ofImages(images, 0)).value }) }
  }
}
