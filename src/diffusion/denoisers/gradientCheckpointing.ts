/**
 * Whether a derivative keeps only what passes some cuts of the forward pass, and computes the rest again on the way back: less memory, more time, the same
 * numbers (`checkpointed` of the runtime).
 */
import { machine } from '../../base/index.ts'
import type { Graph } from '../../graph/index.ts'
import { liveBytes } from '../../graph/index.ts'
import { recompute } from '../../runtime/index.ts'
import { memoryOfPrograms } from './programCost.ts'

/** `auto`: where a derivative that keeps all activations is expected not to fit into this machine's memory. */
export const GRADIENT_CHECKPOINTING = ['auto', 'on', 'off'] as const
export type GradientCheckpointing = (typeof GRADIENT_CHECKPOINTING)[number]

/** @param graph of the derivative, of which `lanes` run at the same time */
export function wantsCheckpoints(asked: GradientCheckpointing, graph: () => Graph, lanes: number): boolean {
  if (asked !== 'auto') return asked === 'on'
  const needed = memoryOfPrograms([{ bytes: lanes * liveBytes(recompute(graph())) }])
  return needed * 2 ** 20 > machine().memoryBytes()
}

/** Said where it was chosen, and not asked for. */
export const checkpointNote = (file: string): string =>
  `the derivative of ${file} computes activations again on the way back (gradient checkpointing), as all of them are not expected to fit into memory; --gradient-checkpointing off keeps them`
