/** What a schedule is learned for: a network trained here, a trained one with derivatives, or a model without any. */
import { internalError } from '../../base/index.ts'
import type { CompiledDenoiser, Denoiser, NoiseSchedule } from '../../diffusion/index.ts'
import { compileDenoiser } from '../../diffusion/index.ts'
import type { DenoisingNetwork, NetworkState } from '../../nn/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { LearnSettings } from './settings.ts'
import { startingSchedule } from './settings.ts'

export type Subject =
  /** Trained by the job itself, from `state` if there is one, else from fresh weights. */
  | { readonly kind: 'train'; readonly network: DenoisingNetwork; readonly state?: NetworkState }
  /** Trained before; only its sampling schedule is learned. */
  | {
      readonly kind: 'pretrained'
      readonly network: DenoisingNetwork
      readonly state: NetworkState
      readonly schedule: NoiseSchedule
    }
  /** Somebody else's model, without derivatives. */
  | { readonly kind: 'foreign'; readonly denoiser: Denoiser; readonly schedule: NoiseSchedule }

/** The shape of the images it makes, and the times it can be told. */
export const denoises = (subject: Subject): Pick<Denoiser, 'imageShape' | 'times'> =>
  subject.kind === 'foreign' ? subject.denoiser : subject.network

/** The schedule that the network is (or was) trained with before anything is learned. */
export function trainingScheduleOf(subject: Subject, settings: LearnSettings): NoiseSchedule {
  return subject.kind === 'train' ? startingSchedule(settings) : subject.schedule
}

/** A denoiser for sampling, and what frees it. */
export interface OpenDenoiser {
  readonly denoiser: Denoiser
  close(): Promise<void>
}

/** The network at fixed weights, bound; a foreign model as it is (its owner closes it). */
export async function openDenoiser(
  subject: Subject,
  state: NetworkState | null,
  { chunk, device }: { readonly chunk: number; readonly device?: Device },
): Promise<OpenDenoiser> {
  if (subject.kind === 'foreign') return { denoiser: subject.denoiser, close: async () => undefined }
  const weights = subject.kind === 'pretrained' ? subject.state : state
  if (!weights) throw internalError('a network was to be opened before it had weights')
  const denoiser: CompiledDenoiser = await compileDenoiser({
    network: subject.network,
    state: weights,
    batch: chunk,
    binding: 'bound',
    ...(device && { device }),
  })
  return { denoiser, close: () => denoiser.dispose() }
}
