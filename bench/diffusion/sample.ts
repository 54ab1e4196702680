/** Sampling with frozen weights: `generate` over DDIM steps, one program run a step. */

import { denoiseGraph } from '../../src/diffusion/denoisers/programs.ts'
import { compileDenoiser, generate, samplerSettings } from '../../src/diffusion/index.ts'
import { operationCount } from '../../src/graph/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { initialState } from '../../src/nn/index.ts'
import type { Figure } from '../figure.ts'
import { steppedSchedule } from '../subjects.ts'
import { timed } from '../timing.ts'

export async function measureSample(
  network: DenoisingNetwork,
  { images, steps, runs }: { readonly images: number; readonly steps: number; readonly runs: number },
): Promise<Figure> {
  const denoiser = await compileDenoiser({
    network,
    state: initialState(network, 0),
    batch: images,
    binding: 'bound',
  })
  const schedule = steppedSchedule(steps)
  const settings = samplerSettings({ sampler: 'ddim' })
  const timing = await timed(() => generate({ denoiser, schedule, settings, count: images, seed: 0 }), runs)
  await denoiser.dispose()
  return {
    what: `${network.kind}: ${images} images, ${steps} DDIM steps`,
    timing,
    operations: steps * operationCount(denoiseGraph(network, images)),
    images,
  }
}
