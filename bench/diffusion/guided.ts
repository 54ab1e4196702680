/** Sampling guided by a reward, through the derivative of the network: a prediction and its vector-Jacobian product a guided step. */

import { denoiseGraph, denoiseVjpGraph } from '../../src/diffusion/denoisers/programs.ts'
import { compileDenoiser, generateGuided, samplerSettings } from '../../src/diffusion/index.ts'
import { operationCount } from '../../src/graph/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { initialState } from '../../src/nn/index.ts'
import { ink } from '../../src/rewards/index.ts'
import type { Figure } from '../figure.ts'
import { steppedSchedule } from '../subjects.ts'
import { timed } from '../timing.ts'

export async function measureGuided(
  network: DenoisingNetwork,
  { images, steps, runs }: { readonly images: number; readonly steps: number; readonly runs: number },
): Promise<Figure> {
  const denoiser = await compileDenoiser({
    network,
    state: initialState(network, 0),
    batch: images,
    binding: 'bound',
  })
  const reward = ink({ imageShape: network.imageShape, batch: images })
  const schedule = steppedSchedule(steps)
  const settings = samplerSettings({ sampler: 'ddim', eta: 1 })
  let guidedSteps = 0
  const timing = await timed(async () => {
    const guidance = { reward: (x0Hat: Parameters<typeof reward.gradient>[0]) => reward.gradient(x0Hat), scale: 1 }
    const paths = await generateGuided({ denoiser, schedule, settings, count: images, seed: 0, guidance })
    guidedSteps = paths.guidedSteps
  }, runs)
  await Promise.all([denoiser.dispose(), reward.dispose()])
  const forward = operationCount(denoiseGraph(network, images))
  const derivative = operationCount(denoiseVjpGraph(network, images, { weights: false }))
  return {
    what: `${network.kind}: ${images} guided images, ${steps} DDIM steps with eta 1, ${guidedSteps} of them guided`,
    timing,
    // A guided step keeps the activations of its prediction: its forward pass is the derivative's.
    operations: (steps - guidedSteps) * forward + guidedSteps * derivative,
    images,
  }
}
