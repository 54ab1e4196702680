/** Checks everything that can be checked before anything is drawn, and says which estimator can serve. */
import { inputError, sameShape } from '../../base/index.ts'
import { checkThrough } from '../../diffusion/index.ts'
import type { EntropyOptions } from './job.ts'
import type { MethodName } from './search/methods.ts'
import { checkEntropySettings } from './settings.ts'

/**
 * @returns the estimator to start with
 * @throws `entropy.range`, `entropy.settings`, `entropy.target`, `entropy.judge`, `entropy.imageShape`, `guidance.through`
 */
export function openEntropy(options: EntropyOptions): MethodName {
  const { reward, judge, denoiser, features, settings } = options
  checkEntropySettings(settings)
  checkThrough(settings.through, denoiser)
  if (reward.hash === judge.hash) {
    const both =
      reward.name === judge.name
        ? `both are '${reward.name}'; choose another judge`
        : `'${reward.name}' and '${judge.name}' have one hash (functions of one text have); give one of them a hash of its own, or choose another judge`
    throw inputError('entropy.judge', `the judge must differ from the reward to notice over-optimisation, but ${both}`)
  }
  for (const { name, imageShape } of [reward, judge, ...(features ? [features] : [])]) {
    if (imageShape === null || sameShape(imageShape, denoiser.imageShape)) continue
    throw inputError(
      'entropy.imageShape',
      `the model makes images [${denoiser.imageShape}], but '${name}' takes [${imageShape}]; choose one for this size`,
    )
  }
  return estimatorFor(options)
}

function estimatorFor(options: EntropyOptions): MethodName {
  const { target, estimator } = options.settings
  const missing = missingDerivative(options)
  const { auto, derivative } = {
    guided: { auto: 'paired-differences', derivative: true },
    tilt: { auto: missing ? 'smc' : 'paths', derivative: estimator === 'paths' },
    penalty: { auto: missing ? 'smc' : 'paths', derivative: estimator === 'paths' },
  }[target] as { readonly auto: MethodName; readonly derivative: boolean }
  if (missing && derivative) {
    const what = target === 'guided' ? 'target guided' : 'estimator paths'
    throw inputError(
      'entropy.target',
      `${what} needs a derivative, which ${missing} does not have; choose target tilt with estimator smc or importance`,
    )
  }
  return estimator === 'auto' ? auto : estimator
}

/** What lacks the derivative that guidance takes; null: nothing. */
function missingDerivative({ reward, denoiser, settings }: EntropyOptions): string | null {
  if (!reward.differentiable) return `reward '${reward.name}'`
  return settings.through === 'network' && !denoiser.differentiable ? 'this model' : null
}
