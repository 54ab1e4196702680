/** What `bilevel entropy` does, in a comparison: gradients in log lambda, until the interval is confirmed or the budget is spent. */
import { evaluationsBy } from '../../../diffusion/index.ts'
import { meanAndStandardError } from '../../../metrics/index.ts'
import type { ComparedTrial, Contestant } from '../../compare/contestant.ts'
import type { Draw, EntropyCheckpoint } from '../checkpoint.ts'
import { leastEvaluations } from '../cost.ts'
import type { EntropyOptions } from '../job.ts'
import { Draws } from '../search/draws.ts'
import { tuneEntropyStrength } from '../tune.ts'
import type { ComparedStrength } from './strength.ts'

/** Of the trade-off curve and the pictures, which decide nothing, as few as there can be: they are charged to nobody. */
const FEW = { curvePaths: 8, gridImages: 1 } as const

interface BilevelState {
  readonly maxEvaluations: number
  readonly at: EntropyCheckpoint | null
}

const isCharged = ({ phase }: Draw): boolean => phase !== 'curve'

/** @param trialImages images of a whole trial of the others */
export function bilevelStrength(job: EntropyOptions, trialImages: number): Contestant<ComparedStrength> {
  const each = evaluationsBy(job.denoiser, { schedule: job.schedule, settings: job.sampler })
  return {
    name: 'bilevel',
    words: 'gradients in log lambda of the guided chain, with an interval',
    minimum: leastEvaluations(job.settings, each),
    async run(turn) {
      const { budget, seed, signal } = turn
      const settings = { ...job.settings, ...FEW, seed }
      const known = turn.at.state as BilevelState | null
      const maxEvaluations =
        known?.maxEvaluations ?? (budget.kind === 'evaluations' ? budget.most : await within(budget.most, job, seed))
      let made: readonly Draw[] = known?.at?.draws ?? []
      let incumbent: { readonly solution: ComparedStrength; readonly value: null } | undefined
      const { entropyStrength } = await tuneEntropyStrength({
        ...job,
        settings: { ...settings, maxEvaluations },
        ...(known?.at && { from: known.at }),
        ...(signal && { signal }),
        onEvent: (event) => {
          if (event.kind !== 'iteration' || event.phase === 'explore') return
          incumbent = { solution: { lambda: event.lambda, weight: 0 }, value: null }
        },
        onCheckpoint: async (at) => {
          const fresh = at.draws.slice(made.length).filter(isCharged)
          made = at.draws
          const spent = turn.at.evaluations
          await turn.done({
            cost: evaluationsOf(fresh),
            state: { maxEvaluations, at },
            trials: fresh.map((draw) => trialOf(draw, spent, trialImages)),
            ...(incumbent && { incumbent }),
          })
          incumbent = undefined
        },
      })
      await turn.done({
        cost: 0,
        state: { maxEvaluations, at: { draws: made, seconds: 0 } },
        incumbent: { solution: { lambda: entropyStrength.value, weight: 0 }, value: null },
      })
    },
  }
}

const evaluationsOf = (draws: readonly Draw[]): number => draws.reduce((sum, { evaluations }) => sum + evaluations, 0)

function trialOf(
  { scale, upper, lower, count, evaluations }: Draw,
  before: number,
  trialImages: number,
): ComparedTrial {
  const { mean, standardError } = meanAndStandardError(upper)
  return {
    parameters: { lambda: 1 / scale },
    share: Math.min(1, count / trialImages),
    value: -mean,
    standardError,
    evaluations: before + evaluations,
    seen: { r1: mean, r2: meanAndStandardError(lower).mean },
  }
}

/** Network evaluations that so many seconds are enough for, at the pace of a few paths. */
async function within(seconds: number, job: EntropyOptions, seed: number): Promise<number> {
  const draws = new Draws({ ...job, settings: { ...job.settings, seed } })
  const began = performance.now()
  await draws.paths(1 / job.settings.lambdaRange[1], { first: 2 ** 29, count: draws.perCall }, 'explore')
  const pace = (performance.now() - began) / 1000 / draws.evaluations
  return Math.max(1, Math.floor(seconds / pace))
}
