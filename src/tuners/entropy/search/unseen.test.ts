/** What is told of images that were never drawn, on Gaussian jobs: p* = N(a/lambda, 1), KL = (a/lambda)^2/2. */
import { describe, expect, test } from 'vitest'
import type { Reward } from '../../../rewards/index.ts'
import { gaussianJob } from '../gaussianJob.fixture.ts'
import type { EntropyOptions } from '../job.ts'
import type { CurvePoint } from '../result.ts'
import { EntropyRun } from '../run.ts'
import type { EntropySettings } from '../settings.ts'
import { unseenAt } from './unseen.ts'

const LAMBDA = 0.8
const STEEPNESS = 0.4

function jobOf(settings: Partial<EntropySettings>, reward: Partial<Reward> = {}): EntropyOptions {
  const job = gaussianJob({ a: 1, b: 1, steps: 3, settings: { particles: 64, seed: 3, ...settings } })
  return { ...job, reward: { ...job.reward, ...reward } }
}

/** The trade-off as it is at a lambda. */
function tunedAt(lambda: number, target: CurvePoint['target'] = 'tilt'): CurvePoint {
  const s = 1 / lambda
  const told = (mean: number) => ({ mean, standardError: 0.01, count: 100 })
  const rest = { diversity: null, effectiveSampleSize: 100, paretoK: null, trusted: true, drawn: true }
  return { lambda, target, upper: told(-((s - 1) ** 2) - 1), lower: told(s), kl: told((s * s) / 2), ...rest }
}

/** Share of the images that say nothing, and how far r1 was seen to lie from its mean. */
function effectOf(run: EntropyRun, { lambda, upper, lower, kl }: CurvePoint, share: number, reward: number): number {
  const farthest = Math.max(...run.draws.values('upper').map((value) => Math.abs(value - upper.mean)))
  const logMean = lower.mean - lambda * kl.mean
  return share * Math.exp((reward - logMean) / lambda) * farthest * ((reward - lower.mean) / lambda)
}

describe('of the tilt', () => {
  async function populations(job: EntropyOptions, repetitions = 4, scale = 1 / LAMBDA) {
    const run = new EntropyRun(job)
    for (let r = 0; r < repetitions; r++) await run.draws.particles(scale, r, 'confirm', 'lower')
    return run
  }
  const tuned = tunedAt(LAMBDA)

  test('the reward from which on unseen images would move lambda is the root of their effect', async () => {
    const run = await populations(jobOf({ target: 'tilt' }, { valueRange: [-1e9, 1e9] }))
    const { unseen } = await unseenAt(run, 'smc', tuned, STEEPNESS)
    const { share, highest, reward, judge } = unseen
    expect(judge).toBeNull()
    expect(share).toBeCloseTo(3 / (4 * 64), 12)
    expect(highest).toBe(Math.max(...run.draws.values('lower')))
    expect(effectOf(run, tuned, share, reward ?? Number.NaN)).toBeCloseTo(STEEPNESS, 6)
    // A steeper answer takes more to undo, more images rule more out.
    const steeper = await unseenAt(run, 'smc', tuned, 2 * STEEPNESS)
    expect(steeper.unseen.reward).toBeGreaterThan(reward ?? Number.NaN)
    const more = await populations(jobOf({ target: 'tilt' }, { valueRange: [-1e9, 1e9] }), 16)
    expect((await unseenAt(more, 'smc', tuned, STEEPNESS)).unseen.reward).toBeGreaterThan(reward ?? Number.NaN)
  })

  test('a declared range of the judge counts as far as it reaches', async () => {
    const job = jobOf({ target: 'tilt' }, { valueRange: [-1e9, 1e9] })
    const wide = { ...job, judge: { ...job.judge, valueRange: [-1000, Number.POSITIVE_INFINITY] as const } }
    const run = await populations(wide)
    const { unseen } = await unseenAt(run, 'smc', tuned, STEEPNESS)
    const away = 1000 + tuned.upper.mean
    const above = ((unseen.reward ?? Number.NaN) - tuned.lower.mean) / LAMBDA
    expect(unseen.share * away * Math.exp(above + tuned.kl.mean) * above).toBeCloseTo(STEEPNESS, 6)
  })

  test('the reward’s declared range rules them out below that, and not above', async () => {
    const known = await populations(jobOf({ target: 'tilt' }, { valueRange: [-1e9, 1e9] }))
    const critical = (await unseenAt(known, 'smc', tuned, STEEPNESS)).unseen.reward ?? Number.NaN
    const upTo = async (most: number) =>
      (
        await unseenAt(
          await populations(jobOf({ target: 'tilt' }, { valueRange: [-99, most] })),
          'smc',
          tuned,
          STEEPNESS,
        )
      ).reason
    expect(await upTo(critical - 1e-6)).toBeNull()
    expect(await upTo(critical + 1e-6)).toMatch(
      /^256 images say nothing of those rarer than 3 in 256, .* from a reward of .* 'linear:1' may return up to .*raise maxEvaluations/,
    )
  })

  test('base samples cannot rule out what is not declared', async () => {
    const run = new EntropyRun(jobOf({ target: 'tilt', estimator: 'importance' }))
    await run.draws.base({ first: 0, count: 300 }, 'confirm')
    const { unseen, reason } = await unseenAt(run, 'importance', tuned, STEEPNESS)
    expect(unseen.share).toBeCloseTo(0.01, 12)
    expect(reason).toMatch(/'linear:1' declares no range of values .*declare one \(valueRange\)/)
  })

  test('where nothing is declared guided paths look for what was not drawn', async () => {
    const spent = async (maxEvaluations: number) => {
      const run = await populations(jobOf({ target: 'tilt', maxEvaluations }))
      const before = run.left
      const { reason } = await unseenAt(run, 'smc', tuned, STEEPNESS)
      return { reason, evaluations: before - run.left }
    }
    // Particles at the lambda in question: what lies above them weighs nothing.
    const drawn = await spent(100_000)
    expect(drawn.reason).toBeNull()
    expect(drawn.evaluations).toBeGreaterThan(0)
    // Four populations of 64 take 768, and 128 paths more than is left.
    expect(await spent(800)).toEqual({ reason: null, evaluations: 0 })
  })

  test('what they find above all that was drawn, and of weight, speaks against the answer', async () => {
    // p* = N(4, 1), and what was drawn is N(.01, 1).
    const strong = tunedAt(0.25)
    const run = await populations(jobOf({ target: 'tilt' }), 1, 0.01)
    const { unseen, reason } = await unseenAt(run, 'smc', strong, STEEPNESS)
    expect(unseen.highest).toBeLessThan(4)
    expect(reason).toMatch(/^guided paths reach a reward of .* where none of 64 images is above .*choose target guided/)
  })

  test('a reward without a derivative has no paths that look', async () => {
    const job = jobOf({ target: 'tilt' })
    const { gradient: _gradient, ...plain } = job.reward
    const run = await populations({ ...job, reward: { ...plain, differentiable: false } as Reward }, 1, 0.01)
    const before = run.draws.evaluations
    expect((await unseenAt(run, 'smc', tunedAt(0.25), STEEPNESS)).reason).toBeNull()
    expect(run.draws.evaluations).toBe(before)
  })
})

test('of the guided chain: how far r1 of rare images would have to lie', async () => {
  const run = new EntropyRun(jobOf({ target: 'guided' }))
  const guided = tunedAt(LAMBDA, 'guided')
  await run.draws.paths(1 / LAMBDA, { first: 0, count: 150 }, 'confirm')
  const { unseen, reason } = await unseenAt(run, 'paired-differences', guided, STEEPNESS)
  expect(reason).toBeNull()
  expect(unseen.share).toBeCloseTo(0.02, 12)
  expect(unseen.reward).toBeNull()
  // The score A - sB of the gradient has the spread sqrt(2 KL)/s: here s sd = 1/.8.
  expect(unseen.judge).toBeCloseTo(STEEPNESS / (0.02 * (1 / LAMBDA)), 10)
  expect(unseen.highest).toBe(Math.max(...run.draws.values('lower')))
})
