/** A small CLIP model with transformers' own numbers. Made by `recipes/text2image/clipVectors.py`. */
import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { tensor } from '../../base/index.ts'
import type { Reward } from '../reward.ts'
import vectors from './fixtures/vectors.json' with { type: 'json' }
import { openClip } from './index.ts'

export { vectors }
export const [, ...imageShape] = vectors.shape
export const images = tensor('float32', vectors.shape, Float32Array.from(vectors.images))

/** The model in a folder of its own, which goes with the rewards that were kept when the tests are over. */
export function openedClip() {
  const made: Reward[] = []
  const folder = mkdtemp(join(tmpdir(), 'clip-')).then(async (path) => {
    await cp('src/rewards/clip/fixtures', path, { recursive: true })
    await cp('src/text/fixtures/tokenizer', join(path, 'tokenizer'), { recursive: true })
    return path
  })
  afterAll(async () => {
    for (const reward of made) await reward.dispose()
    await rm(await folder, { recursive: true })
  })
  return {
    folder,
    towers: folder.then((path) => openClip(path)),
    keep(reward: Reward): Reward {
      made.push(reward)
      return reward
    },
  }
}

/** max |a - b| / max |b| */
export function relative(found: ArrayLike<number>, wanted: readonly number[]): number {
  const most = Math.max(...wanted.map(Math.abs))
  return Math.max(...wanted.map((value, i) => Math.abs(value - found[i]))) / most
}
