/** A network's loss, every gradient and statistics as one graph, to hold against gold files, by evaluation or compiled. */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { NamedTensors, Tensor } from '../base/index.ts'
import type { Graph, TensorType } from '../graph/index.ts'
import { gradient, mapRecord, mul, reduceMean, sub, trace } from '../graph/index.ts'
import type { DenoisingNetwork, Mode } from './network.ts'
import type { SafetensorsFile } from './safetensors.ts'
import { decodeSafetensors } from './safetensors.ts'

export function goldFile(name: string): SafetensorsFile {
  return decodeSafetensors(readFileSync(`test/gold/${name}`), name)
}

/** The tensors whose names begin with `prefix.`, without it. */
export function under(prefix: string, tensors: NamedTensors): Record<string, Tensor> {
  const entries = Object.entries(tensors).filter(([name]) => name.startsWith(`${prefix}.`))
  return Object.fromEntries(entries.map(([name, value]) => [name.slice(prefix.length + 1), value]))
}

/** Inputs: x, t, eps, y (the class, where there are any), `state.*`. Outputs: out, loss, dx, dt, `grad.*`, `after.*`. */
export function lossGraph(network: DenoisingNetwork, batch: number, mode: Mode): Graph {
  const image: TensorType = { dtype: 'float32', shape: [batch, ...network.imageShape] }
  const float = ({ name, shape }: { name: string; shape: readonly number[] }): [string, TensorType] => [
    `state.${name}`,
    { dtype: 'float32', shape },
  ]
  const types: Record<string, TensorType> = {
    x: image,
    t: { dtype: network.times === 'integer' ? 'int64' : 'float32', shape: [batch] },
    eps: image,
    ...(network.classes !== undefined && { y: { dtype: 'int64', shape: [batch] } }),
    ...Object.fromEntries([...network.parameters, ...network.statistics].map(float)),
  }
  return trace<string, string>(types, ({ x, t, eps, y, ...state }) => {
    const named = mapRecord(Object.fromEntries(Object.entries(state).map(([k, v]) => [k.slice(6), v])), (v) => v)
    const inputs = { sample: x, timestep: t, ...(y && { condition: y }) }
    const { prediction, statistics } = network.apply(named, named, inputs, mode)
    const error = sub(prediction, eps)
    const loss = reduceMean(mul(error, error))
    const smooth = network.times === 'integer' ? [x] : [x, t]
    const names = network.parameters.map(({ name }) => name)
    const derivatives = gradient(loss, [...names.map((name) => named[name]), ...smooth])
    return {
      out: prediction,
      loss,
      ...Object.fromEntries(names.map((name, i) => [`grad.${name}`, derivatives[i]])),
      ...Object.fromEntries(smooth.map((_, i) => [i === 0 ? 'dx' : 'dt', derivatives[names.length + i]])),
      ...Object.fromEntries(Object.entries(statistics).map(([name, value]) => [`after.${name}`, value])),
    }
  })
}

/** |a - b| <= relative max|b| + absolute for every element, by name. */
export function expectClose(
  came: { readonly data: ArrayLike<number | bigint> } | undefined,
  wanted: Tensor,
  { relative, absolute }: { relative: number; absolute: number },
  name: string,
): void {
  const [a, b] = [came?.data ?? [], wanted.data].map((values) => Float64Array.from(values as ArrayLike<number>, Number))
  expect(a.length, `size of ${name}`).toBe(b.length)
  const scale = b.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0)
  const error = a.reduce((largest, value, i) => Math.max(largest, Math.abs(value - b[i])), 0)
  expect(error, `largest error of ${name}, largest value ${scale}`).toBeLessThanOrEqual(relative * scale + absolute)
}
