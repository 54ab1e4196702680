/** Models of the Hugging Face hub: their names, the files that are needed of them, the cache that they lie in. */
export type { FetchOptions } from './fetchFromHub.ts'
export { fetchFromHub } from './fetchFromHub.ts'
export type { HubOrigin } from './hubCache.ts'
export { hubOrigin } from './hubCache.ts'
export type { HubWanted } from './hubFiles.ts'
export type { HubName } from './hubName.ts'
export { hubName, isHubName } from './hubName.ts'
