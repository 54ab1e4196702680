/** Built-in rewards that ask a classifier: the log-probability of a class, and fidelity, its confidence. */
import type { Shape } from '../base/index.ts'
import { inputError, int64, tensor } from '../base/index.ts'
import type { Images } from '../diffusion/index.ts'
import type { SymbolicTensor } from '../graph/index.ts'
import { constant, gatherElements, logSoftmax, reduceMax, reshape, softmax } from '../graph/index.ts'
import type { ClassifierFeatures, FeatureNetwork } from '../metrics/index.ts'
import type { Device } from '../runtime/index.ts'
import { hashOf } from './hash.ts'
import type { Reward } from './reward.ts'
import { defineReward } from './reward.ts'
import { tracedReward } from './traced.ts'

/** How a network is looked through. */
export interface NetworkRewardOptions {
  /**
   * One that can be traced, or has `logProbabilitiesVjp`, gives a reward with a derivative; any other needs `probabilities`. It stays open when the reward
   * is disposed of.
   */
  readonly network: FeatureNetwork
  /** Images per program run. Default 100. */
  readonly batch?: number
  readonly device?: Device
}

/** Whether a network's graph is at hand. */
export const isTraceable = (network: FeatureNetwork): network is ClassifierFeatures => 'trace' in network

/** A reward's name with the network it looks through. */
export const throughNetwork = (name: string, network: FeatureNetwork): string => `${name}[${network.name}]`

/** The lowest probability told apart from 0, where the logits are not at hand. */
const LEAST = Number.MIN_VALUE

/**
 * log p(class | image), at most 0: log-softmax of the logits, which keeps its digits and its derivative where the probability itself
 * rounds to 0. Without a class: that of the class each image was asked to be (`needsClasses`).
 * @throws `reward.class` on a class the network does not know; `reward.network` if it is no classifier
 */
export async function logProbability(options: NetworkRewardOptions & { readonly class?: number }): Promise<Reward> {
  const { network, class: wanted } = options
  const classes = await classCount('log-probability', network)
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 0 && wanted < classes)) {
    throw inputError('reward.class', `${network.name} knows classes 0 to ${classes - 1}, got ${wanted}`)
  }
  return classifierReward(options, {
    name: wanted === undefined ? 'log-probability' : `log-probability:${wanted}`,
    valueRange: [-Infinity, 0],
    ...(wanted === undefined && { classes }),
    ofLogits(logits, labels) {
      const batch = logits.shape[0]
      const column = labels ? reshape(labels, [batch, 1]) : constant(int64(new Array(batch).fill(wanted), [batch, 1]))
      return reshape(gatherElements(logSoftmax(logits, 1), column, 1), [batch])
    },
    ofProbabilities: (row, label) => Math.log(Math.max(row[wanted ?? label!], LEAST)),
    pullBack: (row, label) => row.map((_, i) => Number(i === (wanted ?? label))),
  })
}

/**
 * The classifier's confidence, max over classes of p(class | image), in [0, 1]. Its derivative is that of the class on top (shared by
 * classes that tie), so it vanishes with confidence; the log-probability of a class reaches further.
 * @throws `reward.network` if the network is no classifier
 */
export async function fidelity(options: NetworkRewardOptions): Promise<Reward> {
  await classCount('fidelity', options.network)
  return classifierReward(options, {
    name: 'fidelity',
    valueRange: [0, 1],
    ofLogits: (logits) => reduceMax(softmax(logits, 1), [1]),
    ofProbabilities: (row) => Math.max(...row),
    pullBack(row) {
      const top = Math.max(...row)
      const ties = row.filter((probability) => probability === top).length
      return row.map((probability) => (probability === top ? top / ties : 0))
    },
  })
}

/** A function of a classifier's answer, in symbols and in numbers. */
interface ClassifierFunction {
  readonly name: string
  readonly valueRange: readonly [number, number]
  /** Given where the classes of the images are needed. */
  readonly classes?: number
  readonly ofLogits: (logits: SymbolicTensor, labels?: SymbolicTensor) => SymbolicTensor
  readonly ofProbabilities: (row: Float64Array, label: number | undefined) => number
  /** Its derivative in the logarithms of the probabilities. */
  readonly pullBack: (row: Float64Array, label: number | undefined) => Float64Array
}

/** Traced where the network's graph is at hand, else from its probabilities. */
function classifierReward({ network, batch, device }: NetworkRewardOptions, call: ClassifierFunction): Reward {
  const { ofLogits, ofProbabilities, pullBack, ...rest } = call
  const shared = { ...rest, name: throughNetwork(call.name, network), imageShape: network.imageShape }
  if (isTraceable(network)) {
    return tracedReward({
      ...shared,
      ...(batch && { batch }),
      ...(device && { device }),
      f: (images, labels) => ofLogits(network.trace(images).logits, labels),
    })
  }
  const each = async <T>(images: Images, f: (row: Float64Array, i: number) => T) => {
    const { data, shape } = await network.probabilities!(images)
    return Array.from({ length: shape[0] }, (_, i) => f(rowOf(data, shape, i), i))
  }
  const back = network.logProbabilitiesVjp?.bind(network)
  return defineReward({
    ...shared,
    hash: hashOf(call.name, network.hash),
    ...(!back && withoutDerivative(network)),
    values: (images, labels) => each(images, (row, i) => ofProbabilities(row, labels?.[i])),
    ...(back && {
      async gradient(images: Images, labels: Int32Array | undefined) {
        const rows = await each(images, (row, i) => ({
          value: ofProbabilities(row, labels?.[i]),
          cotangent: pullBack(row, labels?.[i]),
        }))
        const width = rows[0].cotangent.length
        const cotangent = Float64Array.from({ length: rows.length * width }, (_, i) => {
          return rows[Math.floor(i / width)].cotangent[i % width]
        })
        const { data } = await back(images, tensor('float64', [rows.length, width], cotangent))
        return { values: rows.map(({ value }) => value), gradient: data }
      },
    }),
  })
}

/** Said of a network that a reward looks through and that has no derivative. */
export function withoutDerivative({ name, missingDerivative: why }: FeatureNetwork) {
  if (why === undefined) return { noDerivative: `${name} has none; use target tilt, or another network` }
  return { missingDerivative: why, noDerivative: `${name} has none (${why}); use target tilt, or another network` }
}

const rowOf = (data: ArrayLike<number>, [, width]: Shape, i: number): Float64Array =>
  Float64Array.from({ length: width }, (_, j) => data[i * width + j])

/** @throws `reward.network` if the network gives no class probabilities */
async function classCount(reward: string, network: FeatureNetwork): Promise<number> {
  if (isTraceable(network)) return network.classes
  const size = [1, ...network.imageShape]
  const black = tensor('float32', size, new Float32Array(size.reduce((a, b) => a * b)).fill(-1))
  const rows = await network.probabilities?.(black)
  if (rows) return rows.shape[1]
  throw inputError(
    'reward.network',
    `${reward} asks a classifier, ${network.name} gives no class probabilities; look through another network (@features or @judge)`,
  )
}
