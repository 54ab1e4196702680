/**
 * The diffusion models that come with the project: class-conditional digits at two sizes with a null class, each a model folder with
 * learned sampling schedules of DPM-Solver++ for 5, 10 and 20 steps. Trained by `npm run train:models` on the training split of the
 * embedded digits alone; recipe and figures stand in the `record.json` of each folder.
 */
import { packageAsset } from '../../data/index.ts'

/** Names of the models: digits of 16x16 and of 28x28 pixels. */
export const SHIPPED_MODELS = ['digits-16', 'digits-28'] as const

/**
 * The folder of a model that comes with the project, or null if there is none of that name.
 * @example const model = await loadModel(shippedModelFolder('digits-16') ?? 'my/model')
 */
export function shippedModelFolder(name: string): string | null {
  if (!SHIPPED_MODELS.some((known) => known === name)) return null
  return packageAsset('models', name)
}
