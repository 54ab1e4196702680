/**
 * Trains a classifier: cross-entropy, dropout on the features, AdamW under a one-cycle learning rate, light augmentation. Step k is a
 * pure function of (seed, k) and the weights. For feature networks and judges of one's own data.
 */
import type { NamedTensors, Tensor } from '../base/index.ts'
import { failure, float32, inputError, randomStream, sizeOf, tensor } from '../base/index.ts'
import type { Split } from '../data/index.ts'
import type { Graph, Named, SymbolicTensor } from '../graph/index.ts'
import { gradient, logSumExp, mul, reduceMean, reduceSum, reshape, split, sub, trace } from '../graph/index.ts'
import { adamw, batches, flatSize, initialVector, learningRate, unflatten } from '../nn/index.ts'
import type { Device } from '../runtime/index.ts'
import { compile } from '../runtime/index.ts'
import type { Augmentation } from './augment.ts'
import { augment } from './augment.ts'
import type { ClassifierConfig } from './classifier.ts'
import { applyClassifier, classifierParameters } from './classifier.ts'

/** How a classifier is trained: JSON data, kept beside its weights. */
export interface ClassifierTraining {
  readonly seed: number
  readonly steps: number
  readonly batch: number
  /** Largest rate of the cycle. */
  readonly rate: number
  readonly weightDecay: number
  /** Share of features dropped, in [0, 1). */
  readonly dropout: number
  readonly augmentation: Augmentation
}

export interface TrainClassifierOptions {
  readonly config: ClassifierConfig
  readonly training: ClassifierTraining
  /** Images with labels, of the config's shape or larger (then deformed and shrunk at once). */
  readonly data: Split
  readonly device?: Device
  readonly onStep?: (progress: { readonly step: number; readonly loss: number }) => void
}

/**
 * Weights after training, by name.
 * @throws `metrics.labels` without labels; `training.nan` if the loss is not finite
 */
export async function trainClassifier(options: TrainClassifierOptions): Promise<NamedTensors> {
  const { config, training, data, device, onStep } = options
  const { labels } = data
  if (!labels)
    throw inputError('metrics.labels', 'training a classifier needs labels, the data has none; give labelled data')
  const parameters = classifierParameters(config)
  const optimizer = adamw({ weightDecay: training.weightDecay })
  const program = await compile(trainingGraph(config, training, optimizer), device ? { device } : {})
  const rate = learningRate({ kind: 'one-cycle', rate: training.rate, steps: training.steps })
  const rowsOf = batches({ seed: training.seed, batch: training.batch, count: data.count })
  let weights = initialVector(parameters, training.seed)
  let slots: Record<string, Float32Array> = {}
  for (const slot of optimizer.slots) slots[slot] = new Float32Array(weights.length)
  try {
    for (let step = 0; step < training.steps; step++) {
      const out = await program.run({
        weights: float32(weights),
        ...Object.fromEntries(optimizer.slots.map((slot) => [`slot.${slot}`, float32(slots[slot])])),
        ...minibatch(options, labels, rowsOf(step), step),
        learningRate: float32([rate(step)], []),
        step: float32([step + 1], []),
      })
      const loss = Number(out.loss.data[0])
      if (!Number.isFinite(loss)) {
        throw failure(
          'training.nan',
          `the loss must stay finite, step ${step + 1} gave ${loss}; lower the rate (${training.rate})`,
        )
      }
      weights = out['next.weights'].data as Float32Array
      slots = Object.fromEntries(optimizer.slots.map((slot) => [slot, out[`next.${slot}`].data as Float32Array]))
      onStep?.({ step: step + 1, loss })
    }
  } finally {
    await program.dispose()
  }
  return unflatten(parameters, weights)
}

/** Deformed images [b,c,h,w], labels as one-hot rows [b, classes] and dropout factors [b, features] of one step. */
function minibatch(
  { config, training, data }: TrainClassifierOptions,
  labels: Int32Array,
  rows: Int32Array,
  step: number,
) {
  const { batch, dropout, seed } = training
  const shapes = { from: data.shape, to: config.imageShape }
  const [fromSize, size] = [sizeOf(shapes.from), sizeOf(shapes.to)]
  const images = new Float32Array(batch * size)
  const target = new Float32Array(batch * config.classes)
  rows.forEach((row, i) => {
    const random = randomStream({ seed, purpose: 'classifier.augment', step, item: i })
    const image = data.images.subarray(row * fromSize, (row + 1) * fromSize)
    augment(image, shapes, training.augmentation, random, images.subarray(i * size, (i + 1) * size))
    target[i * config.classes + labels[row]] = 1
  })
  const drop = randomStream({ seed, purpose: 'classifier.dropout', step })
  const factors = Float32Array.from({ length: batch * config.features }, () =>
    drop.uniform() < dropout ? 0 : 1 / (1 - dropout),
  )
  return {
    images: tensor('float32', [batch, ...config.imageShape], images),
    target: tensor('float32', [batch, config.classes], target),
    dropout: tensor('float32', [batch, config.features], factors),
  } satisfies Record<string, Tensor>
}

/** One step (new values under `next.`, as ONNX wants names used once): mean of logsumexp(logits) - logits[label], its gradient, AdamW. */
function trainingGraph(
  config: ClassifierConfig,
  { batch }: ClassifierTraining,
  optimizer: ReturnType<typeof adamw>,
): Graph {
  const parameters = classifierParameters(config)
  const float = (...shape: number[]) => ({ dtype: 'float32', shape }) as const
  const size = flatSize(parameters)
  const types = {
    weights: float(size),
    ...Object.fromEntries(optimizer.slots.map((slot) => [`slot.${slot}`, float(size)])),
    images: float(batch, ...config.imageShape),
    target: float(batch, config.classes),
    dropout: float(batch, config.features),
    learningRate: float(),
    step: float(),
  }
  return trace(types, (inputs: Named): Named => {
    const pieces = split(
      inputs.weights,
      parameters.map(({ shape }) => sizeOf(shape)),
      0,
    )
    const named = Object.fromEntries(parameters.map(({ name, shape }, i) => [name, reshape(pieces[i], shape)]))
    const { logits } = applyClassifier(config, named, inputs.images, inputs.dropout)
    const loss = reduceMean(sub(logSumExp(logits, [1]), reduceSum(mul(logits, inputs.target), [1])))
    const [weightGradient] = gradient(loss, [inputs.weights])
    const slots: Record<string, SymbolicTensor> = {}
    for (const slot of optimizer.slots) slots[slot] = inputs[`slot.${slot}`]
    const { learningRate: rate, step, weights } = inputs
    const updated = optimizer.update({ weights, gradient: weightGradient, slots, learningRate: rate, step })
    const next = Object.fromEntries(optimizer.slots.map((slot) => [`next.${slot}`, updated.slots[slot]]))
    return { 'next.weights': updated.weights, ...next, loss }
  })
}
