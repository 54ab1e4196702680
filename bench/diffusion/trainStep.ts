/** One step of training as a job does it: minibatch and noise drawn, levels looked up, `Trainer.step`, and the moving average. */

import { trainStepGraph } from '../../src/diffusion/denoisers/programs.ts'
import { Trainer, train } from '../../src/diffusion/index.ts'
import { operationCount } from '../../src/graph/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { adamw } from '../../src/nn/index.ts'
import type { Figure } from '../figure.ts'
import { syntheticImages, trainingSchedule } from '../subjects.ts'
import type { Timing } from '../timing.ts'
import { mark, timed } from '../timing.ts'

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

/** The loop of a job, from the end of one step to the end of the next. */
async function averagedSteps(trainer: Trainer, runs: number): Promise<Timing> {
  const wall: number[] = []
  const cpu: number[] = []
  let last = mark()
  await train(trainer, {
    steps: runs + 2,
    schedule: trainingSchedule,
    rate: () => RATE,
    passing: true,
    onStep({ step }) {
      const here = mark()
      // The first two steps warm up; the last one ends without a next one under way.
      if (step > 1 && step <= runs + 1) {
        wall.push(here.wall - last.wall)
        cpu.push(here.cpu - last.cpu)
      }
      last = here
    },
  })
  return { wall, cpu }
}

/** Steps alone, without the moving average. */
function plainSteps(trainer: Trainer, runs: number): Promise<Timing> {
  let state = trainer.initialState()
  return timed(async () => {
    const { loss: _, ...next } = await trainer.step(state, trainingSchedule, trainer.draw(state.step), RATE)
    state = next
  }, runs)
}

export async function measureTrainStep(network: DenoisingNetwork, options: TrainStepOptions): Promise<Figure> {
  const { batch, clip, average, runs } = options
  const trainer = await openTrainer(network, batch, clip)
  const timing = await (average ? averagedSteps(trainer, runs) : plainSteps(trainer, runs))
  await trainer.dispose()
  return {
    what: `${network.kind}: training step of ${batch} images, AdamW${clip === null ? '' : ', clipped'}${average ? ', averaged' : ''}`,
    timing,
    operations: operationCount(trainStepGraph(network, batch, adamw(), clip)),
  }
}
