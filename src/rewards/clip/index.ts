/** Rewards of images by CLIP models: by prompts, and by heads on the vectors of images. */
export type { ClipScoreOptions } from './clipScore.ts'
export { clipScore } from './clipScore.ts'
export type { ClipHeadOptions } from './head.ts'
export { clipHead } from './head.ts'
export { openClipTerm } from './openClipTerm.ts'
export type { ClipTowers } from './towers.ts'
export { openClip } from './towers.ts'
