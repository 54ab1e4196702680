/**
 * The layers networks are built of. A layer is made once, under a parameter prefix, and then both lists its parameters and
 * applies them: names and shapes are said in one place. Names follow PyTorch's modules (`prefix.weight`, `prefix.running_mean`).
 */
import { inputError } from '../base/index.ts'
import type { Named, SymbolicTensor } from '../graph/index.ts'
import { add, batchNorm, batchNormTraining, conv, gather, groupNorm, linear, mul } from '../graph/index.ts'
import { constantParameter, normalParameter, uniformParameter } from './initial.ts'
import type { Mode, ParameterSpec } from './network.ts'

/** One forward pass being traced: the weights and running statistics by name, and the new statistics as layers report them. */
export interface Pass {
  readonly weights: Named
  readonly statistics: Named
  readonly mode: Mode
  /** Filled while tracing, by layers that have running statistics. */
  readonly updated: Record<string, SymbolicTensor>
}

/** A layer: its parameters, its running statistics and its forward pass. */
export interface Layer<A extends readonly unknown[] = readonly [SymbolicTensor]> {
  readonly parameters: readonly ParameterSpec[]
  readonly statistics: readonly ParameterSpec[]
  readonly apply: (pass: Pass, ...inputs: A) => SymbolicTensor
}

/** Parameters and statistics of several layers, in order. */
export function gathered(
  layers: readonly Pick<Layer, 'parameters' | 'statistics'>[],
): Pick<Layer, 'parameters' | 'statistics'> {
  return {
    parameters: layers.flatMap(({ parameters }) => parameters),
    statistics: layers.flatMap(({ statistics }) => statistics),
  }
}

/** Layers one after the other. */
export function sequence(...layers: readonly Layer[]): Layer {
  return { ...gathered(layers), apply: (pass, x) => layers.reduce((value, layer) => layer.apply(pass, value), x) }
}

function named(values: Named, name: string): SymbolicTensor {
  const value = values[name]
  if (!value)
    throw inputError('nn.parameters', `the network needs a tensor named '${name}', got none; pass all its parameters`)
  return value
}

export interface ConvOptions {
  readonly inputs: number
  readonly outputs: number
  readonly kernel: number
  readonly stride?: number
  /** Zeros around the image, on every side or as [top, left, bottom, right]. */
  readonly padding?: number | readonly [number, number, number, number]
  readonly groups?: number
}

/** 2-D convolution with bias: `prefix.weight` [outputs, inputs/groups, kernel, kernel], `prefix.bias`. */
export function convLayer(prefix: string, options: ConvOptions): Layer {
  const { inputs, outputs, kernel, stride = 1, padding = 0, groups = 1 } = options
  const shape = [outputs, inputs / groups, kernel, kernel]
  const fanIn = (inputs / groups) * kernel * kernel
  const pads = typeof padding === 'number' ? ([padding, padding, padding, padding] as const) : padding
  return {
    parameters: [
      uniformParameter(`${prefix}.weight`, shape, fanIn),
      uniformParameter(`${prefix}.bias`, [outputs], fanIn),
    ],
    statistics: [],
    apply: ({ weights }, x) =>
      conv(x, named(weights, `${prefix}.weight`), {
        bias: named(weights, `${prefix}.bias`),
        strides: [stride, stride],
        padding: [...pads],
        groups,
      }),
  }
}

/** y = x W^T + b on the last axis: `prefix.weight` [outputs, inputs], `prefix.bias`. */
export function linearLayer(prefix: string, inputs: number, outputs: number): Layer {
  return {
    parameters: [
      uniformParameter(`${prefix}.weight`, [outputs, inputs], inputs),
      uniformParameter(`${prefix}.bias`, [outputs], inputs),
    ],
    statistics: [],
    apply: ({ weights }, x) => linear(x, named(weights, `${prefix}.weight`), named(weights, `${prefix}.bias`)),
  }
}

/** Rows of a learned table `prefix.weight` [count, width], picked by int64 indices [b] to [b, width]. */
export function embeddingLayer(prefix: string, count: number, width: number): Layer {
  return {
    parameters: [normalParameter(`${prefix}.weight`, [count, width])],
    statistics: [],
    apply: ({ weights }, indices) => gather(named(weights, `${prefix}.weight`), indices, 0),
  }
}

function scaleAndShift(prefix: string, channels: number): ParameterSpec[] {
  return [constantParameter(`${prefix}.weight`, [channels], 1), constantParameter(`${prefix}.bias`, [channels], 0)]
}

/** Group norm over [b, channels, ...] with a scale and shift per channel. @throws `nn.groups` unless groups divides channels */
export function groupNormLayer(prefix: string, channels: number, groups: number, epsilon: number): Layer {
  if (channels % groups !== 0) {
    throw inputError(
      'nn.groups',
      `the number of norm groups must divide every number of channels: ${groups} groups, ${channels} channels ('${prefix}'); ` +
        'change the groups or the channels',
    )
  }
  return {
    parameters: scaleAndShift(prefix, channels),
    statistics: [],
    apply: ({ weights }, x) =>
      groupNorm(x, {
        groups,
        scale: named(weights, `${prefix}.weight`),
        bias: named(weights, `${prefix}.bias`),
        epsilon,
      }),
  }
}

/** PyTorch's momentum of running statistics: new = .9 old + .1 batch. */
const MOMENTUM = 0.1

/**
 * Batch norm over [b, channels, h, w], epsilon 1e-5, `prefix.running_mean`, `prefix.running_var`. In `train` mode it normalises with
 * the batch's mean and biased variance and reports the new running statistics, whose variance is the unbiased one.
 */
export function batchNormLayer(prefix: string, channels: number): Layer {
  const meanName = `${prefix}.running_mean`
  const varianceName = `${prefix}.running_var`
  return {
    parameters: scaleAndShift(prefix, channels),
    statistics: [constantParameter(meanName, [channels], 0), constantParameter(varianceName, [channels], 1)],
    apply({ weights, statistics, mode, updated }, x) {
      const affine = {
        scale: named(weights, `${prefix}.weight`),
        bias: named(weights, `${prefix}.bias`),
        epsilon: 1e-5,
      }
      const running = { mean: named(statistics, meanName), variance: named(statistics, varianceName) }
      if (mode === 'eval') return batchNorm(x, { ...affine, ...running })
      const { y, mean, variance } = batchNormTraining(x, affine)
      const count = x.size / channels
      const move = (old: SymbolicTensor, batch: SymbolicTensor, factor: number) =>
        add(mul(old, 1 - MOMENTUM), mul(batch, MOMENTUM * factor))
      updated[meanName] = move(running.mean, mean, 1)
      updated[varianceName] = move(running.variance, variance, count / Math.max(count - 1, 1))
      return y
    },
  }
}
