/** A text-to-image folder, opened as a model whose classes are prompts. */
import { inputError } from '../../base/index.ts'
import { shippedPath } from '../../data/index.ts'
import type { PromptPipelineFiles } from '../../diffusion/files/index.ts'
import { loadPromptPipeline } from '../../diffusion/files/index.ts'
import { readPrompts } from '../../text/index.ts'
import { openModelFile } from './modelFile.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'

/**
 * @param path of the folder, for errors
 * @throws `model.prompts` without prompts; as `loadPromptPipeline` and `openModelFile`
 */
export async function openPromptModel(
  path: string,
  files: PromptPipelineFiles,
  options: OpenModelOptions,
): Promise<OpenedModel> {
  if (!options.prompts) {
    throw inputError(
      'model.prompts',
      `${path} makes images of prompts: give them with --prompts FILE, a prompt a line; --class then names one, and the empty prompt is the null class`,
    )
  }
  const { device } = options
  const { model, prompts, nullClass, notes } = await loadPromptPipeline(
    files,
    await readPrompts(shippedPath(options.prompts)),
    {
      device,
    },
  )
  const scheduler = options.scheduler ?? files.scheduler
  const described = { ...options, scheduler, modelClasses: prompts.length, nullClass }
  const opened = await openModelFile(path, described, model)
  return { ...opened, classNames: prompts, notes: [...notes, ...opened.notes] }
}
