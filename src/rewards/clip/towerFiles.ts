/** Where the parts of a CLIP model lie in a folder, as Optimum, transformers.js and this project write it. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { inputError } from '../../base/index.ts'

export interface TowerFiles {
  /** The towers' ONNX files; the same file where one holds both. */
  readonly image: string
  readonly text: string
  /** Folder of the tokenizer. */
  readonly tokenizer: string
  /** `preprocessor_config.json`; null: there is none. */
  readonly preprocessor: string | null
}

const IMAGE_TOWERS = ['vision_model.onnx', 'image_encoder.onnx', 'visual.onnx']
const TEXT_TOWERS = ['text_model.onnx', 'text_encoder.onnx', 'textual.onnx']
const BOTH = 'model.onnx'
const PLACES = ['', 'onnx']

/** @throws `reward.clip` where a part is missing, with what was looked for */
export async function findTowers(folder: string): Promise<TowerFiles> {
  const names = await namesIn(folder)
  const inner = new Map<string, readonly string[]>([['', names]])
  for (const place of ['onnx', 'tokenizer', 'feature_extractor', 'image_processor']) {
    if (names.includes(place)) inner.set(place, await namesIn(join(folder, place)))
  }
  const find = (places: readonly string[], wanted: readonly string[]) => {
    for (const place of places) {
      const name = wanted.find((candidate) => inner.get(place)?.includes(candidate))
      if (name) return join(folder, place, name)
    }
    return null
  }
  const both = find(PLACES, [BOTH])
  const image = find(PLACES, IMAGE_TOWERS) ?? both
  const text = find(PLACES, TEXT_TOWERS) ?? both
  if (!image || !text) {
    const wanted = image ? TEXT_TOWERS : IMAGE_TOWERS
    throw inputError(
      'reward.clip',
      `a CLIP folder must hold the ${image ? 'text' : 'image'} tower as ${wanted[0]}, or both as ${BOTH}, there or in onnx/; ` +
        `'${folder}' holds ${names.slice(0, 8).join(', ') || 'nothing'}; export them by Optimum or torch.onnx.export`,
    )
  }
  const tokenizer = ['', 'tokenizer'].find((place) =>
    inner.get(place)?.some((name) => name === 'tokenizer.json' || name === 'vocab.json'),
  )
  if (tokenizer === undefined) {
    throw inputError(
      'reward.clip',
      `a CLIP folder must hold tokenizer.json, or vocab.json with merges.txt, there or in tokenizer/; '${folder}' does not`,
    )
  }
  const preprocessor = find(['', 'feature_extractor', 'image_processor'], ['preprocessor_config.json'])
  return { image, text, tokenizer: join(folder, tokenizer), preprocessor }
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder)
  } catch (cause) {
    throw inputError(
      'reward.clip',
      `a CLIP model must be a folder that can be read, '${folder}' is not: ${(cause as Error).message}`,
      { cause },
    )
  }
}
