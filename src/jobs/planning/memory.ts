/** What memory a job of a model that is a file will need, and whether this machine has it. */
import { inputError, machine } from '../../base/index.ts'
import type { ProgramBytes } from '../../diffusion/index.ts'
import { KEPT_BYTES, memoryOfPrograms } from '../../diffusion/index.ts'
import type { OpenedModel } from '../opening/openedModel.ts'

/** What a job does with a model's programs. */
export interface ProgramUse {
  /** Images of a call. */
  readonly chunk: number
  /** Whether it takes derivatives. */
  readonly derivative: boolean
  /** Predictions of images whose activations are held at once. Default 0. */
  readonly held?: number
}

/** Measured memory was between 1 and 1 over this of what is expected (docs/performance.md): refused is only what cannot fit even so. */
export const MEMORY_FACTOR = 2.5

/** MiB of the process at most, about; null: not known. @param bytes of the model's programs, by images of a call */
export function memoryOfUse(
  bytes: (images: number) => ProgramBytes | null,
  { chunk, derivative, held = 0 }: ProgramUse,
): number | null {
  const found = bytes(chunk)
  if (!found) return null
  const programs = [{ bytes: found.predict }, ...(derivative ? [{ bytes: found.derivative }] : [])]
  const kept = derivative ? Math.min(KEPT_BYTES, (found.kept * held) / chunk) : 0
  return memoryOfPrograms(programs) + kept / 2 ** 20
}

/**
 * Refuses what is expected to need more than all memory of this machine.
 * @param memoryOf MiB at a chunk, with all activations kept or computed again; null: not known
 * @throws `plan.memory` naming the options that fit, or that none do
 */
export function requireMemory(
  chunk: number,
  memoryOf: (chunk: number, checkpoints?: boolean) => number | null,
): number | null {
  const needed = memoryOf(chunk)
  const there = machine().memoryBytes() / 2 ** 20
  if (needed === null || needed <= MEMORY_FACTOR * there) return needed
  const lean = (images: number) => memoryOf(images, true) ?? 0
  const helps = lean(chunk) < needed
  let fitting = chunk
  while (fitting > 1 && lean(fitting) > there) fitting = Math.floor(fitting / 2)
  const options = [helps ? '--gradient-checkpointing on' : '', fitting < chunk ? `--chunk ${fitting}` : '']
  const fix =
    lean(fitting) <= there
      ? `${options.filter((option) => option !== '').join(' ')} would fit`
      : "one image a run does not fit either: smaller images (--size), or guidance without the network's derivative (--target tilt), need less"
  const words = (mib: number) => `${Math.round(mib).toLocaleString('en')} MiB`
  throw inputError(
    'plan.memory',
    `the programs of a job must fit into memory: at --chunk ${chunk} about ${words(needed)} are needed, this machine has ${words(there)}; ${fix}`,
  )
}

/** MiB of a model that is a file, by its use; null: not known. @throws `plan.memory` where it cannot fit */
export const fileMemory = ({ bytes }: Pick<OpenedModel, 'bytes'>, use: ProgramUse): number | null =>
  bytes
    ? requireMemory(use.chunk, (chunk, checkpoints) =>
        memoryOfUse((images) => bytes(images, checkpoints), { ...use, chunk }),
      )
    : null
