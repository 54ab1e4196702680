/** Whether prompts that are given are of any use: to a model that makes images of them, or to a reward that rates images by them. */
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'
import { shippedPath } from '../../data/index.ts'
import { findOnnxPipeline, SHIPPED_MODELS } from '../../diffusion/files/index.ts'
import { parseRewardSpec } from '../../rewards/index.ts'
import { SETS } from '../entropy/sets/folder.ts'
import { runRecordOf } from './runRecord.ts'

/** The settings. */
interface GivenPrompts {
  readonly prompts: string | null
  readonly promptSet: string | null
}

/**
 * Of a job with rewards: neither model nor reward takes the prompts that are given.
 * @param model null: one is trained, which takes none
 * @param rewards in words
 * @throws `config.prompts`; `reward.spec`
 */
export async function requirePromptsUsed(
  given: GivenPrompts,
  model: string | null,
  rewards: readonly string[],
): Promise<void> {
  if (given.prompts === null && given.promptSet === null) return
  if (rewards.flatMap((spec) => parseRewardSpec(spec)).some(({ kind }) => kind === 'clip-score')) return
  if (model !== null && (await takesPrompts(model))) return
  const rated = rewards.length === 0 ? 'no reward' : rewards.map((spec) => `'${spec}'`).join(' and ')
  const by = `the model ${model ?? 'that is trained here'} and ${rated}`
  throw unused(given, `${by}, none of which takes any`, 'choose such a model or reward')
}

/**
 * Of a job that samples: the model does not take the prompts that are given over those of its run.
 * @param path a run, a model folder, or an ONNX file
 * @throws `config.prompts`
 */
export async function requirePromptsTaken(path: string, given: GivenPrompts): Promise<void> {
  const { prompts, promptSet } = given
  if ((prompts === null && promptSet === null) || (await takesPrompts(path))) return
  const own = (await runRecordOf(path))?.settings
  // Those of a run that are of no use to its model are its reward's.
  const isOwn = prompts === null || own?.prompts === prompts
  if (isOwn && (promptSet === null || own?.promptSet === promptSet || (await isSetOf(path, promptSet)))) return
  throw unused(
    { prompts: isOwn ? null : prompts, promptSet },
    `the model ${path}, which takes none`,
    'name such a model',
  )
}

const isSetOf = async (run: string, set: string): Promise<boolean> =>
  (await stat(join(run, SETS, set)).catch(() => null)) !== null

/** Whether a model makes images of prompts, by its files alone. Of what is no model it is left to be refused as that. */
export async function takesPrompts(path: string): Promise<boolean> {
  const model = (await runRecordOf(path))?.settings.model
  if (typeof model === 'string' && model !== path && (await takesPrompts(model))) return true
  const folder = shippedPath(path)
  const isModel = SHIPPED_MODELS.some((name) => name === path) || (await stat(folder).catch(() => null)) !== null
  return !isModel || Boolean((await findOnnxPipeline(folder))?.text)
}

function unused({ prompts, promptSet }: GivenPrompts, by: string, other: string): Error {
  const set = promptSet === null ? '' : `set '${promptSet}'`
  const [came, leave] =
    prompts === null
      ? [set, 'leave it out']
      : [`prompts ${prompts}${set && ` (${set})`}`, 'leave them out (--prompts none)']
  return inputError(
    'config.prompts',
    'prompts are for a text-to-image model (a folder with unet/model.onnx, text_encoder/model.onnx, tokenizer/) and for the reward clip-score; ' +
      `got ${came} with ${by}; ${leave}, or ${other}`,
  )
}
