/** Rewards: built in, traced, from ONNX files, from plain functions, and combinations of them. */
export type { RewardContext } from './open.ts'
export type { RawGradient, Reward, RewardDefinition } from './reward.ts'
export { defineReward } from './reward.ts'
