/** What all phases of an entropy strength job share: its draws, its history, and the way to report. */
import type { EntropyPhase } from './checkpoint.ts'
import type { ItemMean } from './estimators/gradientCurve.ts'
import type { EntropyEvent } from './events.ts'
import type { EntropyOptions } from './job.ts'
import type { EntropyIteration } from './result.ts'
import { Draws } from './search/draws.ts'
import type { GradientMethod } from './search/methods.ts'
import type { EntropySettings } from './settings.ts'

/** Widest step of the first look, in log lambda. */
const WIDEST_STEP = 0.45

/** Steps of the first look for one of the curve's. */
function partsOf({
  lambdaRange: [low, high],
  curvePoints,
}: Pick<EntropySettings, 'lambdaRange' | 'curvePoints'>): number {
  return Math.ceil(Math.log(high / low) / (curvePoints - 1) / WIDEST_STEP)
}

/** Places of the first look. */
export const searchPlaces = (settings: Pick<EntropySettings, 'lambdaRange' | 'curvePoints'>) =>
  partsOf(settings) * (settings.curvePoints - 1) + 1

export class EntropyRun {
  readonly job: EntropyOptions
  readonly draws: Draws
  readonly iterations: EntropyIteration[] = []
  #planned = 0

  constructor(job: EntropyOptions) {
    this.job = job
    this.draws = new Draws(job)
  }

  /** Ends of the range in log lambda. */
  get range(): { readonly low: number; readonly high: number } {
    const [low, high] = this.job.settings.lambdaRange
    return { low: Math.log(low), high: Math.log(high) }
  }

  /** Log lambdas of the trade-off curve. */
  get grid(): number[] {
    const { low, high } = this.range
    const last = this.job.settings.curvePoints - 1
    return Array.from({ length: last + 1 }, (_, i) => (i === last ? high : low + ((high - low) * i) / last))
  }

  /** Log lambdas of the first look over the whole range: the curve's, and as many between them as leave no step wider than a valley. */
  get searchGrid(): number[] {
    const { grid } = this
    const parts = partsOf(this.job.settings)
    return grid.flatMap((x, i) => {
      if (i === 0) return [x]
      const between = (k: number) => grid[i - 1] + ((x - grid[i - 1]) * k) / parts
      return Array.from({ length: parts }, (_, k) => (k === parts - 1 ? x : between(k + 1)))
    })
  }

  /** Widest interval of log lambda that counts as resolved. */
  get width(): number {
    return Math.log(this.job.settings.tolerance)
  }

  /** Network evaluations left for finding and confirming lambda. */
  get left(): number {
    const { explore, refine, confirm } = this.draws.spent
    return this.job.settings.maxEvaluations - explore - refine - confirm
  }

  /** Items of a method at that many scales that the evaluations left allow, all of them new. */
  affordable(method: Pick<GradientMethod, 'cost'>, nodes: number): number {
    return Math.max(0, Math.floor(this.left / method.cost(nodes)))
  }

  /** Notes a step of the search. */
  async iteration(
    phase: EntropyIteration['phase'],
    at: number,
    { mean, standardError, collapsed }: Pick<ItemMean, 'mean' | 'standardError'> & { readonly collapsed: boolean },
    paths: number,
  ): Promise<void> {
    const iteration: EntropyIteration = {
      iteration: this.iterations.length + 1,
      phase,
      lambda: Math.exp(at),
      gradient: { mean, standardError, count: paths },
      collapsed,
      paths,
      evaluations: this.draws.evaluations,
    }
    this.iterations.push(iteration)
    await this.event({ kind: 'iteration', ...iteration })
  }

  /** Reports what was not reported before. */
  async event(event: EntropyEvent): Promise<void> {
    if (!this.draws.replaying) await this.job.onEvent?.(event)
  }

  /** Says how many evaluations are still expected from here. */
  progress(phase: EntropyPhase, detail: string, ahead: number): void {
    const done = this.draws.evaluations
    this.#planned = Math.max(done, done + ahead)
    this.job.onProgress?.({ phase, done, total: this.#planned, detail })
  }
}
