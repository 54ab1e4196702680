/** Resize and what it was called before. */
import type { SymbolicTensor } from '../../../graph/index.ts'
import { resize } from '../../../graph/index.ts'
import type { ImporterTable, NodeCall } from '../importer.ts'
import { asWritten, numbersOf, refused, required } from '../importer.ts'

/** Before operator set 11: corners of elements meet, and nearest is the one before when growing, the one after when shrinking. */
function early(call: NodeCall, scales: readonly number[]): SymbolicTensor[] {
  const mode = call.attributes.string('mode', 'nearest')
  if (mode !== 'nearest' && mode !== 'linear' && mode !== 'bilinear') throw refused(`its mode '${mode}' is not offered`)
  const [shrinks, grows] = [scales.some((scale) => scale < 1), scales.some((scale) => scale > 1)]
  if (shrinks && grows && mode === 'nearest') throw refused('nearest that both shrinks and grows is not offered')
  return [
    resize(required(call, 0, 'X'), {
      scales,
      mode: mode === 'nearest' ? 'nearest' : 'linear',
      coordinates: 'asymmetric',
      rounding: shrinks ? 'ceil' : 'floor',
    }),
  ]
}

const isEmpty = (value: SymbolicTensor | null | undefined) => !value || value.size === 0

export const resizing: ImporterTable = {
  Upsample(call) {
    const scales = call.opset >= 9 ? numbersOf(required(call, 1, 'scales'), 'scales') : call.attributes.floats('scales')
    return early(call, scales ?? [])
  },

  Resize(call) {
    const { inputs, opset, attributes } = call
    if (opset < 11) return early(call, numbersOf(required(call, 1, 'scales'), 'scales') ?? [])
    const crops = attributes.string('coordinate_transformation_mode', 'half_pixel') === 'tf_crop_and_resize'
    const mode = attributes.string('coordinate_transformation_mode', 'half_pixel')
    const [x, roi, scales, sizes] = inputs
    const given = [x, crops ? roi : null, isEmpty(scales) ? null : scales, isEmpty(sizes) ? null : sizes]
    const used = given.slice(0, isEmpty(sizes) ? 3 : 4)
    return asWritten(call, { inputs: used, attributes: { coordinate_transformation_mode: mode } })
  },
}
