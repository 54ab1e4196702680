/** One step of training as a job does it: minibatch and noise drawn, levels looked up, `Trainer.step`, and the moving average. */

import { Trainer } from '../../src/diffusion/index.ts'
import { trainStepGraph } from '../../src/diffusion/programs.ts'
import { operationCount } from '../../src/graph/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { adamw, emaDecay, updateEma } from '../../src/nn/index.ts'
import type { Figure } from '../figure.ts'
import { syntheticImages, trainingSchedule } from '../subjects.ts'
import { timed } from '../timing.ts'

/** Images to draw minibatches from. */
const IMAGES = 1024
const RATE = 1e-3

/** What of training differs between the two networks: the published loop of the paper's neither clips nor averages. */
export interface TrainStepOptions {
  readonly batch: number
  readonly clip: number | null
  readonly average: boolean
  readonly runs: number
}

/** A compiled trainer of a network on synthetic images. */
export const openTrainer = (network: DenoisingNetwork, batch: number, clip: number | null): Promise<Trainer> =>
  Trainer.create({
    network,
    data: syntheticImages(network.imageShape, IMAGES),
    timesteps: 1000,
    optimizer: adamw(),
    batch,
    clip,
    seed: 0,
  })

export async function measureTrainStep(network: DenoisingNetwork, options: TrainStepOptions): Promise<Figure> {
  const { batch, clip, average, runs } = options
  const trainer = await openTrainer(network, batch, clip)
  let state = trainer.initialState()
  let ema = state.weights
  const timing = await timed(async () => {
    const { loss: _, ...next } = await trainer.step(state, trainingSchedule, trainer.draw(state.step), RATE)
    state = next
    if (!average) return
    ema = ema.slice()
    updateEma(ema, state.weights, emaDecay(state.step, 0.995))
  }, runs)
  await trainer.dispose()
  return {
    what: `${network.kind}: training step of ${batch} images, AdamW${clip === null ? '' : ', clipped'}${average ? ', averaged' : ''}`,
    timing,
    operations: operationCount(trainStepGraph(network, batch, adamw(), clip)),
  }
}
