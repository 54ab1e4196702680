/**
 * Tuning the entropy strength of a pretrained model, the whole job: look over the range, search, confirm by fresh paths, measure the trade-off.
 *
 *     min_lambda -E_p[r1]    s.t.   p = argmin_p' { -E_p'[r2] + lambda KL(p' || p0) }
 *
 * The upper variable is log lambda within its range, the lower level is inference only (Xiao et al., ICML 2025, arXiv 2502.08808). Nothing is
 * trained.
 */

import { meanOf } from './estimators/gradientCurve.ts'
import { scoreValues } from './estimators/scoreFunction.ts'
import type { EntropyOptions } from './job.ts'
import { openEntropy } from './open.ts'
import type { EntropyIteration, EntropyResult, EntropyStrength } from './result.ts'
import { EntropyRun } from './run.ts'
import { confirm } from './search/confirm.ts'
import type { TradeOff } from './search/curve.ts'
import { atThree, diversityAtThree, tradeOff } from './search/curve.ts'
import { directionOf } from './search/direction.ts'
import { totalOf } from './search/draws.ts'
import type { FirstLook } from './search/explore.ts'
import { explore } from './search/explore.ts'
import { sampleGrids } from './search/grids.ts'
import type { GradientMethod, MethodName } from './search/methods.ts'
import { MOST_NODES, methodOf } from './search/methods.ts'
import type { Found } from './search/refine.ts'
import { refine } from './search/refine.ts'

/** Share of effective samples below which a tilt is looked for by particles instead of weights. */
const PARTICLES_BELOW = 0.5

/**
 * Finds the entropy strength lambda that is best for the judge, with an interval, and the trade-off around it.
 * That it is not resolved is a value of the result, with what to raise.
 * @throws `entropy.*` on options that do not fit, `guidance.*`, `smc.*`, `sampler.*`, what the rewards throw; `interrupted` through `signal`
 * @example await tuneEntropyStrength({ denoiser, schedule, sampler: samplerSettings({ eta: 1 }), reward, judge, features, settings: entropySettings() })
 */
export async function tuneEntropyStrength(options: EntropyOptions): Promise<EntropyResult> {
  const first = openEntropy(options)
  const run = new EntropyRun(options)
  const { method, found, look } = await search(run, first)
  const strength = await confirm(run, method, found, look.shape)
  const measured = await tradeOff(run, method.name, strength.value)
  return assemble(run, method.name, strength, measured)
}

/** What the search comes to, and by what. */
interface Searched {
  readonly method: GradientMethod
  readonly found: Found
  readonly look: FirstLook
}

/** Explores and refines; where the estimator is left open, takes the one that proves sharper. */
async function search(run: EntropyRun, name: MethodName): Promise<Searched> {
  const { job, draws } = run
  const method = methodOf(name, job, draws)
  const look = await explore(run, method)
  const found = await refine(run, method, look)
  const searched = { method, found, look }
  if (job.settings.estimator !== 'auto') return searched
  if (name === 'paired-differences') return sharper(run, searched)
  if (name === 'paths' && found.stretch.share(found.centre) < PARTICLES_BELOW) return byParticles(run, searched)
  return searched
}

/** Score function or paired differences, whichever takes fewer evaluations for the same error at what was found. */
async function sharper(run: EntropyRun, searched: Searched): Promise<Searched> {
  const { method: paired, found, look } = searched
  const score = methodOf('score-function', run.job, run.draws)
  const { curve } = found.stretch
  const middle = curve.nodes.reduce((a, b) => (Math.abs(b - found.centre) < Math.abs(a - found.centre) ? b : a))
  const batch = await run.draws.paths(Math.exp(-middle), { first: 0, count: curve.count }, 'refine')
  const errors = {
    score: meanOf(scoreValues(batch)).standardError ** 2 * score.cost(score.nodes(0, 1).length),
    paired: curve.at(found.centre).standardError ** 2 * paired.cost(curve.nodes.length),
  }
  if (errors.paired <= errors.score) return searched
  // Drawn at its own scales: where there is not enough left for that, what is there has to do.
  if (run.affordable(score, score.nodes(0, 1).length) < curve.count) return searched
  const nodes = [...score.nodes(found.centre, (curve.nodes[curve.nodes.length - 1] - curve.nodes[0]) / 2)]
  const stretch = await score.stretch(nodes, { first: 0, count: curve.count }, 'refine', look.shape)
  return { method: score, found: { ...found, stretch }, look }
}

/** The search over again by sequential Monte Carlo: weights are too uneven there even to steer. */
async function byParticles(run: EntropyRun, searched: Searched): Promise<Searched> {
  const { found, look } = searched
  const method = methodOf('smc', run.job, run.draws)
  if (run.affordable(method, MOST_NODES) < method.first) return searched
  const { grid } = run
  const nearest = grid.reduce(
    (best, x, i) => (Math.abs(x - found.centre) < Math.abs(grid[best] - found.centre) ? i : best),
    0,
  )
  const moved = { ...look, least: nearest }
  return { method, found: await refine(run, method, moved), look: moved }
}

/** Where an optimum inside is resolved, there is nothing to look for elsewhere. */
function extendOf({ boundary, resolved }: EntropyStrength, iterations: readonly EntropyIteration[]) {
  if (boundary !== null) return boundary
  return resolved ? null : directionOf(iterations)
}

async function assemble(
  run: EntropyRun,
  name: MethodName,
  entropyStrength: EntropyStrength,
  measured: TradeOff,
): Promise<EntropyResult> {
  const { job, draws } = run
  const { settings, reward, judge, features, sampler, schedule } = job
  run.progress('curve', 'sample grids', 4 * settings.gridImages * draws.costPerPath)
  const lambdas = measured.curve.map(({ lambda }) => lambda)
  const { grids, evaluations } = await sampleGrids(job, entropyStrength.value, settings.target === 'guided', lambdas)
  const spent = { ...draws.spent, curve: draws.spent.curve + evaluations }
  const { tuned, curve } = measured
  return {
    seed: settings.seed,
    target: settings.target,
    estimator: name,
    gamma: settings.target === 'penalty' ? settings.gamma : null,
    sampler,
    samplingSteps: schedule.levels.length,
    lambdaRange: settings.lambdaRange,
    tolerance: settings.tolerance,
    minimumAlphaBar: settings.minimumAlphaBar,
    rewardName: reward.name,
    judgeName: judge.name,
    featureNetwork: features?.name ?? null,
    entropyStrength,
    extend: extendOf(entropyStrength, run.iterations),
    upper: atThree(measured, 'upper'),
    lower: atThree(measured, 'lower'),
    diversity: diversityAtThree(measured),
    kl: {
      value: tuned.kl.mean,
      standardError: tuned.kl.standardError,
      kind: tuned.target === 'guided' ? 'path' : 'tilt',
    },
    effectiveSampleSize: tuned.effectiveSampleSize,
    paretoK: tuned.paretoK,
    networkEvaluations: { ...spent, total: totalOf(spent) },
    curve,
    iterations: run.iterations,
    grids,
    seconds: draws.seconds,
  }
}
