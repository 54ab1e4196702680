/** Settings of checking an ONNX file. */
import { z } from 'zod'
import type { SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'

export const onnxCheckSchema = z.strictObject({
  shape: setting(
    z.record(
      z.string().min(1),
      z.array(
        z
          .int()
          .min(0)
          .max(2 ** 31 - 1),
      ),
    ),
    {
      group: 'Inputs',
      description:
        'shape of an input, given once for each: --shape x=2,3,32,32; needed where the file leaves an axis open that is not the first, which is 2 by itself',
      default: {},
    },
  ),
  inputs: setting(z.string().min(1).nullable(), {
    group: 'Inputs',
    description:
      'a .npz with the inputs under their names, or in0, in1, ... in order, and what the framework gives: out, and grad, the gradient of sum(out cot) in the first input, for a cotangent cot; none: random inputs, and no values to compare with',
    default: null,
  }),
  seed: setting(z.int().min(0).max(Number.MAX_SAFE_INTEGER), {
    group: 'Inputs',
    description: 'seed of random inputs, cotangents and directions',
    default: 0,
  }),
})
export type OnnxCheckConfig = z.output<typeof onnxCheckSchema>

export const ONNX_CHECK_GROUPS = ['Inputs'] as const

/** @throws `config.unknownKey`, `config.invalid` */
export const resolveOnnxCheckConfig = (layers: readonly SettingsLayer[]): OnnxCheckConfig =>
  resolveSettings(onnxCheckSchema, [{ source: 'the defaults', values: defaultsOf(onnxCheckSchema.shape) }, ...layers])
