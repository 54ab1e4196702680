/** What measuring a model's images will cost at most, and what can be measured on the data that are given. */
import { measureRate } from '../../diffusion/index.ts'
import { openMeasuring } from '../opening/measuringNetworks.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import { sharedData } from '../opening/sharedData.ts'
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
  const images = config.samples * config.samplingSeeds.length
  let imageShape: readonly number[] = []
  const choose = (opened: OpenedModel) => {
    imageShape = opened.pictureShape
    return chooseSampling(opened, config)
  }
  const shared = sharedData({ ...config, size: null })
  const plan = await planOfSampling(model, config, { images, choose, pictures: shared.pictures }, rateOf)
  if (config.data === 'digits') return plan
  const data = await shared.open(imageShape)
  const networks = await openMeasuring(config, data)
  try {
    const asked = { counts: comparedCounts(data, config), fix: wayToFid(data, config) }
    return { ...plan, lines: dataLines({ data, ...networks }, asked) }
  } finally {
    await networks.close()
  }
}
