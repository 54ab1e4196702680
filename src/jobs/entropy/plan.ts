/** What tuning an entropy strength will cost at most. */
import { evaluationsOf, measureRate } from '../../diffusion/index.ts'
import { parseRewardSpec } from '../../rewards/index.ts'
import type { EntropyCost, EntropyTarget } from '../../tuners/index.ts'
import { ESTIMATORS_OF, entropyCost, evaluationsEach } from '../../tuners/index.ts'
import { isModelFile } from '../opening/modelFile.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { openModelAt } from '../opening/openModel.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import type { JobPlan, RateOf, Work } from '../planning/forecast.ts'
import { forecast, measuredPlan, PER_IMAGE } from '../planning/forecast.ts'
import type { ProgramUse } from '../planning/memory.ts'
import { fileMemory } from '../planning/memory.ts'
import type { EntropyConfig } from './settings.ts'
import { entropySettingsOf } from './settings.ts'
import { triedEvaluations } from './triedRewards.ts'

/** Target `auto` is decided by the rewards, which a plan does not open: the dearer one counts. */
export async function planEntropy(config: EntropyConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const opened = await openModelAt(config.model, config)
  try {
    return await planOpened(opened, config, rateOf)
  } finally {
    await opened.close()
  }
}

/** The plan of a model that is open. @throws `plan.memory` */
export async function planOpened(opened: OpenedModel, config: EntropyConfig, rateOf: RateOf): Promise<JobPlan> {
  const each = evaluationsEach(config) * evaluationsOf(await chooseSampling(opened, config))
  const costs = targetsOf(config, opened).map((target) => entropyCost(entropySettingsOf(config, target), each))
  const cost = costs.reduce((most, one) => (one.total > most.total ? one : most))
  const { chunk } = config
  const found = opened.evaluations + opened.checking[config.data === null ? 'alone' : 'seen']
  const checking = found + triedEvaluations(config, each)
  const networkEvaluations = cost.total + checking
  if (!opened.trainable) {
    const memory = fileMemory(opened, useOf(config, cost))
    return measuredPlan(networkEvaluations, checking, opened.secondsPerEvaluation, memory)
  }
  const work: Work = [
    { kind: 'derivative', evaluations: cost.derivative, batch: chunk },
    { kind: 'predict', evaluations: networkEvaluations - cost.derivative, batch: chunk },
  ]
  const kept = { evaluations: cost.derivative / PER_IMAGE.derivative, atOnce: cost.derivative > 0 ? chunk : 0 }
  return { networkEvaluations, checking, ...(await forecast(opened.trainable.network, work, kept, rateOf)) }
}

/** What it does with the programs of a model that is a file. */
const useOf = ({ chunk }: EntropyConfig, { derivative }: Pick<EntropyCost, 'derivative'>): ProgramUse => ({
  chunk,
  derivative: derivative > 0,
  held: chunk,
})

/** Targets that a job may come to have: those that its other settings allow. */
function targetsOf(config: EntropyConfig, { differentiable }: OpenedModel): readonly EntropyTarget[] {
  if (config.target !== 'auto') return [config.target]
  const guided = config.through === 'network' && ESTIMATORS_OF.guided.includes(config.estimator)
  if (!guided) return ['tilt']
  return differentiable && surelyDifferentiable(config) ? ['guided'] : ['guided', 'tilt']
}

/** Whether a reward is made of built-in terms that look through networks of our own, which have derivatives. */
function surelyDifferentiable({ reward, features, judgeNetwork }: EntropyConfig): boolean {
  const path = { features, judge: judgeNetwork }
  return parseRewardSpec(reward).every(
    ({ kind, network = 'features' }) => kind === 'name' && !isModelFile(path[network]),
  )
}
