/** The argument of commands that take a model. */
import { SHIPPED_FOLDERS } from '../../data/index.ts'
import { SHIPPED_MODELS } from '../../diffusion/files/index.ts'

export const modelArgument = {
  name: '<model>',
  description: `${[...SHIPPED_MODELS, ...SHIPPED_FOLDERS].join(' or ')} (come with the project), a run folder, a model folder, an ONNX file, or hf:org/name[/path][@revision] of the Hugging Face hub`,
  hub: 'model',
} as const
