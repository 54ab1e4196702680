/** The published loop in a comparison: images of the base model alone, reweighted, and the best of five step sizes in hindsight. */
import { evaluationsBy } from '../../../diffusion/index.ts'
import type { ComparedTrial, Contestant } from '../../compare/contestant.ts'
import type { Searched } from '../../compare/searching.ts'
import type { EntropyOptions } from '../job.ts'
import { publishedLoop } from '../search/baselines.ts'
import { Draws } from '../search/draws.ts'
import type { ComparedStrength } from './strength.ts'

const BATCH = 256
const GAMMA = 10
const STEPS = [0.01, 0.1, 1, 10, 100]

interface PublishedState {
  /** r1 and r2 of each batch of base images. */
  readonly batches: readonly { readonly upper: Float64Array; readonly lower: Float64Array }[]
}

/** @param measured the mean of the judge at a lambda, negative, by which the step size is chosen in hindsight: charged to nobody */
export function publishedStrength(
  job: EntropyOptions,
  {
    start,
    measured,
  }: {
    readonly start: number
    readonly measured: (lambda: number, seed: number) => ReturnType<Searched<ComparedStrength>['measure']>
  },
): Contestant<ComparedStrength> {
  const each = evaluationsBy(job.denoiser, { schedule: job.schedule, settings: job.sampler })
  const cost = BATCH * each
  return {
    name: 'published',
    words: `penalty gradient from base images, gamma ${GAMMA}, the best of five step sizes in hindsight`,
    minimum: cost,
    async run(turn) {
      const seeded = {
        ...job,
        settings: { ...job.settings, seed: turn.seed },
        ...(turn.signal && { signal: turn.signal }),
      }
      let { batches } = (turn.at.state as PublishedState | null) ?? { batches: [] }
      const after = (step: number) =>
        publishedLoop({
          draw: (_count, batch) => batches[batch],
          evaluationsPerImage: each,
          range: job.settings.lambdaRange,
          gamma: GAMMA,
          ...{ start, step, batch: BATCH, iterations: batches.length },
        })
      while (turn.affords(cost)) {
        const draws = new Draws(seeded)
        const { upper, lower } = await draws.base({ first: batches.length * BATCH, count: BATCH }, 'explore')
        batches = [...batches, { upper, lower }]
        const { lambda } = after(1)[batches.length - 1]
        const incumbent = batches.length === 1 ? { incumbent: { solution: { lambda, weight: 0 }, value: null } } : {}
        await turn.done({ cost, state: { batches }, ...incumbent })
      }
      const trials: ComparedTrial[] = []
      for (const step of STEPS) {
        const { lambda } = after(step)[batches.length - 1]
        const { value, standardError, seen } = await measured(lambda, turn.seed)
        const { evaluations } = turn.at
        trials.push({
          parameters: { lambda, step },
          share: 1,
          value,
          standardError,
          evaluations,
          ...(seen && { seen }),
        })
      }
      const best = trials.reduce((least, one) => ((one.value ?? 0) < (least.value ?? 0) ? one : least))
      const { lambda } = best.parameters
      await turn.done({
        cost: 0,
        state: { batches },
        trials,
        incumbent: { solution: { lambda, weight: 0 }, value: best.value },
      })
    },
  }
}
