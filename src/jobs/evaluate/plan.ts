/** What measuring a model's images will cost at most. */
import { measureRate } from '../../diffusion/index.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import type { JobPlan, RateOf } from '../planning/forecast.ts'
import { planOfSampling } from '../planning/samplingPlan.ts'
import type { EvaluateConfig } from './settings.ts'

export function planEvaluate(model: string, config: EvaluateConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const images = config.samples * config.seeds.length
  return planOfSampling(model, config, { images, choose: (opened) => chooseSampling(opened, config) }, rateOf)
}
