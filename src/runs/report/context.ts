/** What a report says beside the result: which run, with what settings, on what. */
import type { Json } from '../json.ts'
import type { StepLoss } from './stepLoss.ts'

export interface ReportContext {
  /** Name of the run, or the path of its folder. */
  readonly run: string
  /** Null where no preset was named. */
  readonly preset: string | null
  /** Every resolved setting. */
  readonly config: { readonly [key: string]: Json }
  /** Largest resident memory of the process, in MiB; null where it was not measured. */
  readonly peakMemoryMiB: number | null
  /** Whether the run folder holds the model: false for other people's file, which stays where it is. Default true. */
  readonly savedModel?: boolean
  /** The loss of every training step of this run. Default none. */
  readonly losses?: readonly StepLoss[]
  /** What the judge knows of labelled real images; null: it could not be asked. Absent: not asked, or no judge. */
  readonly judgeKnowledge?: { readonly accuracy: number; readonly images: number } | null
  /** Whether the model is known not to have seen the held-out images; absent: it was trained here, on others. */
  readonly heldOut?: HeldOutContext
  /** What a reader must know, a sentence each. Absent: nothing. */
  readonly notes?: readonly string[]
  /** Versions by name: this package, Node, ONNX Runtime, the platform. */
  readonly versions: Readonly<Record<string, string>>
}

export interface HeldOutContext {
  readonly known: boolean
  /** Images that the model has seen and that were left out of the splits. */
  readonly leftOut: { readonly tuning: number; readonly heldOut: number }
}

/** What the report of an entropy strength says more. */
export interface EntropyContext extends ReportContext {
  /** What was sampled from, as `bilevel sample` takes it. */
  readonly model: string
  /** Names and hashes of all that was read. */
  readonly sources: { readonly [name: string]: Json }
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
}
