/** What a job will cost, for --dry-run: seconds and memory from the counts of its network, for the evaluations that its settings allow. */
import { internalError } from '../../base/index.ts'
import type { ProgramKind } from '../../diffusion/index.ts'
import { activationBytes, KEPT_BYTES, memoryOfPrograms, programSize, secondsOfRun } from '../../diffusion/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { durationText } from '../../runs/index.ts'

/** A forecast. Seconds are about what that many evaluations take; memory is null where it is not known, as of networks that are a file. */
export interface JobPlan {
  /** The most there can be. */
  readonly networkEvaluations: number
  /** Of them those at most by which what is given is checked before it is used: a model's convention, somebody's rewards. */
  readonly checking?: number
  readonly seconds: number
  readonly memoryMiB: number | null
  /** Whether the seconds are of evaluations that were just measured. Default: of this machine's rate. */
  readonly measured?: boolean
  /** What else is to be said before anything is done, a line each. */
  readonly lines?: readonly string[]
  /** Why a run is refused though all of this can be said; absent: it is not. */
  readonly refusal?: Error
}

/** Network evaluations (per image) by program, and images per run of each. */
export type Work = readonly { readonly kind: ProgramKind; readonly evaluations: number; readonly batch: number }[]

/** Images and steps whose activations are kept at once. Their forward pass is their derivative's: it is counted twice and runs once. */
interface Kept {
  readonly evaluations: number
  readonly atOnce: number
}

/** MiB of activations, of which no more than a limit are kept. */
const keptMiB = (network: DenoisingNetwork, atOnce: number): number =>
  atOnce === 0 ? 0 : Math.min(KEPT_BYTES, atOnce * activationBytes(network)) / 2 ** 20

/** Evaluations that one image of a run counts as: a training step is a forward pass and two derivatives. */
export const PER_IMAGE: Readonly<Record<ProgramKind, number>> = { predict: 1, derivative: 2, trainStep: 3 }

/** Operations per second of this machine; plans measure it, unless they are told. */
export type RateOf = () => Promise<number>

/** Seconds at this machine's rate, and the memory of all programs that are needed. */
export async function forecast(
  network: DenoisingNetwork,
  work: Work,
  kept: Kept,
  rateOf: RateOf,
): Promise<Pick<JobPlan, 'seconds' | 'memoryMiB'>> {
  const run = work.map((part) =>
    part.kind === 'predict' ? { ...part, evaluations: part.evaluations - kept.evaluations } : part,
  )
  const used = run.filter(({ evaluations }) => evaluations > 0)
  const rate = await rateOf()
  const sized = used.map((part) => ({ ...part, size: programSize(network, part.kind, part.batch) }))
  const seconds = sized.reduce((sum, { kind, evaluations, batch, size }) => {
    const runs = evaluations / (PER_IMAGE[kind] * batch)
    return sum + runs * secondsOfRun(kind, size, rate)
  }, 0)
  return { seconds, memoryMiB: memoryOfPrograms(sized.map(({ size }) => size)) + keptMiB(network, kept.atOnce) }
}

/** The plan of a network that is known as a file only: what one evaluation was measured to take, so many times. */
export const measuredPlan = (
  networkEvaluations: number,
  checking: number,
  secondsPerEvaluation: number | null,
  memoryMiB: number | null = null,
): JobPlan => {
  if (secondsPerEvaluation === null) throw internalError('a model without a network must have been measured')
  return { networkEvaluations, checking, seconds: networkEvaluations * secondsPerEvaluation, memoryMiB, measured: true }
}

/** What a run is expected to take, in a line. */
export const expectedText = ({
  networkEvaluations,
  memoryMiB,
}: Pick<JobPlan, 'networkEvaluations' | 'memoryMiB'>): string => {
  const memory = memoryMiB === null ? '' : `, and about ${Math.round(memoryMiB)} MiB of memory`
  return `expected: at most ${counted(networkEvaluations)} network evaluations${memory}`
}

/** Plans whose seconds nobody reads. */
export const NO_RATE: RateOf = async () => 1

/** A plan in lines. */
export function planText({
  networkEvaluations,
  checking = 0,
  seconds,
  memoryMiB,
  measured,
  lines = [],
}: JobPlan): string {
  if (networkEvaluations === 0) return ['plan: no network is run', ...lines].join('\n')
  const of = checking > 0 ? `, ${counted(checking)} of them to check what was given` : ''
  const count = `plan: at most ${counted(networkEvaluations)} network evaluations${of}`
  const pace = measured ? 'at the pace measured just now' : 'on this machine if it is idle'
  const memory =
    memoryMiB === null
      ? '; the memory of a file whose network cannot be read is not known'
      : `, and about ${Math.round(memoryMiB)} MiB`
  const cost = `which take about ${durationText(seconds)} ${pace}${memory}`
  return [`${count}, ${cost}`, ...lines].join('\n')
}

const counted = (evaluations: number): string => evaluations.toLocaleString('en')
