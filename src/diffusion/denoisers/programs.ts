/**
 * The few graphs that touch a network: the training step, the lower gradient, the prediction and its vector-Jacobian product.
 * Everything else (schedules, samplers, loops) is float64 on the host, so that changing a schedule recompiles nothing.
 *
 * Weights, optimizer moments and running statistics are flat float32 vectors, split inside the graph (one vector instead of
 * hundreds of small tensors halves the number of nodes).
 */
import type { Graph, Named, SymbolicTensor, TensorType } from '../../graph/index.ts'
import { add, gradient, mul, reduceMean, reduceSum, reshape, square, sub, trace, vjp } from '../../graph/index.ts'
import type { DenoisingNetwork, Optimizer } from '../../nn/index.ts'
import { clipGradient, flatSize, flattenSymbolic, unflattenSymbolic } from '../../nn/index.ts'
import type { TrainingTarget } from '../denoiser.ts'

const float = (...shape: number[]): TensorType => ({ dtype: 'float32', shape })

/** Element type of the told time: a learned table of times is indexed, a sinusoidal embedding takes any real time. */
const timeType = (network: DenoisingNetwork, batch: number): TensorType => ({
  dtype: network.times === 'integer' ? 'int64' : 'float32',
  shape: [batch],
})

const conditionType = (network: DenoisingNetwork, batch: number): Record<string, TensorType> =>
  network.classes === undefined ? {} : { condition: { dtype: 'int64', shape: [batch] } }

const statisticsType = (network: DenoisingNetwork): Record<string, TensorType> =>
  network.statistics.length === 0 ? {} : { statistics: float(flatSize(network.statistics)) }

/** Running statistics by name; none where the network has none. */
const statisticsOf = (network: DenoisingNetwork, flat: SymbolicTensor | undefined): Named =>
  flat ? unflattenSymbolic(network.statistics, flat) : {}

/** Name of the output that is the new value of a state input (inputs and outputs of an ONNX graph share one name space). */
export const nextOf = (name: string): string => `next.${name}`

/** What the loss is: the network's target (default the noise), and whether images weigh differently (`lossWeight`; default false). */
export interface LossForm {
  readonly target?: TrainingTarget
  readonly weighted?: boolean
}

/** Types of weights, statistics and a minibatch: images, noise [b,c,h,w]; signal, noiseLevel, time, lossWeight, condition [b]. */
function lossTypes(
  network: DenoisingNetwork,
  batch: number,
  { weighted = false }: LossForm,
): Record<string, TensorType> {
  return {
    weights: float(flatSize(network.parameters)),
    ...statisticsType(network),
    images: float(batch, ...network.imageShape),
    noise: float(batch, ...network.imageShape),
    signal: float(batch),
    noiseLevel: float(batch),
    time: timeType(network, batch),
    ...(weighted && { lossWeight: float(batch) }),
    ...conditionType(network, batch),
  }
}

/**
 * Denoising score matching: mean lossWeight (prediction - target)^2 at x = signal x0 + noise eps. The target is eps (Ho et al. 2020, eq. 14), x0, the velocity
 * signal eps - noise x0 (Salimans, Ho 2022, arXiv 2202.00512, appendix D), or on a flow eps - x0 (Lipman et al. 2023, arXiv 2210.02747, eq. 23).
 */
function scoreMatching(
  network: DenoisingNetwork,
  inputs: Named,
  { target = 'noise' }: LossForm,
): { loss: SymbolicTensor; statistics: Named; prediction: SymbolicTensor } {
  const perImage = (values: SymbolicTensor) => reshape(values, [values.shape[0], ...network.imageShape.map(() => 1)])
  const sample = add(mul(perImage(inputs.signal), inputs.images), mul(perImage(inputs.noiseLevel), inputs.noise))
  const { prediction, statistics } = network.apply(
    unflattenSymbolic(network.parameters, inputs.weights),
    statisticsOf(network, inputs.statistics),
    { sample, timestep: inputs.time, ...(inputs.condition && { condition: inputs.condition }) },
    'train',
  )
  const { images, noise } = inputs
  const targets: Readonly<Record<TrainingTarget, () => SymbolicTensor>> = {
    noise: () => noise,
    sample: () => images,
    velocity: () => sub(mul(perImage(inputs.signal), noise), mul(perImage(inputs.noiseLevel), images)),
    flow: () => sub(noise, images),
  }
  const errors = square(sub(prediction, targets[target]()))
  const loss = reduceMean(inputs.lossWeight ? mul(perImage(inputs.lossWeight), errors) : errors)
  return { loss, statistics, prediction }
}

/** What an optimizer step takes and gives besides the loss's gradient. */
interface Update {
  readonly optimizer: Optimizer
  /** Largest global norm of the loss's gradient, or null. */
  readonly clip: number | null
}

const updateTypes = ({ optimizer }: Update, parameters: number): Record<string, TensorType> => ({
  ...Object.fromEntries(optimizer.slots.map((slot) => [slot, float(parameters)])),
  learningRate: float(),
  step: float(),
  extraGradient: float(parameters),
})

/** New weights and moments under their own names. */
function updated({ optimizer, clip }: Update, inputs: Named, lossGradient: SymbolicTensor): Named {
  const clipped = clip === null ? lossGradient : clipGradient(lossGradient, clip)
  const { weights, slots } = optimizer.update({
    weights: inputs.weights,
    gradient: add(clipped, inputs.extraGradient),
    slots: Object.fromEntries(optimizer.slots.map((slot) => [slot, inputs[slot]])),
    learningRate: inputs.learningRate,
    step: inputs.step,
  })
  return { weights, ...slots }
}

/** `next.*`, and the sum of the new weights, which is finite where they are all. */
const asNext = (state: Named): Named => ({
  ...Object.fromEntries(Object.entries(state).map(([name, value]) => [nextOf(name), value])),
  weightSum: reduceSum(state.weights),
})

/**
 * One optimizer step on denoising score matching. `extraGradient` is added to the gradient of the loss after clipping:
 * zeros for y, grad FID / gamma for its twin z (penalty method), whose loss is then clipped by the same number as y's.
 * @param clip largest global norm of the gradient, or null
 * @param form what the loss is, here and below
 * @returns graph of (weights, slots…, statistics?, minibatch, learningRate, step, extraGradient) to `next.*` of the state, `loss` and `weightSum`
 */
export function trainStepGraph(
  network: DenoisingNetwork,
  batch: number,
  optimizer: Optimizer,
  clip: number | null,
  form: LossForm = {},
): Graph {
  const update = { optimizer, clip }
  const types = { ...lossTypes(network, batch, form), ...updateTypes(update, flatSize(network.parameters)) }
  return trace(types, (inputs: Named) => {
    const { loss, statistics } = scoreMatching(network, inputs, form)
    const [lossGradient] = gradient(loss, [inputs.weights])
    const next = {
      ...updated(update, inputs, lossGradient),
      ...(inputs.statistics && { statistics: flattenSymbolic(network.statistics, statistics) }),
    }
    return { ...asNext(next), loss }
  })
}

/**
 * The first half of a step, for one of `parts` equal parts of a minibatch: (weights, part) to what it adds to the minibatch's `loss` and to
 * the loss's `gradient` in the flat weights.
 * @param batch images of the part
 */
export function lossGradientGraph(network: DenoisingNetwork, batch: number, parts: number, form: LossForm = {}): Graph {
  return trace(lossTypes(network, batch, form), (inputs: Named) => {
    const loss = mul(scoreMatching(network, inputs, form).loss, 1 / parts)
    return { loss, gradient: gradient(loss, [inputs.weights])[0] }
  })
}

/** Name of a part's gradient as an input of the second half. */
export const gradientOfPart = (part: number): string => `gradient.${part}`

/**
 * The second half: (weights, slots…, gradient.0, gradient.1, …, learningRate, step, extraGradient) to `next.*` of weights and moments and
 * `weightSum`; the gradient of the minibatch is the sum of its parts'.
 */
export function updateGraph(
  network: DenoisingNetwork,
  parts: number,
  optimizer: Optimizer,
  clip: number | null,
): Graph {
  const update = { optimizer, clip }
  const parameters = flatSize(network.parameters)
  const names = Array.from({ length: parts }, (_, part) => gradientOfPart(part))
  const types = {
    weights: float(parameters),
    ...Object.fromEntries(names.map((name) => [name, float(parameters)])),
    ...updateTypes(update, parameters),
  }
  return trace(types, (inputs: Named) => {
    const total = names.map((name) => inputs[name]).reduce((sum, part) => add(sum, part))
    return asNext(updated(update, inputs, total))
  })
}

/**
 * Score-matching loss with its derivatives in the levels: dloss/dsignal [b], dloss/dnoise [b], weighted dloss/dweight [b] (batch statistics, none
 * written).
 * @param told also dloss/dtime [b], of networks that are told real times
 */
export function lowerGradientGraph(
  network: DenoisingNetwork,
  batch: number,
  form: LossForm = {},
  { told = false }: { readonly told?: boolean } = {},
): Graph {
  return trace(lossTypes(network, batch, form), (inputs: Named) => {
    const { loss } = scoreMatching(network, inputs, form)
    const variables: Record<string, SymbolicTensor> = {
      dSignal: inputs.signal,
      dNoise: inputs.noiseLevel,
      ...(inputs.lossWeight && { dWeight: inputs.lossWeight }),
      ...(told && { dTime: inputs.time }),
    }
    const gradients = gradient(loss, Object.values(variables))
    return { loss, ...Object.fromEntries(Object.keys(variables).map((name, i) => [name, gradients[i]])) }
  })
}

/** What the network predicts of a minibatch as the loss sees it (batch statistics): `prediction`, of the form's target. */
export function lossPredictionGraph(network: DenoisingNetwork, batch: number, form: LossForm = {}): Graph {
  return trace(lossTypes(network, batch, form), (inputs: Named) => {
    const { prediction } = scoreMatching(network, inputs, form)
    return { prediction }
  })
}

/** New running statistics of a minibatch at fixed weights. */
export function statisticsGraph(network: DenoisingNetwork, batch: number, form: LossForm = {}): Graph {
  return trace(lossTypes(network, batch, form), (inputs: Named) => {
    const { statistics } = scoreMatching(network, inputs, form)
    return { [nextOf('statistics')]: flattenSymbolic(network.statistics, statistics) }
  })
}

/** Types of the prediction's inputs, under the names of exported models. */
function predictionTypes(network: DenoisingNetwork, batch: number): Record<string, TensorType> {
  return {
    weights: float(flatSize(network.parameters)),
    ...statisticsType(network),
    sample: float(batch, ...network.imageShape),
    timestep: timeType(network, batch),
    ...(network.classes !== undefined && { class_labels: { dtype: 'int64', shape: [batch] } as TensorType }),
  }
}

function predict(network: DenoisingNetwork, inputs: Named): SymbolicTensor {
  return network.apply(
    unflattenSymbolic(network.parameters, inputs.weights),
    statisticsOf(network, inputs.statistics),
    {
      sample: inputs.sample,
      timestep: inputs.timestep,
      ...(inputs.class_labels && { condition: inputs.class_labels }),
    },
    'eval',
  ).prediction
}

/** Prediction with running statistics: (weights, statistics?, sample, timestep, class_labels?) to `out_sample`. */
export function denoiseGraph(network: DenoisingNetwork, batch: number): Graph {
  return trace(predictionTypes(network, batch), (inputs: Named) => ({ out_sample: predict(network, inputs) }))
}

/**
 * Vector-Jacobian product of the prediction, recomputing its forward pass: also takes `cotangent`; gives `dx`, `dtime` [b]
 * where times are real, and `dweights` (flat) and the prediction itself, `out_sample`, if asked for.
 */
export function denoiseVjpGraph(
  network: DenoisingNetwork,
  batch: number,
  wanted: { readonly weights: boolean; readonly prediction?: boolean },
): Graph {
  const types = { ...predictionTypes(network, batch), cotangent: float(batch, ...network.imageShape) }
  return trace(types, (inputs: Named) => {
    const variables: Record<string, SymbolicTensor> = {
      dx: inputs.sample,
      ...(network.times === 'real' && { dtime: inputs.timestep }),
      ...(wanted.weights && { dweights: inputs.weights }),
    }
    const names = Object.keys(variables)
    const prediction = predict(network, inputs)
    const gradients = vjp([prediction], [inputs.cotangent], Object.values(variables))
    const pulled = Object.fromEntries(names.map((name, i) => [name, gradients[i]]))
    return wanted.prediction ? { out_sample: prediction, ...pulled } : pulled
  })
}
