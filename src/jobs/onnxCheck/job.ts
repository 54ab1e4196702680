/** `bilevel onnx check`: whether an ONNX file can be brought in, and whether its outputs and derivatives are right. */
import type { Job } from '../job.ts'
import { faultOf } from './fault.ts'
import { checkOnnx } from './run.ts'
import type { OnnxCheckConfig } from './settings.ts'
import { ONNX_CHECK_GROUPS, onnxCheckSchema, resolveOnnxCheckConfig } from './settings.ts'
import { checkText } from './text.ts'

export const onnxCheckJob: Job<OnnxCheckConfig> = {
  name: 'onnx check',
  summary: 'check that an ONNX file can be differentiated here, and that its derivative is right',
  description:
    'Reads an ONNX file, lists its operators and those that are not offered, and compares the derivative in its inputs (of a network that takes whole numbers alone, in the ' +
    'tables that it looks them up in) with central differences of its evaluation in float64, along random directions. With --inputs also outputs and gradient with ' +
    'those of the framework that the file is from. An error is max |a - b| / max |b| of a tensor; at most 1e-3 is let pass, of outputs 1e-4: beyond, and where an ' +
    'operator is not offered, the exit code is 1.',
  argument: { name: '<file>', description: 'an ONNX file' },
  jsonHelp: 'print what was found as one JSON object on one line',
  settings: { schema: onnxCheckSchema, groups: ONNX_CHECK_GROUPS, resolve: resolveOnnxCheckConfig },
  leaves: 'answer',
  async run({ config, argument }) {
    const check = await checkOnnx(argument, config)
    const failed = faultOf(argument, check)
    return { json: check.json, text: checkText(argument, check), ...(failed !== undefined && { failed }) }
  },
}
