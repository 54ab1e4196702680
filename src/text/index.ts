/** Prompts: what they say as token ids, and where they come from. */

export type { TokenizerOptions } from './openTokenizer.ts'
export { openTokenizer } from './openTokenizer.ts'
export { promptsOf, readPrompts } from './prompts.ts'
export type { PromptTokens, Tokenizer } from './tokenizer.ts'
export { makeTokenizer } from './tokenizer.ts'
