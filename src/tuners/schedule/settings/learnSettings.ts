/** Settings of a schedule learning job from those that are given. */
import { followingSettings, samplerFor } from './derived.ts'
import { checkLearnSettings } from './rules.ts'
import type { GivenSettings, LearnSettings } from './shape.ts'
import { LEARN_DEFAULTS } from './shape.ts'

/**
 * Settings with the rest at the defaults, and at what follows from those given: `tied` learns the training family.
 * @throws as `checkLearnSettings`
 * @example learnSettings({ learn: 'tied', trainingFamily: 'sigmoid', training: { tau: 0.8 } }).samplingFamily // 'sigmoid'
 */
export function learnSettings(given: GivenSettings = {}): LearnSettings {
  const { learn = LEARN_DEFAULTS.learn, trainingFamily = LEARN_DEFAULTS.trainingFamily } = given
  const { free = null, prediction = null, hypergradient = LEARN_DEFAULTS.hypergradient } = given
  const { sampler = samplerFor(free) ?? LEARN_DEFAULTS.sampler } = given
  const settings: LearnSettings = {
    ...LEARN_DEFAULTS,
    sampler,
    ...followingSettings({ learn, trainingFamily, sampler, free, prediction, hypergradient }),
    ...given,
    training: { ...LEARN_DEFAULTS.training, ...given.training },
  }
  checkLearnSettings(settings)
  return settings
}
