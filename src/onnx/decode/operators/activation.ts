/** Activations, each made of what the graph has; and the fused ones of ONNX Runtime's optimizer. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import {
  abs,
  add,
  clip,
  div,
  elu,
  gelu,
  geluTanh,
  greater,
  less,
  mul,
  silu,
  softplus,
  sub,
  tanh,
  where,
} from '../../../graph/index.ts'
import type { Importer, ImporterTable, NodeCall } from '../importer.ts'
import { refused, required } from '../importer.ts'

const input = (call: NodeCall) => required(call, 0, 'X')

/** x sigmoid(alpha x) as silu(alpha x) / alpha: silu has a derivative of its own, and engines run it in one pass. */
function swish(x: SymbolicTensor, alpha: number): SymbolicTensor {
  if (alpha === 1) return silu(x)
  return alpha === 0 ? mul(x, 0.5) : mul(silu(mul(x, alpha)), 1 / alpha)
}

/** max(0, min(1, alpha x + beta)). */
const hardSigmoid = (x: SymbolicTensor, alpha: number, beta: number) => clip(add(mul(x, alpha), beta), 0, 1)

/** The second input added, where there is one. */
function withBias({ inputs }: NodeCall, x: SymbolicTensor): SymbolicTensor {
  return inputs[1] ? add(x, inputs[1]) : x
}

const geluOf: Importer = (call) => {
  const form = call.attributes.string('approximate', 'none')
  if (form !== 'none' && form !== 'tanh') throw refused(`its approximation must be none or tanh, got ${form}`)
  return [form === 'none' ? gelu(input(call)) : geluTanh(input(call))]
}

export const activation: ImporterTable = {
  Gelu: geluOf,

  /** max(0, x) + min(0, alpha (e^(x / alpha) - 1)) = alpha elu(x / alpha) for alpha above 0 (Barron 2017). */
  Celu(call) {
    const alpha = call.attributes.float('alpha', 1)
    if (!(alpha > 0)) throw refused(`alpha must be above 0, got ${alpha}`)
    return [alpha === 1 ? elu(input(call)) : mul(elu(mul(input(call), 1 / alpha)), alpha)]
  },

  Selu(call) {
    const alpha = call.attributes.float('alpha', 1.6732631921768188)
    const gamma = call.attributes.float('gamma', 1.0507010221481323)
    return [mul(elu(input(call), alpha), gamma)]
  },

  HardSigmoid(call) {
    const [alpha, beta] = [call.attributes.float('alpha', 0.2), call.attributes.float('beta', 0.5)]
    return [hardSigmoid(input(call), alpha, beta)]
  },

  HardSwish: (call) => [mul(input(call), hardSigmoid(input(call), 1 / 6, 0.5))],

  /** x tanh(log(1 + e^x)) (Misra 2019). */
  Mish: (call) => [mul(input(call), tanh(softplus(input(call))))],

  /** The slope of the second input where x is below 0. */
  PRelu(call) {
    const [x, slope] = [input(call), required(call, 1, 'slope')]
    return [where(less(x, 0), mul(x, slope), x)]
  },

  Softsign: (call) => [div(input(call), add(abs(input(call)), 1))],

  ThresholdedRelu: (call) => [where(greater(input(call), call.attributes.float('alpha', 1)), input(call), 0)],

  /** x + bias below -lambda, x - bias above lambda, 0 between. */
  Shrink(call) {
    const x = input(call)
    const [bias, lambda] = [call.attributes.float('bias', 0), call.attributes.float('lambd', 0.5)]
    const above = where(greater(x, lambda), bias === 0 ? x : sub(x, bias), 0)
    return [where(less(x, -lambda), bias === 0 ? x : add(x, bias), above)]
  },

  Swish: (call) => [swish(input(call), call.attributes.float('alpha', 1))],

  'com.microsoft:QuickGelu': (call) => [swish(input(call), call.attributes.float('alpha', 1.702))],
  'com.microsoft:Gelu': (call) => [gelu(input(call))],
  'com.microsoft:BiasGelu': (call) => [gelu(withBias(call, input(call)))],
  'com.microsoft:FastGelu': (call) => [geluTanh(withBias(call, input(call)))],
}
