/** What measuring a model's images will cost at most, and what can be measured on the data that are given. */
import { measureRate } from '../../diffusion/index.ts'
import { openData } from '../opening/openData.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import { dataLines } from '../planning/dataLines.ts'
import type { JobPlan, RateOf } from '../planning/forecast.ts'
import { planOfSampling } from '../planning/samplingPlan.ts'
import { comparedCounts, wayToFid } from './figures.ts'
import type { EvaluateConfig } from './settings.ts'

export async function planEvaluate(
  model: string,
  config: EvaluateConfig,
  rateOf: RateOf = measureRate,
): Promise<JobPlan> {
  const images = config.samples * config.seeds.length
  let imageShape: readonly number[] = []
  const choose = (opened: OpenedModel) => {
    imageShape = opened.pictureShape
    return chooseSampling(opened, config)
  }
  const plan = await planOfSampling(model, config, { images, choose }, rateOf)
  if (config.data === 'digits') return plan
  const data = await openData({ ...config, size: null }, imageShape)
  const counts = comparedCounts(data, config)
  return { ...plan, lines: await dataLines(config, data, { counts, fix: wayToFid(data, config) }) }
}
