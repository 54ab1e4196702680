/** Prompts: what they say as token ids, what a text encoder makes of them, and where they come from. */
export type { EmbeddedPrompts, EncoderForm, PromptEncoder } from './embedPrompts.ts'
export { embedPrompts } from './embedPrompts.ts'

export type { TokenizerOptions } from './openTokenizer.ts'
export { openTokenizer } from './openTokenizer.ts'
export type { PromptSet } from './prompts.ts'
export { promptSetsOf, readPromptSets, readPrompts } from './prompts.ts'
export type { PromptTokens, Tokenizer } from './tokenizer.ts'
export { makeTokenizer } from './tokenizer.ts'
