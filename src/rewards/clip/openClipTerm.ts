/** Terms of rewards in words that look through a CLIP model. */
import type { Shape } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import { shippedPath } from '../../data/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { Reward } from '../reward.ts'
import type { ClipKind } from '../spec.ts'
import { clipScore } from './clipScore.ts'
import { clipHead } from './head.ts'
import { openClip } from './towers.ts'

/** What of a context they need. */
interface ClipContext {
  readonly clip?: string | null
  readonly prompts?: readonly string[] | null
  readonly imageShape: Shape
  readonly batch?: number
  readonly device?: Device
}

/**
 * @param name of `clip-score` the folder, '' for the context's; of `clip-head` the head's file
 * @throws `reward.spec`, `reward.clip`, `reward.prompts` on what is not said; as `openClip`, `clipScore`, `clipHead`
 */
export async function openClipTerm(kind: ClipKind, name: string, context: ClipContext): Promise<Reward> {
  const { clip = null, prompts = null, imageShape, batch, device } = context
  const isHead = kind === 'clip-head'
  if (isHead && name === '') {
    throw inputError(
      'reward.spec',
      'clip-head names the file of the head, such as clip-head:aesthetic.safetensors; it names none',
    )
  }
  const folder = !isHead && name !== '' ? name : clip
  if (folder === null) {
    throw inputError(
      'reward.clip',
      `${kind} looks through a CLIP model, there is none; give its folder by --clip${isHead ? '' : ', or as clip-score:FOLDER'}`,
    )
  }
  if (!isHead && !prompts) {
    throw inputError(
      'reward.prompts',
      'clip-score rates images by what they should show; give it by --prompts, a file with a prompt a line',
    )
  }
  const towers = await openClip(shippedPath(folder), device)
  const shared = { towers, imageShape, ...(batch && { batch }), ...(device && { device }) }
  return isHead ? clipHead({ ...shared, head: shippedPath(name) }) : clipScore({ ...shared, prompts: prompts ?? [] })
}
