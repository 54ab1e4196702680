/** One tuning iteration of a sampling schedule: the Fréchet objective of DPM-Solver++ samples and its gradient through the sampler. */
import { tensor } from '../../src/base/index.ts'
import { digits } from '../../src/data/index.ts'
import { denoiseVjpGraph } from '../../src/diffusion/denoisers/programs.ts'
import { compileDenoiser, samplerSettings } from '../../src/diffusion/index.ts'
import { operationCount } from '../../src/graph/index.ts'
import { digitFeatures } from '../../src/metrics/files/index.ts'
import { referenceMoments } from '../../src/metrics/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { initialState } from '../../src/nn/index.ts'
import { FrechetObjective } from '../../src/tuners/schedule/objectives/fid.ts'
import type { Figure } from '../figure.ts'
import { steppedSchedule } from '../subjects.ts'
import { timed } from '../timing.ts'

export interface TuneIterationOptions {
  /** Images per iteration, more than the 64 features. */
  readonly images: number
  readonly steps: number
  /** Images per program run. */
  readonly chunk: number
  readonly runs: number
}

/** @param network for square images of a size that there are digit classifiers for, 16 or 28 */
export async function measureTuneIteration(network: DenoisingNetwork, options: TuneIterationOptions): Promise<Figure> {
  const { images: samples, steps, chunk, runs } = options
  const size = network.imageShape[1]
  const state = initialState(network, 0)
  const denoiser = await compileDenoiser({ network, state, batch: chunk, binding: 'bound' })
  const features = await digitFeatures({ size })
  const { count, shape, images } = (await digits({ size })).splits.tuning
  const reference = referenceMoments(await features.features(tensor('float32', [count, ...shape], images)))
  const settings = samplerSettings({ sampler: 'dpm-solver++' })
  const objective = new FrechetObjective({ denoiser, features, reference, settings, samples, seed: 0 })
  const schedule = steppedSchedule(steps)
  let key = 0
  const timing = await timed(() => objective.gradient(schedule, key++), runs)
  await Promise.all([denoiser.dispose(), features.dispose()])
  const derivative = operationCount(denoiseVjpGraph(network, chunk, { weights: false }))
  return {
    what: `${network.kind}: tuning iteration, ${samples} images, ${steps} DPM-Solver++ steps, backpropagation`,
    timing,
    // The last chunk is padded, and paid for. Activations are kept, so the forward pass runs once, the derivative's. The feature network is a
    // thousandth of it.
    operations: Math.ceil(samples / chunk) * steps * derivative,
  }
}
