/** What sampling from a model will cost at most. */
import { evaluationsOf, measureRate } from '../../diffusion/index.ts'
import { scaleOf } from '../opening/classGuidance.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { openModelAt } from '../opening/openModel.ts'
import { requirePromptsTaken } from '../opening/promptsUsed.ts'
import type { SamplingChoice } from '../opening/samplingChoice.ts'
import type { SamplingConfig } from '../opening/settings.ts'
import type { SharedData } from '../opening/sharedData.ts'
import type { JobPlan, RateOf, Work } from './forecast.ts'
import { forecast, measuredPlan, PER_IMAGE } from './forecast.ts'
import { fileMemory } from './memory.ts'

/** What is sampled. */
interface SamplingWork {
  readonly images: number
  /** With what schedule. */
  choose(opened: OpenedModel): Promise<SamplingChoice>
  /** That its convention is checked on, as by the work itself. */
  readonly pictures: SharedData['pictures']
  /** Whether every step takes a derivative: then an image's step counts three. Default no. */
  readonly derivative?: boolean
}

/** The plan of sampling from a model. */
export async function planOfSampling(
  model: string,
  config: SamplingConfig,
  { images, choose, pictures, derivative = false }: SamplingWork,
  rateOf: RateOf = measureRate,
): Promise<JobPlan> {
  await requirePromptsTaken(model, config)
  const opened = await openModelAt(model, { ...config, pictures })
  try {
    const { chunk } = config
    const choice = await choose(opened)
    const forward = images * (scaleOf(config, choice) === null ? 1 : 2) * evaluationsOf(choice)
    const derivatives = derivative ? PER_IMAGE.derivative * forward : 0
    const checking = opened.evaluations
    const networkEvaluations = forward + derivatives + checking
    if (!opened.trainable) {
      const memory = fileMemory(opened, { chunk, derivative, held: chunk })
      return measuredPlan(networkEvaluations, checking, opened.secondsPerEvaluation, memory)
    }
    const work: Work = [
      { kind: 'derivative', evaluations: derivatives, batch: chunk },
      { kind: 'predict', evaluations: forward + checking, batch: chunk },
    ]
    const kept = { evaluations: derivative ? forward : 0, atOnce: derivative ? chunk : 0 }
    return { networkEvaluations, checking, ...(await forecast(opened.trainable.network, work, kept, rateOf)) }
  } finally {
    await opened.close()
  }
}
