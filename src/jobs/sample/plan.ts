/** What images from a model will cost at most. */
import { measureRate } from '../../diffusion/index.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import type { JobPlan, RateOf } from '../planning/forecast.ts'
import { planOfSampling } from '../planning/samplingPlan.ts'
import { guidanceAt, guidedChoice, PARTICLES_PER_IMAGE } from './guidedSampling.ts'
import type { SampleConfig } from './settings.ts'

export async function planSample(model: string, config: SampleConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const { count, guidance } = config
  if (guidance === null) {
    return planOfSampling(model, config, { images: count, choose: (opened) => chooseSampling(opened, config) }, rateOf)
  }
  const choose = (opened: Parameters<typeof guidedChoice>[1]) => guidedChoice(guidance, opened)
  const { target, through } = await guidanceAt(guidance)
  if (target !== 'guided') {
    return planOfSampling(model, config, { images: PARTICLES_PER_IMAGE * count, choose }, rateOf)
  }
  return planOfSampling(model, config, { images: count, choose, derivative: through === 'network' }, rateOf)
}
