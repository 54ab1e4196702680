/**
 * Faults that published code of entropy strength tuning has, each as an edit of this project's sources: `npm run proof:faults` puts them in,
 * one at a time, and sees the tests fail. An edit names a text that the file holds exactly once, so that it cannot silently miss.
 */

/** Replaces `from`, which `file` holds exactly once, by `to`. */
export interface Edit {
  readonly file: string
  readonly from: string
  readonly to: string
}

export interface Fault {
  /** What the published code does. */
  readonly fault: string
  /** Where it is put in here. */
  readonly place: string
  readonly edits: readonly Edit[]
  /** Test files that are to notice. */
  readonly tests: readonly string[]
}

const LOG_Z =
  'the log-Z terms enter with the opposite sign and base-model means stand for tilted means: KL(p0||p) for KL(p||p0)'
const NO_SHIFT = 'exp of raw rewards, without taking out the maximum'
const GAMMA_UPPER = 'the penalty is drawn with r2 + gamma r1 in the place of r2 + r1/gamma'
const NO_UPPER = "r1 is dropped where the penalty's distribution is made"
const RANGE = 'images in [0, 1] are fed to a reward that expects [-1, 1]'
const TARGET = 'guidance descends (target - r)^2'
const BROADCAST = 'a (B) + (B,1) broadcast mixes the samples of a batch'

export const FAULTS: readonly Fault[] = [
  {
    fault: LOG_Z,
    place: 'penalty gradient, exact',
    edits: [
      {
        file: 'src/tuners/entropy/estimators/exact.ts',
        from: '  return gamma * (klOf(z, z.reward, lambda) - klOf(y, problem.lower, lambda))',
        to: `  const reversed = (t: Tilt, h: ArrayLike<number>) => t.logZ - expectation(problem.p0, h) / lambda
  return gamma * (reversed(z, z.reward) - reversed(y, problem.lower))`,
      },
    ],
    tests: ['src/tuners/entropy/estimators/exact.test.ts'],
  },
  {
    fault: LOG_Z,
    place: 'penalty gradient, from samples',
    edits: [
      {
        file: 'src/tuners/entropy/statistics/statistics.ts',
        from: '      mean: s * mean - (logMean + Math.log(total)),',
        to: '      mean: logMean + Math.log(total) - s * share * inner(new Float64Array(h.length).fill(1), copies, h),',
      },
    ],
    tests: ['src/tuners/entropy/estimators/poolGradients.test.ts', 'src/tuners/entropy/estimators/pool.test.ts'],
  },
  {
    fault: NO_SHIFT,
    place: 'weights of pools and particles',
    edits: [
      {
        file: 'src/base/logWeights.ts',
        from: 'sum += Math.exp(logs[i] - top)\n  return top + Math.log(sum)',
        to: 'sum += Math.exp(logs[i])\n  return Math.log(sum)',
      },
    ],
    tests: [
      'src/base/logWeights.test.ts',
      'src/tuners/entropy/statistics/weights.test.ts',
      'src/tuners/entropy/estimators/exact.test.ts',
    ],
  },
  {
    fault: GAMMA_UPPER,
    place: 'penalty solution, exact',
    edits: [
      {
        file: 'src/tuners/entropy/estimators/exact.ts',
        from: 'upper[i] / gamma + r2',
        to: 'upper[i] * gamma + r2',
      },
    ],
    tests: ['src/tuners/entropy/estimators/exact.test.ts'],
  },
  {
    fault: GAMMA_UPPER,
    place: 'penalty gradient, from samples',
    edits: [
      {
        file: 'src/tuners/entropy/estimators/poolGradients.ts',
        from: 'value / gamma + lower[i]',
        to: 'value * gamma + lower[i]',
      },
    ],
    tests: ['src/tuners/entropy/estimators/poolGradients.test.ts'],
  },
  {
    fault: NO_UPPER,
    place: 'penalty gradient, from samples',
    edits: [
      {
        file: 'src/tuners/entropy/estimators/poolGradients.ts',
        from: 'value / gamma + lower[i]',
        to: '0 * value + lower[i]',
      },
    ],
    tests: ['src/tuners/entropy/estimators/poolGradients.test.ts'],
  },
  {
    fault: GAMMA_UPPER,
    place: 'penalty gradient, by particles',
    edits: [
      {
        file: 'src/tuners/entropy/search/draws.ts',
        from: 'value + upper[i] / gamma',
        to: 'value + upper[i] * gamma',
      },
    ],
    tests: ['src/tuners/entropy/tune.test.ts'],
  },
  {
    fault: LOG_Z,
    place: 'penalty gradient, by particles',
    edits: [
      {
        file: 'src/tuners/entropy/search/methods.ts',
        from: 'sum + Math.exp(w) * h(i), 0) - logZ',
        to: 'sum + h(i) / logWeights.length, 0) * -1 + logZ',
      },
    ],
    tests: ['src/tuners/entropy/tune.test.ts'],
  },
  {
    fault: "r1's gradient is dropped from the gradient of a sum of rewards",
    place: 'weighted sum of rewards',
    edits: [
      {
        file: 'src/rewards/combine.ts',
        from: 'addTo(gradient, weight, part.gradient.data)',
        to: 'if (reward === rewards[0]) addTo(gradient, weight, part.gradient.data)',
      },
    ],
    tests: ['src/rewards/combine.test.ts'],
  },
  {
    fault: RANGE,
    place: 'rewards of [-1, 1]',
    edits: [
      {
        file: 'src/rewards/reward.ts',
        from: '  if (low === -1 && high === 1) return images\n',
        to: '  if (low === -1 && high === 1) return toRange(images, [0, 1])\n',
      },
    ],
    tests: ['src/rewards/reward.test.ts', 'src/rewards/builtIn.test.ts'],
  },
  {
    fault: 'images in [-1, 1] are fed to a reward that expects [0, 1]',
    place: 'rewards of [0, 1]',
    edits: [
      {
        file: 'src/rewards/reward.ts',
        from: 'pixel * slope + middle',
        to: 'pixel + 0 * (slope + middle)',
      },
    ],
    tests: ['src/rewards/reward.test.ts'],
  },
  {
    fault: 'the derivative of a reward of [0, 1] is not put back to the unit of [-1, 1]',
    place: 'rewards of [0, 1]',
    edits: [{ file: 'src/rewards/reward.ts', from: 'slope * gradient[i]', to: 'gradient[i]' }],
    tests: ['src/rewards/reward.test.ts'],
  },
  {
    fault: TARGET,
    place: 'direction of guidance',
    edits: [
      {
        file: 'src/diffusion/guidance/guidanceDirection.ts',
        from: '  const dX0Hat = came.gradient.data\n',
        to: `  const each = came.gradient.data.length / count
  const dX0Hat = came.gradient.data.map((g, j) => 2 * (1 - came.values[Math.floor(j / each)]) * g)
`,
      },
    ],
    tests: ['src/diffusion/guidance/guided.test.ts', 'src/diffusion/guidance/guidedPaths.test.ts'],
  },
  {
    fault: BROADCAST,
    place: 'A and B of guided paths',
    edits: [
      {
        file: 'src/diffusion/samplers/ancestral.ts',
        from: '    let square = 0\n    let along = 0\n    for (const end',
        to: '    let square = n > 0 ? b[0] * sigma * sigma : 0\n    let along = 0\n    for (const end',
      },
    ],
    tests: ['src/diffusion/guidance/guided.test.ts', 'src/diffusion/guidance/guidedPaths.test.ts'],
  },
  {
    fault: BROADCAST,
    place: 'weights of particles',
    edits: [
      {
        file: 'src/diffusion/guidance/smc.ts',
        from: '.map((w, n) => w + twist[n] - particles.twist[n])',
        to: '.map((w) => w + twist.reduce((sum, t, n) => sum + (t - particles.twist[n]) / count, 0))',
      },
    ],
    tests: ['src/diffusion/guidance/smc.test.ts'],
  },
  {
    fault: BROADCAST,
    place: 'sums of rewards',
    edits: [
      {
        file: 'src/rewards/combine.ts',
        from: 'total[i] += weight * part[i]',
        to: 'total[i] += (weight * Array.from(part).reduce((a, b) => a + b, 0)) / part.length',
      },
    ],
    tests: ['src/rewards/combine.test.ts'],
  },
  {
    fault: BROADCAST,
    place: 'traced rewards that are no longer one value per image',
    edits: [
      {
        file: 'src/rewards/traced.ts',
        from: "values.dtype === 'float32' && sameShape(values.shape, [batch])",
        to: 'sameShape([batch], [batch])',
      },
    ],
    tests: ['src/rewards/traced.test.ts'],
  },
]

/** How often `text` holds `part`. */
export const timesIn = (text: string, part: string): number => text.split(part).length - 1

/** `text` with the edit in. @throws if it does not hold `from` exactly once */
export function edited(text: string, { file, from, to }: Edit): string {
  const times = timesIn(text, from)
  if (times !== 1) throw new Error(`${file} must hold ${JSON.stringify(from)} exactly once, it does ${times} times`)
  return text.replace(from, () => to)
}
