/**
 * What a network is trained on: the times of a noise schedule, all as often, each level told as its time; or a density of log-SNR, told in the
 * real-valued times of its code.
 */
import { inputError } from '../../base/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import type { LogSnrDensity } from '../schedules/logSnrDensity.ts'
import type { NoiseSchedule } from '../schedules/noiseSchedule.ts'

export type TrainingSchedule = NoiseSchedule | LogSnrDensity

export const isDensity = (schedule: TrainingSchedule): schedule is LogSnrDensity => 'code' in schedule

/** The schedule that names levels by times: all that sampling needs to know. */
export const codeOf = (schedule: TrainingSchedule): NoiseSchedule => (isDensity(schedule) ? schedule.code : schedule)

/** @throws `training.told` where the levels lie between the times that a network can be told */
export function checkTold(network: Pick<DenoisingNetwork, 'times' | 'kind'>): void {
  if (network.times === 'real') return
  throw inputError(
    'training.told',
    `a density of log-SNR needs a network that is told real-valued times, ${network.kind} has a table of whole ones; ` +
      'use network.kind unet, or leave the density out (trainingDensity times)',
  )
}
