/** A compiled graph: typed named inputs in, typed named outputs out. */
import type { Tensor } from '../base/index.ts'
import type { TensorType } from '../graph/index.ts'

export interface Program<I extends string = string, O extends string = string> {
  readonly inputs: Readonly<Record<I, TensorType>>
  readonly outputs: Readonly<Record<O, TensorType>>
  /**
   * Runs once. Calls on one program are queued, not overlapped; inputs are read when their turn has come and are not to be changed before
   * the promise has settled (a copy of all weights at each training step is left out). @throws `runtime.feed` naming a missing or misshapen input
   */
  run(inputs: Readonly<Record<I, Tensor>>): Promise<Record<O, Tensor>>
  /** Frees the session. */
  dispose(): Promise<void>
}

/** Where programs run. */
export const DEVICES = ['cpu', 'webgpu', 'cuda'] as const
export type Device = (typeof DEVICES)[number]
