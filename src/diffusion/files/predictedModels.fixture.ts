/** Small networks with weights that are a formula, saved as if trained to predict each of what there is. */
import { initialState, unet2d } from '../../nn/index.ts'
import type { TrainingTarget } from '../denoiser.ts'
import { predictionOf, TRAINING_TARGETS } from '../denoiser.ts'
import { flowSchedule } from '../schedules/flowSchedule.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { Model } from './modelFolder.ts'

export const PREDICTED: readonly TrainingTarget[] = TRAINING_TARGETS

const network = unet2d({
  sample_size: 8,
  in_channels: 1,
  out_channels: 1,
  block_out_channels: [4, 8],
  layers_per_block: 1,
  norm_num_groups: 2,
  down_block_types: ['DownBlock2D', 'DownBlock2D'],
  up_block_types: ['UpBlock2D', 'UpBlock2D'],
})

/** T is 60; a training schedule that is a formula of diffusers'. */
export function predictedModel(target: TrainingTarget): Model {
  const { weights, statistics } = initialState(network, 5)
  return {
    network,
    state: { weights: weights.map((value, i) => value + 0.1 * Math.sin(i)), statistics },
    noiseSchedule: target === 'flow' ? flowSchedule(60) : noiseSchedule({ family: 'linear', timesteps: 60 }),
    prediction: predictionOf(target),
    samplingSchedules: [],
  }
}
