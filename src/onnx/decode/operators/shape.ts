/** Rearrangements. Axes that older operator sets wrote as attributes are inputs in newer ones. */
import { sizeOf } from '../../../base/index.ts'
import type { SymbolicTensor } from '../../../graph/index.ts'
import { flatten, reshape, squeeze, tile, transpose, unsqueeze } from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { numbersOf, refused, required } from '../importer.ts'

/** Axes of a call: its second input from operator set `since` on, an attribute before. */
export function axesOf({ inputs, attributes, opset }: NodeCall, since: number): readonly number[] | undefined {
  if (opset >= since) return numbersOf(inputs[1], 'axes')
  return attributes.has('axes') ? attributes.ints('axes') : undefined
}

/** Blocks of channels to blocks of space, or back. */
function depthOf(call: NodeCall): { x: SymbolicTensor; block: number } {
  const x = required(call, 0, 'input')
  const block = call.attributes.int('blocksize')
  if (x.rank !== 4 || block < 1)
    throw refused(`it takes [b, c, h, w] and a block of at least 1, got [${x.shape}] and ${block}`)
  return { x, block }
}

export const shape: ImporterTable = {
  Flatten(call) {
    const x = required(call, 0, 'input')
    const axis = call.attributes.int('axis', 1)
    return [flatten(x, axis < 0 ? axis + x.rank : axis)]
  },

  Squeeze: (call) => [squeeze(required(call, 0, 'data'), axesOf(call, 13))],

  Unsqueeze(call) {
    const axes = axesOf(call, 13)
    if (!axes) throw refused('it must say which axes to insert')
    return [unsqueeze(required(call, 0, 'data'), axes)]
  },

  Tile(call) {
    const repeats = numbersOf(required(call, 1, 'repeats'), 'repeats') ?? []
    return [tile(required(call, 0, 'input'), repeats)]
  },

  DepthToSpace(call) {
    const { x, block } = depthOf(call)
    const [b, c, h, w] = x.shape
    const mode = call.attributes.string('mode', 'DCR')
    if (mode !== 'DCR' && mode !== 'CRD') throw refused(`its mode must be DCR or CRD, got ${mode}`)
    const rest = c / block ** 2
    const [apart, order] =
      mode === 'DCR'
        ? [
            [b, block, block, rest, h, w],
            [0, 3, 4, 1, 5, 2],
          ]
        : [
            [b, rest, block, block, h, w],
            [0, 1, 4, 2, 5, 3],
          ]
    return [reshape(transpose(reshape(x, apart), order), [b, rest, h * block, w * block])]
  },

  SpaceToDepth(call) {
    const { x, block } = depthOf(call)
    const [b, c, h, w] = x.shape
    const mode = call.attributes.string('mode', 'DCR')
    if (mode !== 'DCR' && mode !== 'CRD') throw refused(`its mode must be DCR or CRD, got ${mode}`)
    const apart = reshape(x, [b, c, h / block, block, w / block, block])
    const order = mode === 'DCR' ? [0, 3, 5, 1, 2, 4] : [0, 1, 3, 5, 2, 4]
    return [reshape(transpose(apart, order), [b, sizeOf([c, block, block]), h / block, w / block])]
  },
}
