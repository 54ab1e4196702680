/** What learning a schedule will cost at most. */
import { internalError } from '../../base/index.ts'
import { measureRate, networkEvaluations } from '../../diffusion/index.ts'
import {
  asideCost,
  checkLearning,
  evaluationsEach,
  schedulePlan,
  stepNumbers,
  trainedHere,
} from '../../tuners/index.ts'
import { fewImagesFix, splitCounts } from '../opening/fewImages.ts'
import { dataLines } from '../planning/dataLines.ts'
import type { JobPlan, RateOf, Work } from '../planning/forecast.ts'
import { forecast, measuredPlan, PER_IMAGE } from '../planning/forecast.ts'
import { fileMemory } from '../planning/memory.ts'
import type { ScheduleInputs } from './open.ts'
import { openParts, tooFewImages } from './open.ts'
import type { ScheduleConfig } from './schema.ts'

/** @throws what a run throws before it trains or tunes; too few images are in the plan */
export async function planSchedule(config: ScheduleConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const inputs = await openParts(config)
  try {
    const refusal = tooFewImages(inputs)
    if (!refusal) await checkLearning({ ...inputs, device: config.device })
    const plan = await planOf(config, inputs, rateOf)
    const { data, features, notes } = inputs
    if (!data || !features || config.data === 'digits') return plan
    const fix = `nothing is learned then; ${fewImagesFix(data)}`
    const lines = dataLines({ data, features, notes }, { counts: splitCounts(data), fix })
    return { ...plan, lines, ...(refusal && { refusal }) }
  } finally {
    await inputs.close()
  }
}

/** @throws `plan.memory` */
export async function planOf(
  config: ScheduleConfig,
  { model: given, subject: learned, settings }: ScheduleInputs,
  rateOf: RateOf,
): Promise<JobPlan> {
  // Of finding a given model's convention.
  const checking = given ? given.checking[config.data === null ? 'alone' : 'seen'] : 0
  if (given && !given.trainable) {
    const subject = { trained: false, statistics: false }
    const { total, derivative } = schedulePlan(settings, { ...subject, schedule: given.schedule })
    const all = asideCost(settings, { ...subject, foreign: true }) + checking
    const { chunk, tuningSamples } = settings
    const held =
      evaluationsEach(settings) * tuningSamples * networkEvaluations(settings, Math.max(...stepNumbers(settings)))
    const memory = fileMemory(given, { chunk, derivative: derivative > 0 && given.differentiable, held })
    return measuredPlan(total + all, all, given.secondsPerEvaluation, memory)
  }
  const network = given?.trainable?.network ?? trainedHere(learned)?.network
  if (!network) throw internalError('a model must be a network that is known, or a file')
  const subject = {
    trained: given === null || config.learn !== 'sampling',
    statistics: network.statistics.length > 0,
  }
  const plan = schedulePlan(settings, { ...subject, schedule: given?.schedule ?? null })
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
