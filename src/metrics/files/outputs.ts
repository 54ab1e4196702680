/** Which output of somebody's network is taken. */
import { basename } from 'node:path'
import type { ForeignModel } from '../../runtime/index.ts'
import type { NetworkRole } from './imageInput.ts'
import { describe, onnxError } from './imageInput.ts'

/** What is known of a model's outputs. */
export type Outputs = Pick<ForeignModel, 'outputs'>

/** The output of that name, or the only one. @throws `metrics.onnx` listing what there is */
export function chosenOutput(
  path: string,
  { outputs }: Outputs,
  name: string | undefined,
  role: NetworkRole = 'features',
): string {
  if (name === undefined && outputs.length === 1) return outputs[0].name
  const found = outputs.find((output) => output.name === name)
  if (!found)
    throw onnxError(
      path,
      `name one of its outputs, ${describe(outputs)}${name === undefined ? `, ${outputForm(path, role)}` : `; got '${name}'`}`,
      role,
    )
  return found.name
}

const outputForm = (path: string, role: NetworkRole): string =>
  role === 'reward' ? `as ${basename(path)}:NAME` : `with --${role}-output NAME`

/** The output that is called logits; undefined: none is. */
export const namedLogits = ({ outputs }: Outputs): string | undefined =>
  outputs.find((output) => /logit/i.test(output.name))?.name
