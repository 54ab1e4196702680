/** A pipeline of ONNX files opened as a model: prompts are its classes, and where it has a decoder, its images are latents. */
import { inputError } from '../../base/index.ts'
import { shippedPath } from '../../data/index.ts'
import type { LatentConfig, OnnxPipelineFiles } from '../../diffusion/files/index.ts'
import { latentConfig, loadPromptPipeline } from '../../diffusion/files/index.ts'
import type { EncoderForm } from '../../text/index.ts'
import { readPrompts } from '../../text/index.ts'
import { latentPartsOf } from './latentModel.ts'
import { openModelFile } from './modelFile.ts'
import type { OpenedModel, OpenModelOptions } from './openedModel.ts'

/**
 * @param path of the folder, for errors
 * @throws `model.prompts` without prompts; `model.decoder`, `model.size`; as `loadPromptPipeline` and `openModelFile`
 */
export async function openPipelineModel(
  path: string,
  files: OnnxPipelineFiles,
  options: OpenModelOptions,
): Promise<OpenedModel> {
  const { unet, decoder } = files
  const config = decoder === null ? null : await latentConfig({ decoder, unet })
  const latents = latentPartsOf(files, config)
  const sized = config === null ? {} : { imageShape: latentSides(path, config, options.size) }
  const described = { ...options, scheduler: options.scheduler ?? files.scheduler }
  const scale = config?.scale ?? null
  const asPipeline = ({ inputs }: OpenedModel, encoder: EncoderForm | null) => ({
    inputs: null,
    ...(inputs && { pipeline: { folder: path, files, inputs, encoder, scale } }),
  })
  if (!files.text) {
    const opened = await openModelFile(path, described, { model: unet, latents, ...sized })
    return { ...opened, ...asPipeline(opened, null), notes: [...(config?.notes ?? []), ...opened.notes] }
  }
  if (!options.prompts) {
    throw inputError(
      'model.prompts',
      `${path} makes images of prompts: give them with --prompts FILE, a prompt a line; --class then names one, and the empty prompt is the null class`,
    )
  }
  const { device } = options
  const parts = { ...files.text, unet, scheduler: files.scheduler }
  const shared = await options.sharedPrompts?.pipelineOf(options.promptSet ?? null, parts, device)
  const { model, prompts, nullClass, notes, encoder } =
    shared ??
    (await loadPromptPipeline(parts, await readPrompts(shippedPath(options.prompts), options.promptSet), { device }))
  const opened = await openModelFile(
    path,
    { ...described, modelClasses: prompts.length, nullClass },
    { model, latents, ...sized, ...(shared && { within: shared.within }) },
  )
  return {
    ...opened,
    ...asPipeline(opened, encoder),
    classNames: prompts,
    notes: [...notes, ...(config?.notes ?? []), ...opened.notes],
  }
}

/**
 * [channels, height, width] of the latents, null where the network's file has them: by the side of the pictures that is asked for, else by the network's config.
 * @throws `model.size` where no latents have such pictures
 */
function latentSides(
  path: string,
  { factor, sides }: LatentConfig,
  size: number | null,
): readonly [null, number | null, number | null] | null {
  if (size === null) return sides && [null, ...sides]
  if (factor !== null && size % factor === 0) return [null, size / factor, size / factor]
  const rule =
    factor === null
      ? `nothing beside the decoder of ${path} says how much larger its pictures are (block_out_channels in config.json)`
      : `pictures of ${path} are ${factor} times as large as its latents`
  throw inputError(
    'model.size',
    `${rule}, got size ${size}; ${factor === null ? 'leave it out' : `give a multiple of ${factor}`}`,
  )
}
