/** What tuning an entropy strength will cost at most. */
import { evaluationsOf, measureRate } from '../../diffusion/index.ts'
import type { EntropyCost } from '../../tuners/index.ts'
import { entropyCost, evaluationsEach, inLatents, openEntropy } from '../../tuners/index.ts'
import type { JobPlan, RateOf, Work } from '../planning/forecast.ts'
import { forecast, measuredPlan, PER_IMAGE } from '../planning/forecast.ts'
import type { ProgramUse } from '../planning/memory.ts'
import { fileMemory } from '../planning/memory.ts'
import type { EntropyInputs } from './open.ts'
import { openEntropyInputs } from './open.ts'
import type { EntropyConfig } from './settings.ts'

/** @throws what a run throws before it tunes: model and rewards are opened and tried as by that */
export async function planEntropy(config: EntropyConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const inputs = await openEntropyInputs(config)
  try {
    openEntropy(inLatents({ ...inputs.subject }))
    return await planOpened(inputs, config, rateOf)
  } finally {
    await inputs.close()
  }
}

/** What of that is opened a plan is made of. */
export interface PlannedInputs extends Pick<EntropyInputs, 'model' | 'checking' | 'secondsPerEvaluation'> {
  readonly subject: Pick<EntropyInputs['subject'], 'schedule' | 'sampler' | 'settings'>
}

/** The plan of what is open. @throws `plan.memory` */
export async function planOpened(
  { subject, model, checking, secondsPerEvaluation }: PlannedInputs,
  config: EntropyConfig,
  rateOf: RateOf,
): Promise<JobPlan> {
  const each = evaluationsEach(config) * evaluationsOf({ schedule: subject.schedule, settings: subject.sampler })
  const cost = entropyCost(subject.settings, each)
  const { chunk } = config
  const networkEvaluations = cost.total + checking
  if (!model.trainable) {
    return measuredPlan(networkEvaluations, checking, secondsPerEvaluation, fileMemory(model, useOf(config, cost)))
  }
  const work: Work = [
    { kind: 'derivative', evaluations: cost.derivative, batch: chunk },
    { kind: 'predict', evaluations: networkEvaluations - cost.derivative, batch: chunk },
  ]
  const kept = { evaluations: cost.derivative / PER_IMAGE.derivative, atOnce: cost.derivative > 0 ? chunk : 0 }
  return { networkEvaluations, checking, ...(await forecast(model.trainable.network, work, kept, rateOf)) }
}

/** What it does with the programs of a model that is a file. */
const useOf = ({ chunk }: EntropyConfig, { derivative }: Pick<EntropyCost, 'derivative'>): ProgramUse => ({
  chunk,
  derivative: derivative > 0,
  held: chunk,
})
