/** The graphs against reference evaluation in float64: formulas written out here, and central differences. */
import { describe, expect, test } from 'vitest'
import type { Tensor } from '../../base/index.ts'
import { float32, int64, randomStream, sizeOf } from '../../base/index.ts'
import type { Graph, Reference } from '../../graph/index.ts'
import { evaluate } from '../../graph/index.ts'
import type { DenoisingNetwork, Optimizer } from '../../nn/index.ts'
import { adamw, flatSize, initialVector, mlp, sgd, shuffleUnet, unet } from '../../nn/index.ts'
import { compile } from '../../runtime/index.ts'
import { denoiseGraph, denoiseVjpGraph, lowerGradientGraph, statisticsGraph, trainStepGraph } from './programs.ts'

type Feeds = Record<string, Tensor>

const normal = (item: number, length: number, scale = 1): Float32Array =>
  randomStream({ seed: 3, purpose: 'test', item })
    .normal(new Float32Array(length))
    .map((value) => value * scale)

/** Initial weights moved off the places where whole layers are 0. */
const weightsOf = (network: DenoisingNetwork): Float32Array => {
  const noise = normal(0, flatSize(network.parameters), 0.1)
  return initialVector(network.parameters, 5).map((value, i) => value + noise[i])
}

const IMAGES = 2
const SIGNAL = [0.9, 0.35]
const NOISE = [0.43, 0.93]

/** A minibatch of two images at two levels. */
function lossFeeds(network: DenoisingNetwork): Feeds {
  const shape = [IMAGES, ...network.imageShape]
  return {
    weights: float32(weightsOf(network)),
    ...(network.statistics.length > 0 && { statistics: float32(initialVector(network.statistics, 1)) }),
    images: float32(normal(1, sizeOf(shape), 0.5), shape),
    noise: float32(normal(2, sizeOf(shape)), shape),
    signal: float32(SIGNAL),
    noiseLevel: float32(NOISE),
    time: network.times === 'integer' ? int64([3, 7]) : float32([120.5, 730]),
    ...(network.classes !== undefined && { condition: int64([1, network.classes]) }),
  }
}

const stepFeeds = (network: DenoisingNetwork, optimizer: Optimizer, extra: Float32Array, step: number): Feeds => {
  const size = flatSize(network.parameters)
  const slots = optimizer.slots.map((slot, i) => [
    slot,
    float32(normal(10 + i, size, 0.02).map((m) => (i ? 4e-4 + m * m : m))),
  ])
  return {
    ...lossFeeds(network),
    ...Object.fromEntries(slots),
    learningRate: float32([0.013], []),
    step: float32([step], []),
    extraGradient: float32(extra),
  }
}

const moved = (
  feeds: Feeds,
  name: string,
  direction: ArrayLike<number>,
  distance: number,
): Record<string, Tensor | Reference> => {
  const { shape, data } = feeds[name]
  const at = Float64Array.from(data as Float32Array, (value, i) => value + distance * direction[i])
  return { ...feeds, [name]: { dtype: 'float32', shape, data: at } }
}

/** Fourth-order central difference of a scalar along a direction of one input. */
function slope(
  f: (feeds: Record<string, Tensor | Reference>) => number,
  feeds: Feeds,
  name: string,
  direction: ArrayLike<number>,
  h = 2e-4,
) {
  const at = (distance: number) => f(moved(feeds, name, direction, distance))
  return (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h)
}

const dot = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Array.from(a).reduce((sum, value, i) => sum + value * b[i], 0)

const dataOf = (graph: Graph, feeds: Record<string, Tensor | Reference>, output: string): Float64Array =>
  evaluate({ inputs: graph.inputs, outputs: { [output]: graph.outputs[output] } }, feeds)[output].data

const conditional = unet({ size: 8, channels: [8], groups: 4, classes: 3 })
const perceptron = mlp({ image_shape: [1, 2, 2], hidden: [6], time_width: 4, classes: 2 })
const indexed = shuffleUnet({ sample_size: 4, base_dim: 4, dim_mults: [2], timesteps: 9, time_embedding_dim: 4 })

describe('the training step', () => {
  const optimizer = sgd({ momentum: 0 })
  const zeros = new Float32Array(flatSize(perceptron.parameters))

  test('loss: the prediction at signal x0 + noise eps against eps, mean of squares', () => {
    for (const network of [perceptron, conditional]) {
      const feeds = lossFeeds(network)
      const size = sizeOf(network.imageShape)
      const [x0, eps] = [feeds.images, feeds.noise].map(({ data }) => data as Float32Array)
      const sample = Float32Array.from(x0, (x, i) => {
        const image = Math.floor(i / size)
        return SIGNAL[image] * x + NOISE[image] * eps[i]
      })
      const prediction = dataOf(
        denoiseGraph(network, IMAGES),
        {
          weights: feeds.weights,
          sample: float32(sample, feeds.images.shape),
          timestep: feeds.time,
          class_labels: feeds.condition,
        },
        'out_sample',
      )
      const loss = prediction.reduce((sum, p, i) => sum + (p - eps[i]) ** 2, 0) / prediction.length
      expect(dataOf(lowerGradientGraph(network, IMAGES), feeds, 'loss')[0]).toBeCloseTo(loss, 6)
    }
  })

  /** The gradient of the loss, read off a plain step of rate 1. */
  const gradientOf = (network: DenoisingNetwork, extra: Float32Array, clip: number | null) => {
    const feeds: Feeds = { ...stepFeeds(network, optimizer, extra, 1), learningRate: float32([1], []) }
    const next = dataOf(trainStepGraph(network, IMAGES, optimizer, clip), feeds, 'next.weights')
    return next.map((value, i) => (feeds.weights.data as Float32Array)[i] - value)
  }

  test('gradient: central differences of the loss in the weights', () => {
    const loss = lowerGradientGraph(perceptron, IMAGES)
    const feeds = lossFeeds(perceptron)
    const gradient = gradientOf(perceptron, zeros, null)
    for (const item of [20, 21, 22]) {
      const direction = normal(item, gradient.length)
      const differences = slope((at) => dataOf(loss, at, 'loss')[0], feeds, 'weights', direction)
      expect(dot(gradient, direction)).toBeCloseTo(differences, 6)
    }
  })

  test('extraGradient is added after clipping, whatever its size; zeros leave the gradient alone', () => {
    const extra = normal(30, zeros.length, 0.3)
    const plain = gradientOf(perceptron, zeros, null)
    const norm = Math.sqrt(dot(plain, plain))
    const clip = norm / 3
    const scale = clip / (norm + 1e-6)
    const [added, clipped] = [gradientOf(perceptron, extra, null), gradientOf(perceptron, extra, clip)]
    plain.forEach((value, i) => {
      expect(added[i]).toBeCloseTo(value + extra[i], 7)
      expect(clipped[i]).toBeCloseTo(value * scale + extra[i], 6)
    })
    expect(gradientOf(perceptron, zeros, 10 * norm).every((g, i) => Math.abs(g - plain[i]) < 1e-10)).toBe(true)
  })

  test('AdamW by hand from the gradient, with weight decay, at step 4', () => {
    const [beta1, beta2, epsilon, weightDecay, rate, step] = [0.8, 0.95, 1e-6, 0.1, 0.013, 4]
    const adam = adamw({ beta1, beta2, epsilon, weightDecay })
    const feeds = stepFeeds(perceptron, adam, zeros, step)
    const out = evaluate(trainStepGraph(perceptron, IMAGES, adam, null), feeds)
    const gradient = gradientOf(perceptron, zeros, null)
    const [w, m, v] = [feeds.weights, feeds.firstMoment, feeds.secondMoment].map(({ data }) => data as Float32Array)
    gradient.forEach((g, i) => {
      const first = beta1 * m[i] + (1 - beta1) * g
      const second = beta2 * v[i] + (1 - beta2) * g * g
      const update = first / (1 - beta1 ** step) / (Math.sqrt(second / (1 - beta2 ** step)) + epsilon)
      expect(out['next.firstMoment'].data[i]).toBeCloseTo(first, 8)
      expect(out['next.secondMoment'].data[i]).toBeCloseTo(second, 8)
      expect(out['next.weights'].data[i]).toBeCloseTo(w[i] * (1 - rate * weightDecay) - rate * update, 6)
    })
  })

  test('compiled, it is the reference: conditional UNet, and running statistics', async () => {
    for (const network of [conditional, indexed]) {
      const adam = adamw({ weightDecay: 0 })
      const extra = normal(31, flatSize(network.parameters), 1e-3)
      const feeds = stepFeeds(network, adam, extra, 2)
      const graph = trainStepGraph(network, IMAGES, adam, 1)
      const truth = evaluate(graph, feeds)
      const program = await compile(graph)
      const came = await program.run(feeds)
      expect(Object.keys(came).includes('next.statistics')).toBe(network.statistics.length > 0)
      for (const [name, { data }] of Object.entries(truth)) {
        const error = Math.max(...data.map((value, i) => Math.abs(value - (came[name].data as Float32Array)[i])))
        // the sum of all weights has the rounding of all
        const largest = Math.max(1, ...data.map((value) => Math.abs(Number(value))))
        expect(error, `${network.kind} ${name}`).toBeLessThan(2e-5 * largest)
      }
      await program.dispose()
    }
  })
})

test('lower gradient: central differences in each level, class-conditional and with batch statistics', () => {
  for (const network of [perceptron, conditional, indexed]) {
    const graph = lowerGradientGraph(network, IMAGES)
    const feeds = lossFeeds(network)
    for (const [input, output] of [
      ['signal', 'dSignal'],
      ['noiseLevel', 'dNoise'],
    ]) {
      const gradient = dataOf(graph, feeds, output)
      for (let image = 0; image < IMAGES; image++) {
        const direction = Array.from({ length: IMAGES }, (_, i) => Number(i === image))
        const differences = slope((at) => dataOf(graph, at, 'loss')[0], feeds, input, direction)
        expect(gradient[image], `${network.kind} ${output}`).toBeCloseTo(differences, 6)
      }
    }
  }
})

describe('the prediction’s vector-Jacobian product', () => {
  const predictionFeeds = (network: DenoisingNetwork): Feeds => {
    const { weights, statistics, images, time, condition } = lossFeeds(network)
    return {
      weights,
      ...(statistics && { statistics }),
      sample: images,
      timestep: time,
      ...(condition && { class_labels: condition }),
    }
  }

  test('dx, dtime and dweights: central differences', () => {
    for (const network of [perceptron, conditional]) {
      const feeds = predictionFeeds(network)
      const cotangent = float32(normal(40, sizeOf(feeds.sample.shape)), feeds.sample.shape)
      const forward = denoiseGraph(network, IMAGES)
      const pulled = (at: Record<string, Tensor | Reference>) => dot(cotangent.data, dataOf(forward, at, 'out_sample'))
      const back = evaluate(denoiseVjpGraph(network, IMAGES, { weights: true }), { ...feeds, cotangent })
      expect(back.dtime.shape).toEqual([IMAGES])
      for (const [input, output] of [
        ['sample', 'dx'],
        ['timestep', 'dtime'],
        ['weights', 'dweights'],
      ]) {
        const direction = normal(41, back[output].data.length)
        const differences = slope(pulled, feeds, input, direction, input === 'timestep' ? 1e-2 : 1e-4)
        const found = dot(back[output].data, direction)
        expect(Math.abs(found - differences), `${network.kind} ${output}`).toBeLessThan(1e-5 * (1 + Math.abs(found)))
      }
    }
  })

  test('the class that is told matters, and only its row of the table gets a gradient', () => {
    const feeds = predictionFeeds(perceptron)
    const forward = denoiseGraph(perceptron, IMAGES)
    const other = { ...feeds, class_labels: int64([0, 2]) }
    const [one, two] = [feeds, other].map((at) => dataOf(forward, at, 'out_sample'))
    expect(Math.abs(one[0] - two[0])).toBeGreaterThan(1e-4)
    expect(one.subarray(4)).toEqual(two.subarray(4))
    const cotangent = float32(normal(42, 8), feeds.sample.shape)
    const graph = denoiseVjpGraph(perceptron, IMAGES, { weights: true })
    const dWeights = dataOf(graph, { ...feeds, cotangent }, 'dweights')
    let offset = 0
    for (const { name, shape } of perceptron.parameters) {
      if (name.startsWith('class_embedding')) {
        const rows = [0, 1, 2].map((row) => dWeights.subarray(offset + row * shape[1], offset + (row + 1) * shape[1]))
        expect(rows.map((row) => row.some((g) => g !== 0))).toEqual([false, true, true])
      }
      offset += sizeOf(shape)
    }
  })

  test('a table of integer times has no derivative in time; weights only on demand', () => {
    const outputs = (network: DenoisingNetwork, weights: boolean) =>
      Object.keys(denoiseVjpGraph(network, IMAGES, { weights }).outputs)
    expect(outputs(indexed, true)).toEqual(['dx', 'dweights'])
    expect(outputs(conditional, false)).toEqual(['dx', 'dtime'])
  })
})

test('running statistics: a moving average of the batch’s own, the same from training step and statistics program', () => {
  const feeds = lossFeeds(indexed)
  const graph = statisticsGraph(indexed, IMAGES)
  const before = feeds.statistics.data as Float32Array
  const shift = normal(50, before.length, 0.1)
  const next = dataOf(graph, feeds, 'next.statistics')
  const shifted = dataOf(
    graph,
    { ...feeds, statistics: float32(before.map((value, i) => value + shift[i])) },
    'next.statistics',
  )
  next.forEach((value, i) => {
    expect(shifted[i] - value).toBeCloseTo(0.9 * shift[i], 6)
  })
  const optimizer = sgd({ momentum: 0 })
  const zeros = new Float32Array(flatSize(indexed.parameters))
  const step = trainStepGraph(indexed, IMAGES, optimizer, 1)
  expect(dataOf(step, stepFeeds(indexed, optimizer, zeros, 1), 'next.statistics')).toEqual(next)
  // Evaluation uses the running ones: other statistics, another prediction.
  const { weights, images: sample, time: timestep } = feeds
  const predicted = (statistics: Float32Array) =>
    dataOf(denoiseGraph(indexed, IMAGES), { weights, sample, timestep, statistics: float32(statistics) }, 'out_sample')
  expect(predicted(before)).not.toEqual(predicted(Float32Array.from(next)))
})
