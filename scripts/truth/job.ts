/** A problem as the job that `tuneEntropyStrength` is given: the one place that knows how a job is put together. */
import type { Denoiser, Images, SamplerSettings } from '../../src/diffusion/index.ts'
import { noiseSchedule, samplerSettings, samplingScheduleFrom } from '../../src/diffusion/index.ts'
import type { Reward } from '../../src/rewards/index.ts'
import { defineReward } from '../../src/rewards/index.ts'
import type { EntropyOptions, EntropySettings } from '../../src/tuners/index.ts'
import { entropySettings } from '../../src/tuners/index.ts'
import type { Data } from './mixture.ts'
import { product, rotated, turned } from './mixture.ts'
import type { TruthProblem } from './problem.ts'
import { MINIMUM_ALPHA_BAR } from './problem.ts'

const NOISE = noiseSchedule({ family: 'cosine', timesteps: 1000 })

/** A reward of one point, with its derivative. */
interface PointReward {
  value(point: readonly number[]): number
  gradient(point: readonly number[]): readonly number[]
}

/**
 * @param settings beside those that make the problem; the trade-off curve, of which nothing is read here, has few images
 */
export function truthJob(problem: TruthProblem, settings: Partial<EntropySettings>): EntropyOptions {
  const { name, target, gamma, estimator, lambdaRange, steps, judge } = problem
  const angle = angleOf(problem)
  const placed = (point: readonly number[]) => (angle === 0 ? point : turned(point, -angle))
  const chased = chasedOf(problem)
  return {
    denoiser: exactDenoiser(dataOf(problem)),
    schedule: samplingScheduleFrom(NOISE, 'trailing', steps),
    sampler: samplerOf(problem),
    reward: rewardOf(`${name}: r2`, {
      value: (point) => chased.value(placed(point)),
      gradient(point) {
        const slopes = chased.gradient(placed(point))
        return angle === 0 ? slopes : turned(slopes, angle)
      },
    }),
    judge: rewardOf(`${name}: r1`, {
      value(point) {
        const [u, v = 0] = placed(point)
        return judge(u, v)
      },
    }),
    features: null,
    settings: entropySettings({
      ...{ target, gamma, estimator, lambdaRange, minimumAlphaBar: MINIMUM_ALPHA_BAR },
      ...{ chunk: 256, curvePaths: 8, gridImages: 1 },
      ...settings,
    }),
  }
}

const angleOf = ({ space }: TruthProblem): number => (space.kind === 'plane' ? 0 : (space.angle ?? 0))

function samplerOf({ sampler }: TruthProblem): SamplerSettings {
  return samplerSettings({ ...sampler, clip: null })
}

function dataOf({ space }: TruthProblem): Data {
  if (space.kind === 'plane') return space.data
  const whole = product(space.data)
  return space.angle === undefined ? whole : rotated(whole, space.angle)
}

function chasedOf({ space }: TruthProblem): PointReward {
  if (space.kind === 'plane') {
    const { value, gradient } = space.chased
    return { value: ([u, v]) => value(u, v), gradient: ([u, v]) => gradient(u, v) }
  }
  const { chased, data } = space
  return {
    value: (point) => data.reduce((sum, _, i) => sum + chased[i].value(point[i]), 0),
    gradient: (point) => data.map((_, i) => chased[i].slope(point[i])),
  }
}

/** The data's exact noise prediction, (x - signal x0Hat)/noise, in float64. */
function exactDenoiser(data: Data): Denoiser {
  const { dimensions } = data
  const each = (images: Images, f: (point: number[]) => readonly number[]) =>
    like(images, pointsOf(images, dimensions).map(f))
  return {
    prediction: 'noise',
    times: 'integer',
    imageShape: [1, 1, dimensions],
    dtype: 'float64',
    differentiable: true,
    async predict(x, time) {
      const { signal, noise } = NOISE.level(time)
      return each(x, (point) => {
        const { mean } = data.posterior(point, signal, noise)
        return point.map((value, i) => (value - signal * mean[i]) / noise)
      })
    },
    async vjp(x, time, _, cotangent) {
      const { signal, noise } = NOISE.level(time)
      const back = pointsOf(cotangent, dimensions)
      const dx = pointsOf(x, dimensions).map((point, n) => {
        const { jacobian } = data.posterior(point, signal, noise)
        // (I - signal J)/noise is symmetric.
        return back[n].map((own, i) => {
          const through = back[n].reduce((sum, value, j) => sum + jacobian[i][j] * value, 0)
          return (own - signal * through) / noise
        })
      })
      return { dx: like(x, dx), dtime: null }
    },
  }
}

function rewardOf(name: string, { value, gradient }: Pick<PointReward, 'value'> & Partial<PointReward>): Reward {
  const values = (images: Images) => Float64Array.from(pointsOf(images, sizeOf(images)), value)
  return defineReward({
    name,
    hash: name,
    values: async (images) => values(images),
    ...(gradient && {
      gradient: async (images: Images) => {
        const slopes = pointsOf(images, sizeOf(images)).flatMap(gradient)
        return { values: values(images), gradient: Float64Array.from(slopes) }
      },
    }),
  })
}

const sizeOf = ({ data, shape }: Images): number => data.length / shape[0]

const pointsOf = ({ data }: Images, size: number): number[][] =>
  Array.from({ length: data.length / size }, (_, n) => Array.from(data.subarray(n * size, (n + 1) * size)))

const like = ({ shape }: Images, points: readonly (readonly number[])[]): Images => ({
  dtype: 'float64',
  shape,
  data: Float64Array.from(points.flat()),
})
