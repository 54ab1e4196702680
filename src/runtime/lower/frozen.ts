/**
 * Convolutions with constant weights in the blocked layout, their weights brought there on the host. ONNX Runtime would choose the same
 * operators by itself, but not carry the layout through what stands between them (SiLU, concatenation, splitting, doubling).
 *
 * Dense weights lie as [o/k, i/k, h, w, k (in), k (out)], or [o/k, i, h, w, k (out)] for images of less than a block of channels, which
 * the engine takes as they are; depthwise ones as [c/k, h, w, k]. Filters are filled up to whole blocks with zeros.
 */
import type { Tensor } from '../../base/index.ts'
import { float32, sizeOf } from '../../base/index.ts'
import type { ConvAttributes, SymbolicTensor } from '../../graph/index.ts'
import { constant, convLayout } from '../../graph/index.ts'
import { convolveDoubled, phaseWeight } from './doubled.ts'
import type { BlockSize } from './operators.ts'
import { blockedConv, blockedSource, fromBlocked, toBlocked } from './operators.ts'

const roundUp = (count: number, block: number): number => Math.ceil(count / block) * block

type Inputs = readonly (SymbolicTensor | null)[]

/** Conv with a constant weight (and bias) in the blocked layout; undefined where it does not fit. */
export function frozenForward(
  inputs: Inputs,
  attributes: ConvAttributes,
  block: BlockSize,
): SymbolicTensor | undefined {
  const [x, w, bias] = inputs
  const weight = w?.constant
  const doubled =
    x &&
    weight &&
    block &&
    convolveDoubled(x, convLayout(x.shape, weight.shape, attributes), block, (half, phase) => {
      const own = constant(phaseWeight(weight, phase))
      return blockedForward([half, own, bias], { ...attributes, pads: phase.pads }, block)
    })
  return doubled || blockedForward(inputs, attributes, block)
}

function blockedForward(
  [x, w, bias]: Inputs,
  attributes: ConvAttributes,
  block: BlockSize,
): SymbolicTensor | undefined {
  if (!block || !x || !w?.constant || (bias && !bias.constant) || x.rank !== 4 || x.dtype !== 'float32')
    return undefined
  const { channels, filters, groups, window } = convLayout(x.shape, w.shape, attributes)
  const depthwise = groups > 1 && groups === channels && filters === channels
  const small = groups === 1 && channels < block
  const whole = channels % block === 0 && (groups === 1 || depthwise)
  // A filter or few: worth a block of them only where the image is blocked already.
  if (!(whole || small) || (filters < block && !blockedSource(x))) return undefined
  const padded = roundUp(filters, block)
  const weight = blockedWeight(w.constant, padded, depthwise || small ? 1 : block, block)
  const { kernel: kernel_shape, strides, pads, dilations } = window
  const y = blockedConv(
    small ? x : toBlocked(x),
    constant(weight),
    bias && constant(filledUp(bias.constant!, padded)),
    {
      kernel_shape,
      strides,
      pads,
      dilations,
      group: groups,
    },
  )
  return fromBlocked(y, filters)
}

/** [o,i,...k] to [o/outer, i/inner, ...k, inner, outer] under the shape [o,i,...k], o filled up with zeros. */
function blockedWeight(w: Tensor, filters: number, inner: number, outer: number): Tensor<'float32'> {
  const [o, i, ...kernel] = w.shape
  const taps = sizeOf(kernel)
  const blocked = new Float32Array(filters * i * taps)
  for (let filter = 0; filter < o; filter++) {
    const [filterBlock, filterLane] = [Math.floor(filter / outer), filter % outer]
    for (let channel = 0; channel < i; channel++) {
      const [channelBlock, channelLane] = [Math.floor(channel / inner), channel % inner]
      const from = (filter * i + channel) * taps
      const to = (filterBlock * (i / inner) + channelBlock) * taps
      for (let tap = 0; tap < taps; tap++) {
        blocked[((to + tap) * inner + channelLane) * outer + filterLane] = Number(w.data[from + tap])
      }
    }
  }
  return float32(blocked, [filters, i, ...kernel])
}

function filledUp({ data }: Tensor, length: number): Tensor<'float32'> {
  const filled = new Float32Array(length)
  filled.set(data as Float32Array)
  return float32(filled)
}
