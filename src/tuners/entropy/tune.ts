/**
 * Tuning the entropy strength of a pretrained model, the whole job: look over the range, search, confirm by fresh paths, measure the trade-off.
 *
 *     min_lambda -E_p[r1]    s.t.   p = argmin_p' { -E_p'[r2] + lambda KL(p' || p0) }
 *
 * The upper variable is log lambda within its range, the lower level is inference only (Xiao et al., ICML 2025, arXiv 2502.08808). Nothing is
 * trained.
 */

import type { GradientCurve, ItemMean } from './estimators/gradientCurve.ts'
import { meanOf } from './estimators/gradientCurve.ts'
import type { EntropyOptions } from './job.ts'
import { inLatents } from './latents.ts'
import { openEntropy } from './open.ts'
import type { EntropyIteration, EntropyResult, EntropyStrength } from './result.ts'
import { EntropyRun } from './run.ts'
import { confirm } from './search/confirm.ts'
import type { Contender } from './search/contest.ts'
import { contest } from './search/contest.ts'
import type { TradeOff } from './search/curve.ts'
import { atThree, diversityAtThree, tradeOff } from './search/curve.ts'
import { directionOf } from './search/direction.ts'
import type { Items } from './search/draws.ts'
import { totalOf } from './search/draws.ts'
import { explore } from './search/explore.ts'
import { sampleGrids } from './search/grids.ts'
import type { GradientMethod, MethodName } from './search/methods.ts'
import { MOST_NODES, methodOf } from './search/methods.ts'
import { reachOf, refine, within } from './search/refine.ts'
import { unseenAt } from './search/unseen.ts'

/** Share of effective samples below which a tilt is looked for by particles instead of weights. */
const PARTICLES_BELOW = 0.5

/**
 * Finds the entropy strength lambda that is best for the judge, with an interval, and the trade-off around it.
 * That it is not resolved is a value of the result, with what to raise.
 * @throws `entropy.*` on options that do not fit, `guidance.*`, `smc.*`, `sampler.*`, what the rewards throw; `interrupted` through `signal`
 * @example await tuneEntropyStrength({ denoiser, schedule, sampler: samplerSettings({ eta: 1 }), reward, judge, features, settings: entropySettings() })
 */
export async function tuneEntropyStrength(options: EntropyOptions): Promise<EntropyResult> {
  const job = inLatents(options)
  const first = openEntropy(job)
  const run = new EntropyRun(job)
  const searched = await search(run, first)
  const method = searched?.method ?? methodOf(first, run.job, run.draws)
  const { strength, steepness, rivals } = searched
    ? await confirmed(run, searched)
    : { strength: noResponse(run), steepness: 0, rivals: [] }
  const better = strength.resolved ? await outdone(run, method, strength.value) : null
  // A better place within the interval is what the interval is for; one beyond it speaks against it.
  const within = better !== null && better.lambda >= strength.low && better.lambda <= strength.high
  const chosen = within ? { ...strength, value: better.lambda } : strength
  const measured = await tradeOff(run, method.name, chosen.value)
  const unseen = searched ? await unseenAt(run, method.name, measured.tuned, steepness) : null
  const doubt = chosen.resolved ? ((within ? null : better?.reason) ?? unseen?.reason ?? null) : null
  const said = doubt === null ? chosen : { ...chosen, resolved: false, reason: doubt }
  return assemble(run, method.name, { strength: said, measured, rivals, unseen: unseen?.unseen ?? null })
}

/** What the search comes to, and by what. */
interface Searched extends Contender {
  readonly method: GradientMethod
}

/** Explores, refines in every valley that may hold the optimum, and compares; null where the judge does not respond at all. */
async function search(run: EntropyRun, name: MethodName) {
  const method = methodOf(name, run.job, run.draws)
  const { basins } = await explore(run, method)
  if (basins.length === 0) return null
  const contenders: Searched[] = []
  for (const basin of basins) {
    contenders.push({ method, shape: basin.shape, found: await refine(run, method, basin) })
  }
  const { best, equals } = await contest(run, method, contenders)
  return { ...(await bestMethod(run, best)), equals }
}

/** Where the estimator is left open, the one that proves sharper. */
async function bestMethod(run: EntropyRun, searched: Searched): Promise<Searched> {
  const { method, found } = searched
  if (run.job.settings.estimator !== 'auto') return searched
  if (method.name === 'paired-differences') return sharper(run, searched)
  if (method.name === 'paths' && found.stretch.share(found.centre) < PARTICLES_BELOW) return byParticles(run, searched)
  return searched
}

/** The interval; not resolved where another valley is as good, within errors. */
async function confirmed(
  run: EntropyRun,
  { equals, ...searched }: Searched & { readonly equals: readonly Searched[] },
) {
  const found = await confirm(run, searched.method, searched.found, searched.shape)
  const rivals = equals.map(({ found: { centre } }) => Math.exp(centre))
  if (rivals.length === 0) return { ...found, rivals }
  const others = rivals.map((lambda) => lambda.toPrecision(3)).join(' and ')
  const reason = `near lambda = ${others} there is an optimum that is as good within errors; raise maxEvaluations, or give a lambdaRange with one of them`
  return { ...found, rivals, strength: { ...found.strength, resolved: false, reason } }
}

/** Standard errors by which a drawn place of the curve is better than the chosen lambda. */
const OUTDONE = 2

/** Items that decide of it, in units of the curve's, and where they start. */
const RECOUNT = 8
const RECOUNT_ITEMS = 2 ** 28

/** A place of the curve that is better than the chosen lambda, on the curve's own paths and on fresh ones; null: none is. */
async function outdone(run: EntropyRun, method: GradientMethod, value: number) {
  if (run.job.settings.target !== 'guided') return null
  const { curvePaths } = run.job.settings
  const items = { first: 0, count: curvePaths }
  const onGrid = run.grid.find((x) => Math.abs(x - Math.log(value)) < 1e-9)
  const own = onGrid === undefined ? 1 / value : Math.exp(-onGrid)
  // As the curve itself will ask for them, with their features.
  const drawn = async (scale: number, from: Items) =>
    (await run.draws.paths(scale, from, 'curve', from === items)).upper
  const better = async (among: readonly number[], from: Items) => {
    const ours = await drawn(own, from)
    const gains: ItemMean[] = []
    for (const x of among) {
      const others = await drawn(Math.exp(-x), from)
      gains.push(meanOf(others.map((upper, i) => upper - ours[i])))
    }
    return gains
  }
  const seen = await better(run.grid, items)
  const suspects = run.grid.filter((_, i) => seen[i].mean > OUTDONE * seen[i].standardError)
  if (suspects.length === 0 || run.affordable(method, 1 + suspects.length) < RECOUNT * curvePaths) return null
  const again = await better(suspects, { first: RECOUNT_ITEMS, count: RECOUNT * curvePaths })
  const most = again.reduce((best, { mean }, i) => (mean > again[best].mean ? i : best), 0)
  const { mean, standardError } = again[most]
  if (mean <= OUTDONE * standardError) return null
  const gain = `${mean.toPrecision(2)} ± ${standardError.toPrecision(1)}`
  const lambda = Math.exp(suspects[most])
  const reason = `lambda = ${lambda.toPrecision(3)} is better by ${gain} than what was found; raise curvePoints or maxEvaluations, or narrow lambdaRange to it`
  return { lambda, reason }
}

function noResponse(run: EntropyRun): EntropyStrength {
  const [low, high] = run.job.settings.lambdaRange
  const reason = `the judge '${run.job.judge.name}' does not respond to lambda here: r1 of an image is the same at all scales but for rounding; choose another judge, or another lambdaRange`
  return { value: high, low, high, resolved: false, reason, boundary: null, slope: null }
}

/** Score function or paired differences, whichever takes fewer evaluations for the same error at what was found. */
async function sharper(run: EntropyRun, searched: Searched): Promise<Searched> {
  const { found, shape } = searched
  const score = methodOf('score-function', run.job, run.draws)
  const { curve } = found.stretch
  const nodes = [...curve.nodes]
  // Drawn already: at the same scales, the same items.
  const stretch = await score.stretch(nodes, { first: 0, count: curve.count }, 'refine', shape)
  const widthOf = (of: GradientCurve) => {
    const higher = of.higher() ?? of
    return higher.at(found.centre).standardError / Math.max(higher.slope(found.centre), Number.MIN_VALUE)
  }
  if (widthOf(curve) <= widthOf(stretch.curve)) return searched
  return { ...searched, method: score, found: { ...found, stretch } }
}

/** The search over again by sequential Monte Carlo: weights are too uneven there even to steer. */
async function byParticles(run: EntropyRun, searched: Searched): Promise<Searched> {
  const method = methodOf('smc', run.job, run.draws)
  if (run.affordable(method, MOST_NODES) < method.first) return searched
  const { found, shape } = searched
  const reach = reachOf(run, method.wide * run.width)
  const nodes = method.nodes(within(run, found.centre, reach), reach)
  return { method, shape, found: await refine(run, method, { at: found.centre, nodes, below: 0, shape }) }
}

/** Where an optimum inside is resolved, there is nothing to look for elsewhere. */
function extendOf({ boundary, resolved }: EntropyStrength, iterations: readonly EntropyIteration[]) {
  if (boundary !== null) return boundary
  return resolved ? null : directionOf(iterations)
}

interface Answer extends Pick<EntropyResult, 'rivals' | 'unseen'> {
  readonly strength: EntropyStrength
  readonly measured: TradeOff
}

async function assemble(
  run: EntropyRun,
  name: MethodName,
  { strength: entropyStrength, measured, rivals, unseen }: Answer,
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
    rivals,
    unseen,
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
    ...(draws.unrated > 0 && { unrated: draws.unrated }),
    curve,
    iterations: run.iterations,
    grids,
    seconds: draws.seconds,
  }
}
