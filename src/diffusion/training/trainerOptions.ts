/** What a network is trained by: data, target, loss, optimizer; and what must hold of them. */
import { inputError, sizeOf } from '../../base/index.ts'
import type { DenoisingNetwork, Optimizer } from '../../nn/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { TrainingTarget } from '../denoiser.ts'
import type { LossForm } from '../denoisers/programs.ts'
import type { TrainingSchedule } from './trainingSchedule.ts'
import { checkTold, codeOf, isDensity } from './trainingSchedule.ts'
import type { LossWeighting } from './weighting.ts'
import { isWeighted } from './weighting.ts'

/** Images to train on: row-major [n,c,h,w] in [-1, 1]. */
export interface TrainingImages {
  readonly images: Float32Array
  readonly labels: Int32Array | null
  readonly count: number
}

export interface TrainerOptions {
  readonly network: DenoisingNetwork
  readonly data: TrainingImages
  /** T: training times are 0 to T - 1, of a flow 1 to T. */
  readonly timesteps: number
  /** What the network is trained to predict; `flow` goes with a `flowSchedule` of the same T. Default `noise`. */
  readonly prediction?: TrainingTarget
  /** What the loss of an image counts at its level. Default `uniform`: the network's own loss, each image once. */
  readonly weighting?: LossWeighting
  readonly optimizer: Optimizer
  /** Images per step. Default 64. */
  readonly batch?: number
  /** Largest global norm of a gradient, or null. Default 1. */
  readonly clip?: number | null
  /** Share of images told the null class, in [0, 1]; networks with one only. Default 0.1 there, else 0. */
  readonly dropCondition?: number
  readonly seed: number
  readonly device?: Device
}

/** The loss that programs are made for. */
export const lossForm = ({ prediction = 'noise', weighting }: TrainerOptions): LossForm => ({
  target: prediction,
  weighted: weighting !== undefined && isWeighted(weighting),
})

/** At sigma 0 there is no noise to be seen. */
export const firstTime = ({ prediction }: Pick<TrainerOptions, 'prediction'>): number => (prediction === 'flow' ? 1 : 0)

/** @throws `training.prediction` where the levels are none of what is predicted */
export function requireProcess({ prediction = 'noise', network }: TrainerOptions, schedule: TrainingSchedule): void {
  if (isDensity(schedule)) checkTold(network)
  const { path } = codeOf(schedule)
  if ((prediction === 'flow') === (path === 'flow')) return
  const came = path === 'flow' ? 'those of a flow' : 'levels with signal^2 + noise^2 = 1'
  const wanted = prediction === 'flow' ? 'the levels of a flow, flowSchedule(T)' : 'levels with signal^2 + noise^2 = 1'
  throw inputError('training.prediction', `to predict ${prediction} a network is trained at ${wanted}; got ${came}`)
}

/** Share of images that are told the null class. */
export const dropShare = ({ network, dropCondition }: TrainerOptions): number =>
  dropCondition ?? (network.nullClass === undefined ? 0 : 0.1)

/** @throws `training.images`, `training.labels`, `training.timesteps` on data that do not fit the network */
export function checkOptions(options: TrainerOptions): void {
  const { network, data, timesteps } = options
  const { imageShape, classes, nullClass, config } = network
  const share = dropShare(options)
  if (data.count < 1 || data.images.length !== data.count * sizeOf(imageShape)) {
    const came = `${data.count} images of ${data.images.length} numbers in all`
    throw inputError('training.images', `the network trains on images [${imageShape}], at least one; got ${came}`)
  }
  const told = timesteps + firstTime(options)
  if (network.times === 'integer' && typeof config.timesteps === 'number' && config.timesteps < told) {
    const what = told === timesteps ? `${timesteps} timesteps` : `the times 0 to ${timesteps} of a flow`
    throw inputError(
      'training.timesteps',
      `the network has a learned table of ${config.timesteps} times, too few for ${what}; make it as long`,
    )
  }
  if (classes === undefined) return
  const odd = data.labels?.find((label) => !(label >= 0 && label < classes))
  if (!data.labels || odd !== undefined) {
    const came = data.labels ? `label ${odd}` : 'images without labels'
    throw inputError('training.labels', `the network needs labels 0 to ${classes - 1}, got ${came}`)
  }
  if (!(share >= 0 && share <= 1)) {
    throw inputError('training.labels', `the share told the null class must lie in [0, 1], got ${share}`)
  }
  if (share > 0 && nullClass === undefined) {
    throw inputError(
      'training.labels',
      `the network has no null class to tell a share of ${share} of the images; leave dropCondition out`,
    )
  }
}
