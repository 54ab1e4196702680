/** What learning a schedule will cost at most. */
import { internalError } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { measureRate, networkEvaluations } from '../../diffusion/index.ts'
import { asideCost, evaluationsEach, schedulePlan, stepNumbers } from '../../tuners/index.ts'
import { classNumber, withClassNames } from '../opening/classChoice.ts'
import { fewImagesFix, splitCounts } from '../opening/fewImages.ts'
import { codeHashes } from '../opening/namedCode.ts'
import { openData } from '../opening/openData.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { openGivenModel } from '../opening/openModel.ts'
import { dataLines } from '../planning/dataLines.ts'
import type { JobPlan, RateOf, Work } from '../planning/forecast.ts'
import { forecast, measuredPlan, PER_IMAGE } from '../planning/forecast.ts'
import { fileMemory } from '../planning/memory.ts'
import { networkFor } from './open.ts'
import type { ScheduleConfig } from './settings.ts'
import { learnSettingsOf } from './settings.ts'

/** The data where something depends on them: on the embedded digits only the network that is trained. @throws as `openData` */
async function plannedData(config: ScheduleConfig, given: OpenedModel | null): Promise<Dataset | null> {
  const { data } = config
  if (data === null || (given && data === 'digits')) return null
  return openData({ ...config, data }, given?.pictureShape)
}

function trainingData(data: Dataset | null): Dataset {
  if (data === null) throw internalError('a network was to be trained without data')
  return data
}

/** @throws as opening the job does, where what it needs is not there */
export async function planSchedule(config: ScheduleConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const given = config.model === null ? null : await openGivenModel(config.model, config)
  try {
    if (config.reward !== null) await codeHashes([config.reward])
    const data = await plannedData(config, given)
    const plan = await planOf(config, given, data, rateOf)
    if (data === null || config.data === null) return plan
    const fix = `nothing is learned then; ${fewImagesFix(data)}`
    return {
      ...plan,
      lines: await dataLines({ ...config, data: config.data }, data, { counts: splitCounts(data), fix }),
    }
  } finally {
    await given?.close()
  }
}

/** Of finding a given model's convention. */
const checkingOf = ({ checking }: OpenedModel, { data }: ScheduleConfig): number =>
  checking[data === null ? 'alone' : 'seen']

/** @throws `plan.memory` */
export async function planOf(
  config: ScheduleConfig,
  given: OpenedModel | null,
  data: Dataset | null,
  rateOf: RateOf,
): Promise<JobPlan> {
  const names = given ? withClassNames(given, data?.classes).classNames : data?.classes
  const settings = learnSettingsOf(config, classNumber({ classNames: names }, config.class))
  if (given && !given.trainable) {
    const subject = { trained: false, statistics: false }
    const { total, derivative } = schedulePlan(settings, { ...subject, schedule: given.schedule })
    const checking = asideCost(settings, { ...subject, foreign: true }) + checkingOf(given, config)
    const { chunk, tuningSamples } = settings
    const held =
      evaluationsEach(settings) * tuningSamples * networkEvaluations(settings, Math.max(...stepNumbers(settings)))
    const memory = fileMemory(given, { chunk, derivative: derivative > 0 && given.differentiable, held })
    return measuredPlan(total + checking, checking, given.secondsPerEvaluation, memory)
  }
  const network = given?.trainable?.network ?? networkFor(config, trainingData(data))
  const subject = {
    trained: given === null || config.learn !== 'sampling',
    statistics: network.statistics.length > 0,
  }
  const plan = schedulePlan(settings, { ...subject, schedule: given?.schedule ?? null })
  const checking = given ? checkingOf(given, config) : 0
  const aside = asideCost(settings, { ...subject, foreign: false }) + checking
  const { batch, chunk, learn, tuningSamples } = settings
  const keeps = learn === 'sampling' && plan.derivative > 0
  const kept = {
    evaluations: keeps ? plan.derivative / PER_IMAGE.derivative : 0,
    atOnce: keeps
      ? evaluationsEach(settings) * tuningSamples * networkEvaluations(settings, Math.max(...stepNumbers(settings)))
      : 0,
  }
  const work: Work = [
    { kind: 'trainStep', evaluations: plan.training, batch },
    { kind: 'derivative', evaluations: plan.derivative, batch: chunk },
    { kind: 'predict', evaluations: plan.sampling + aside, batch: chunk },
  ]
  return { networkEvaluations: plan.total + aside, checking, ...(await forecast(network, work, kept, rateOf)) }
}
