/**
 * What was never drawn. n images say nothing of images rarer than 3 in n (the rule of three, at 95 %), and the tilt at lambda gives such a mass
 * the weight
 *
 *     (3/n) e^((r2 - M)/lambda),    M = lambda log E_p0 e^(r2/lambda) = E_p*[r2] - lambda KL(p*||p0)
 *
 * so a rare kind of image with a reward high enough moves lambda, however narrow the interval is. Whether there may be one is for the reward's
 * declared range to say; where none is declared, guided paths, whose weights are known, look for it.
 */
import type { CurvePoint, Unseen } from '../result.ts'
import type { EntropyRun } from '../run.ts'
import type { MethodName } from './methods.ts'

/** Rarest mass that n images tell of, times n. */
const RULE_OF_THREE = 3

/** Paths that look for it, at twice the guidance scale, and where their items start. */
const PROBE_PATHS = 128
const PROBE_ITEMS = 2 ** 27

/** Standard errors from which on what they tell is believed. */
const TOLD = 1.65

/** What is known of the images behind lambda. */
interface Known {
  readonly count: number
  /** Largest r2 among them. */
  readonly highest: number
}

/** Why the answer cannot be relied on, beside what is told of it. */
export interface UnseenVerdict {
  readonly unseen: Unseen
  readonly reason: string | null
}

/**
 * @param tuned the trade-off at the chosen lambda
 * @param steepness size of the gradient in log lambda that would undo the answer: at the nearer end of its interval
 */
export async function unseenAt(
  run: EntropyRun,
  method: MethodName,
  tuned: CurvePoint,
  steepness: number,
): Promise<UnseenVerdict> {
  const { settings, reward } = run.job
  const known = knownAt(run, method, 1 / tuned.lambda)
  const share = Math.min(1, RULE_OF_THREE / known.count)
  const farthest = farthestJudged(run, tuned.upper.mean)
  if (settings.target === 'guided') {
    // Drawn where they are wanted: nothing is weighed up.
    const score = Math.sqrt(2 * tuned.kl.mean)
    const judged = score > 0 ? steepness / (share * score) : null
    return { unseen: { share, highest: known.highest, reward: null, judge: judged }, reason: null }
  }
  const critical = criticalReward(tuned, { share, farthest, steepness })
  const unseen = { share, highest: known.highest, reward: critical, judge: null }
  const declared = reward.valueRange?.[1] ?? null
  // Base samples go nowhere on purpose: what they do not show may be anything that the reward can return.
  if (declared === null && method !== 'importance')
    return { unseen, reason: await byProbe(run, tuned, known, steepness) }
  const most = declared ?? Number.POSITIVE_INFINITY
  return { unseen, reason: most > critical ? byRange(critical, known.count, declared, reward.name) : null }
}

function byRange(critical: number, count: number, declared: number | null, name: string): string {
  const may =
    declared === null
      ? `'${name}' declares no range of values that rules it out; declare one (valueRange), or choose estimator auto or target guided`
      : `'${name}' may return up to ${declared}; raise maxEvaluations, or choose target guided`
  return `${count} images say nothing of those rarer than ${RULE_OF_THREE} in ${count}, which would move lambda from a reward of ${critical.toPrecision(3)} on, and ${may}`
}

/** r2 at which the unseen share would weigh enough: the root of share e^((r2 - M)/lambda) (farthest r1) (r2 - E r2)/lambda = steepness. */
function criticalReward(
  { lambda, lower, kl }: CurvePoint,
  { share, farthest, steepness }: { readonly share: number; readonly farthest: number; readonly steepness: number },
): number {
  const mean = lower.mean
  const wanted = Math.log(steepness) - Math.log(share) - Math.log(farthest)
  // In units of lambda above the mean of r2: increasing.
  const logEffect = (above: number) => above + kl.mean + Math.log(above)
  let [low, high] = [1e-9, 1]
  while (logEffect(high) < wanted) high *= 2
  for (let i = 0; i < 60; i++) {
    const half = (low + high) / 2
    if (logEffect(half) < wanted) low = half
    else high = half
  }
  return mean + lambda * high
}

/** How far r1 may lie from its mean: by its declared range, or as it was seen to. */
function farthestJudged({ job, draws }: EntropyRun, mean: number): number {
  const declared = job.judge.valueRange?.filter(Number.isFinite) ?? []
  return [...declared, ...draws.values('upper')].reduce((most, value) => Math.max(most, Math.abs(value - mean)), 0)
}

function knownAt({ draws }: EntropyRun, method: MethodName, scale: number): Known {
  const kind = method === 'importance' ? 'base' : method === 'smc' ? 'particles' : 'paths'
  const drawn = draws.nearest(kind, scale)
  return {
    count: drawn.reduce((sum, { count }) => sum + count, 0),
    highest: drawn.reduce((most, { lower }) => lower.reduce((a, b) => Math.max(a, b), most), Number.NEGATIVE_INFINITY),
  }
}

/**
 * Guided paths at twice the scale reach what the tilt itself holds little of; with their weights for the tilt they tell how much. Images with a
 * reward that none of the known ones has must not weigh enough to undo the answer.
 */
async function byProbe(run: EntropyRun, tuned: CurvePoint, known: Known, steepness: number): Promise<string | null> {
  const { reward, denoiser, settings } = run.job
  if (!reward.differentiable || (settings.through === 'network' && !denoiser.differentiable)) return null
  if (run.left < PROBE_PATHS * run.draws.costPerPath) return null
  const s = 1 / tuned.lambda
  const probe = await run.draws.paths(2 * s, { first: PROBE_ITEMS, count: PROBE_PATHS }, 'confirm')
  const logZ = s * tuned.lower.mean - tuned.kl.mean
  let moved = 0
  let squares = 0
  let most = known.highest
  for (const [i, r2] of probe.lower.entries()) {
    if (!(r2 > known.highest)) continue
    most = Math.max(most, r2)
    const logRatio = probe.scale * probe.a[i] - (probe.scale ** 2 * probe.b[i]) / 2
    const weight = Math.exp(s * r2 - logZ - logRatio) / PROBE_PATHS
    const part = weight * s * (probe.upper[i] - tuned.upper.mean) * (r2 - tuned.lower.mean)
    moved += part
    squares += part * part
  }
  // One path with a heavy weight is no kind of image.
  if (Math.abs(moved) < Math.max(steepness, TOLD * Math.sqrt(squares))) return null
  return (
    `guided paths reach a reward of ${most.toPrecision(3)} where none of ${known.count} images is above ${known.highest.toPrecision(3)}, and weigh enough ` +
    'there to move lambda: a kind of image was not drawn; choose target guided, or estimator paths'
  )
}
