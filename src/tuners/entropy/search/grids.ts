/** Images to look at: from the base model, weakly guided, at the chosen lambda, and at the strongest guidance of the range. */
import { randomStream } from '../../../base/index.ts'
import type { Images } from '../../../diffusion/index.ts'
import { generate, generateGuided, imagesByWeight, picturesOf, sequentialMonteCarlo } from '../../../diffusion/index.ts'
import type { EntropyOptions } from '../job.ts'
import type { EntropyGrid } from '../result.ts'
import { unratedBy } from './draws.ts'

/** Weak guidance is shown at the lambda of the curve that is nearest to this many times the chosen one. */
const WEAKER = 5

/** Particles per image shown: images of a tilt are drawn by weight, without giving one twice if it can be helped. */
export const PARTICLES_PER_IMAGE = 8

/** Grids at most. */
export const GRIDS = 4

/**
 * Grids from the same seeds, and the network evaluations they took. `guided`: by the guided chain, else from the tilt by particles.
 * `curve`: lambdas of the trade-off curve, so that there are numbers beside the images.
 */
export async function sampleGrids(
  job: EntropyOptions,
  value: number,
  guided: boolean,
  curve: readonly number[],
): Promise<{ readonly grids: EntropyGrid[]; readonly evaluations: number }> {
  const [low] = job.settings.lambdaRange
  const away = (lambda: number) => Math.abs(Math.log(lambda / (WEAKER * value)))
  const weak = curve.reduce((best, lambda) => (away(lambda) < away(best) ? lambda : best))
  const isValue = (lambda: number) => Math.abs(Math.log(lambda / value)) < 1e-9
  const wanted: Pick<EntropyGrid, 'label' | 'lambda'>[] = [
    { label: 'base', lambda: null },
    // An optimum at an end of the range is the weakest, or the strongest, itself.
    ...(isValue(weak) ? [] : [{ label: 'weak', lambda: weak } as const]),
    { label: 'chosen', lambda: value },
    ...(isValue(low) ? [] : [{ label: 'strongest', lambda: low } as const]),
  ]
  const grids: EntropyGrid[] = []
  let evaluations = 0
  for (const { label, lambda } of wanted) {
    const drawn = await imagesAt(job, lambda, guided)
    evaluations += drawn.evaluations
    const pictures = await picturesOf(job.denoiser, drawn.images)
    const [count, ...shape] = pictures.shape
    grids.push({ label, lambda, count, shape, images: Float32Array.from(pictures.data) })
  }
  return { grids, evaluations }
}

async function imagesAt(
  { denoiser, schedule, sampler, reward, condition, settings, signal }: EntropyOptions,
  lambda: number | null,
  guided: boolean,
): Promise<{ readonly images: Images; readonly evaluations: number }> {
  const { seed, gridImages, minimumAlphaBar, through } = settings
  const count = guided || lambda === null ? gridImages : PARTICLES_PER_IMAGE * gridImages
  const classes = condition && Int32Array.from({ length: count }, (_, item) => condition(item))
  const common = {
    ...{ denoiser, schedule, settings: sampler, count, seed },
    ...(classes && { condition: classes }),
    ...(signal && { signal }),
  }
  if (lambda === null) return generate(common)
  const scale = 1 / lambda
  if (guided) {
    const guidance = {
      reward: (x0Hat: Images, own?: Int32Array) => reward.gradient(x0Hat, own),
      scale,
      minimumAlphaBar,
      through,
      ...unratedBy(reward),
    }
    return generateGuided({ ...common, guidance })
  }
  const particles = await sequentialMonteCarlo({
    ...common,
    reward: (x0Hat, own) => reward.values(x0Hat, own),
    scale,
    minimumAlphaBar,
    ...unratedBy(reward),
  })
  const { images } = imagesByWeight(particles, gridImages, randomStream({ seed, purpose: 'entropy.grid' }))
  return { images, evaluations: particles.evaluations }
}
