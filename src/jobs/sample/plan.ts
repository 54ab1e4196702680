/** What images from a model will cost at most. */
import { measureRate } from '../../diffusion/index.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import { sharedData } from '../opening/sharedData.ts'
import type { JobPlan, RateOf } from '../planning/forecast.ts'
import { planOfSampling } from '../planning/samplingPlan.ts'
import { guidanceAt, guidedChoice, PARTICLES_PER_IMAGE } from './guidedSampling.ts'
import type { SampleConfig } from './settings.ts'

export async function planSample(model: string, config: SampleConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const { count, guidance } = config
  const { pictures } = sharedData({ ...config, size: null })
  if (guidance === null) {
    const choose = (opened: OpenedModel) => chooseSampling(opened, config)
    return planOfSampling(model, config, { images: count, choose, pictures }, rateOf)
  }
  const choose = (opened: OpenedModel) => guidedChoice(guidance, opened)
  const { target, through } = await guidanceAt(guidance)
  if (target !== 'guided') {
    return planOfSampling(model, config, { images: PARTICLES_PER_IMAGE * count, choose, pictures }, rateOf)
  }
  return planOfSampling(model, config, { images: count, choose, pictures, derivative: through === 'network' }, rateOf)
}
