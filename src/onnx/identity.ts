/** ONNX's Identity: gives a graph output that is an input, a constant or a repeat a tensor of its own. */
import { operatorOf } from '../graph/index.ts'

/** Not registered: it exists in files only, never in traced graphs. */
export const identityOperator = operatorOf<Record<string, never>>({
  name: 'Identity',
  infer: ([x]) => [{ dtype: x!.dtype, shape: x!.shape }],
  evaluate: ([x]) => [x!.data],
})
