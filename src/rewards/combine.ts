/** Combinations of rewards: weighted sums, and another reward for each class. */
import type { Shape } from '../base/index.ts'
import { inputError, sameShape, sizeOf } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import { imagesOf } from '../diffusion/index.ts'
import { hashOf } from './hash.ts'
import type { RawGradient, Reward } from './reward.ts'
import { defineReward } from './reward.ts'

/** One term of a sum. */
export interface WeightedReward {
  /** Finite; negative for what is to be avoided. */
  readonly weight: number
  readonly reward: Reward
}

/**
 * sum over terms of weight * reward, added in float64; differentiable if all terms are. Disposing of it disposes of the terms.
 * @throws `reward.weight` on a weight that is not finite, or no terms; `reward.images` if the terms take images of different shapes
 */
export function weightedSum(terms: readonly WeightedReward[]): Reward {
  const bad = terms.find(({ weight }) => !Number.isFinite(weight))
  if (bad || terms.length === 0) {
    const came = bad ? `${bad.weight} for '${bad.reward.name}'` : 'no terms'
    throw inputError('reward.weight', `a weighted sum of rewards needs terms with finite weights, got ${came}`)
  }
  const rewards = terms.map(({ reward }) => reward)
  return defineReward({
    ...joint(rewards),
    name: terms.map(({ weight, reward }) => (weight === 1 ? reward.name : `${weight}*${reward.name}`)).join(' + '),
    hash: hashOf('sum', ...terms.flatMap(({ weight, reward }) => [String(weight), reward.hash])),
    valueRange: sumRange(terms),
    async values(images, classes) {
      const total = new Float64Array(images.shape[0])
      for (const { weight, reward } of terms) addTo(total, weight, await reward.values(images, classes))
      return total
    },
    ...(rewards.every(({ differentiable }) => differentiable) && {
      async gradient(images: Images, classes: Int32Array | undefined): Promise<RawGradient> {
        const values = new Float64Array(images.shape[0])
        const gradient = new Float64Array(images.data.length)
        for (const { weight, reward } of terms) {
          const part = await reward.gradient(images, classes)
          addTo(values, weight, part.values)
          addTo(gradient, weight, part.gradient.data)
        }
        return { values, gradient }
      },
    }),
  })
}

/**
 * Another reward for each class: that of the class an image was asked to be. Disposing of it disposes of the rewards.
 * @param rewards by class; the class after the last of a conditional model (its null class) is one like the others
 * @throws `reward.class` without rewards; `reward.images` if they take images of different shapes; when it rates an image of a class
 *   without a reward, `reward.classes`
 */
export function perClass(rewards: Readonly<Record<number, Reward>>): Reward {
  const entries = Object.entries(rewards)
  if (entries.length === 0) throw inputError('reward.class', 'a reward per class needs at least one class, got none')
  const byClass = new Map(entries.map(([label, reward]) => [Number(label), reward]))
  const parts = [...byClass.values()]
  const rate = async (images: Images, classes: Int32Array, withGradient: boolean): Promise<RawGradient> => {
    const size = sizeOf(images.shape.slice(1))
    const values = new Float64Array(images.shape[0])
    const gradient = new Float64Array(withGradient ? images.data.length : 0)
    for (const [label, rows] of rowsByClass(classes)) {
      const reward = byClass.get(label) ?? throwUnknown(label, rows[0], byClass)
      const some = rowsOf(images, rows)
      const labels = new Int32Array(rows.length).fill(label)
      const part = withGradient ? await reward.gradient(some, labels) : { values: await reward.values(some, labels) }
      rows.forEach((row, i) => {
        values[row] = part.values[i]
        if ('gradient' in part) gradient.set(part.gradient.data.subarray(i * size, (i + 1) * size), row * size)
      })
    }
    return { values, gradient }
  }
  return defineReward({
    ...joint(parts),
    name: `{${entries.map(([label, { name }]) => `${label}: ${name}`).join(', ')}}`,
    hash: hashOf('per class', ...entries.flatMap(([label, { hash }]) => [label, hash])),
    classes: Infinity,
    valueRange: hull(parts),
    values: async (images, classes) => (await rate(images, classes!, false)).values,
    ...(parts.every(({ differentiable }) => differentiable) && {
      gradient: (images: Images, classes: Int32Array | undefined) => rate(images, classes!, true),
    }),
  })
}

/** What rewards that rate the same images have in common. */
function joint(rewards: readonly Reward[]) {
  const without = rewards.filter(({ differentiable }) => !differentiable).map(({ name }) => `'${name}'`)
  const why = rewards.find(({ missingDerivative }) => missingDerivative !== undefined)?.missingDerivative
  const drops = rewards.some(({ onBad }) => onBad === 'drop')
  const needy = rewards.some(({ needsClasses }) => needsClasses)
  return {
    imageShape: commonShape(rewards),
    ...(needy && { classes: Infinity }),
    ...(drops && { onBad: 'drop' as const }),
    ...(why !== undefined && { missingDerivative: why }),
    ...(without.length > 0 && { noDerivative: `${without.join(' and ')} has none; leave it out or use target tilt` }),
    notes: rewards.flatMap((reward) => reward.notes?.() ?? []),
    dispose: async () => {
      for (const reward of rewards) await reward.dispose()
    },
  }
}

function commonShape(rewards: readonly Reward[]): Shape | null {
  const shaped = rewards.filter(({ imageShape }) => imageShape !== null)
  const first = shaped.at(0)?.imageShape ?? null
  const other = shaped.find(({ imageShape }) => !sameShape(imageShape!, first!))
  if (!other) return first
  throw inputError(
    'reward.images',
    `rewards that are combined must take images of one shape, '${shaped[0].name}' takes [${first}] and '${other.name}' ` +
      `[${other.imageShape}]`,
  )
}

/** Interval arithmetic; null where a term declares nothing. A weight of 0 adds 0, whatever the range. */
function sumRange(terms: readonly WeightedReward[]): readonly [number, number] | null {
  let [low, high] = [0, 0]
  for (const { weight, reward } of terms) {
    if (!reward.valueRange) return null
    const ends = reward.valueRange.map((end) => (weight === 0 ? 0 : weight * end))
    low += Math.min(...ends)
    high += Math.max(...ends)
  }
  return low < high ? [low, high] : null
}

function hull(rewards: readonly Reward[]): readonly [number, number] | null {
  const ranges = rewards.map(({ valueRange }) => valueRange ?? [-Infinity, Infinity])
  return [Math.min(...ranges.map(([low]) => low)), Math.max(...ranges.map(([, high]) => high))]
}

function addTo(total: Float64Array, weight: number, part: ArrayLike<number>): void {
  for (let i = 0; i < total.length; i++) total[i] += weight * part[i]
}

function rowsByClass(classes: Int32Array): Map<number, number[]> {
  const rows = new Map<number, number[]>()
  classes.forEach((label, row) => {
    const list = rows.get(label)
    if (list) list.push(row)
    else rows.set(label, [row])
  })
  return rows
}

function rowsOf(images: Images, rows: readonly number[]): Images {
  const [, ...imageShape] = images.shape
  const size = sizeOf(imageShape)
  const data = images.dtype === 'float32' ? new Float32Array(rows.length * size) : new Float64Array(rows.length * size)
  rows.forEach((row, i) => {
    data.set(images.data.subarray(row * size, (row + 1) * size), i * size)
  })
  return imagesOf(data, rows.length, imageShape)
}

function throwUnknown(label: number, row: number, byClass: ReadonlyMap<number, Reward>): never {
  throw inputError(
    'reward.classes',
    `there are rewards for classes ${[...byClass.keys()].join(', ')}, image ${row} was asked to be ${label}; add a reward for it`,
  )
}
