/** What a job will cost, for --dry-run: network evaluations from its settings, seconds and memory from the counts of its network. */

import { BilevelError } from '../base/index.ts'
import type { ProgramKind } from '../diffusion/index.ts'
import {
  activationBytes,
  KEPT_BYTES,
  loadScheduler,
  measureRate,
  memoryOfPrograms,
  programSize,
  secondsOfRun,
} from '../diffusion/index.ts'
import type { DenoisingNetwork } from '../nn/index.ts'
import { parseRewardSpec } from '../rewards/index.ts'
import { durationText } from '../runs/index.ts'
import type { EntropyTarget } from '../tuners/index.ts'
import { asideCost, ESTIMATORS_OF, entropyCost, schedulePlan } from '../tuners/index.ts'
import type { EntropyConfig } from './entropy/settings.ts'
import { entropySettingsOf } from './entropy/settings.ts'
import type { EvaluateConfig, SampleConfig, SamplingConfig } from './modelConfigs.ts'
import { isModelFile } from './opening/modelFile.ts'
import { openData } from './opening/openData.ts'
import type { OpenedModel } from './opening/openedModel.ts'
import { openGivenModel, openModelAt } from './opening/openModel.ts'
import { chooseSampling } from './opening/samplingChoice.ts'
import { guidanceAt, guidedChoice, PARTICLES_PER_IMAGE } from './sample/guidedSampling.ts'
import { networkFor } from './schedule/open.ts'
import type { ScheduleConfig } from './schedule/settings.ts'
import { learnSettingsOf } from './schedule/settings.ts'

/** A forecast. Seconds are about what that many evaluations take; they and memory are null for networks that are known as a file only. */
export interface JobPlan {
  /** The most there can be. */
  readonly networkEvaluations: number
  readonly seconds: number | null
  readonly memoryMiB: number | null
}

/** Network evaluations (per image) by program, and images per run of each. */
type Work = readonly { readonly kind: ProgramKind; readonly evaluations: number; readonly batch: number }[]

/** Images and steps whose activations are kept at once. Their forward pass is their derivative's: it is counted twice and runs once. */
interface Kept {
  readonly evaluations: number
  readonly atOnce: number
}

/** MiB of activations, of which no more than a limit are kept. */
const keptMiB = (network: DenoisingNetwork, atOnce: number): number =>
  atOnce === 0 ? 0 : Math.min(KEPT_BYTES, atOnce * activationBytes(network)) / 2 ** 20

/** Evaluations that one image of a run counts as: a training step is a forward pass and two derivatives. */
const PER_IMAGE: Readonly<Record<ProgramKind, number>> = { predict: 1, derivative: 2, trainStep: 3 }

/** Operations per second of this machine; plans measure it, unless they are told. */
export type RateOf = () => Promise<number>

/** Seconds at this machine's rate, and the memory of all programs that are needed. */
async function forecast(
  network: DenoisingNetwork,
  work: Work,
  kept: Kept,
  rateOf: RateOf,
): Promise<Pick<JobPlan, 'seconds' | 'memoryMiB'>> {
  const run = work.map((part) =>
    part.kind === 'predict' ? { ...part, evaluations: part.evaluations - kept.evaluations } : part,
  )
  const used = run.filter(({ evaluations }) => evaluations > 0)
  const rate = await rateOf()
  const sized = used.map((part) => ({ ...part, size: programSize(network, part.kind, part.batch) }))
  const seconds = sized.reduce((sum, { kind, evaluations, batch, size }) => {
    const runs = evaluations / (PER_IMAGE[kind] * batch)
    return sum + runs * secondsOfRun(kind, size, rate)
  }, 0)
  return { seconds, memoryMiB: memoryOfPrograms(sized.map(({ size }) => size)) + keptMiB(network, kept.atOnce) }
}

const UNKNOWN = { seconds: null, memoryMiB: null } as const

/** The plan of a schedule learning job. @throws as opening the job does, where what it needs is not there */
export async function planSchedule(config: ScheduleConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const settings = learnSettingsOf(config)
  if (isModelFile(config.model)) {
    const schedule = config.scheduler === null ? null : (await loadScheduler(config.scheduler)).schedule
    const subject = { trained: false, statistics: false }
    const plan = schedulePlan(settings, { ...subject, schedule })
    return { networkEvaluations: plan.total + asideCost(settings, { ...subject, foreign: true }), ...UNKNOWN }
  }
  const given = config.model === null ? null : await openGivenModel(config.model, config)
  const network = given?.trainable?.network ?? networkFor(config, await openData(config))
  const subject = {
    trained: given === null || config.learn !== 'sampling',
    statistics: network.statistics.length > 0,
  }
  const plan = schedulePlan(settings, { ...subject, schedule: given?.schedule ?? null })
  const aside = asideCost(settings, { ...subject, foreign: false })
  const { batch, chunk, learn, tuningSamples, samplingSteps } = settings
  const keeps = learn === 'sampling' && plan.derivative > 0
  const kept = {
    evaluations: keeps ? plan.derivative / PER_IMAGE.derivative : 0,
    atOnce: keeps ? tuningSamples * samplingSteps : 0,
  }
  const work: Work = [
    { kind: 'trainStep', evaluations: plan.training, batch },
    { kind: 'derivative', evaluations: plan.derivative, batch: chunk },
    { kind: 'predict', evaluations: plan.sampling + aside, batch: chunk },
  ]
  return { networkEvaluations: plan.total + aside, ...(await forecast(network, work, kept, rateOf)) }
}

/** The plan of an entropy strength job. Target `auto` is decided by the rewards, which a plan does not open: the dearer one counts. */
export async function planEntropy(config: EntropyConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const opened = await openModelAt(config.model, config)
  try {
    const { schedule } = await chooseSampling(opened, config)
    const steps = schedule.levels.length
    const costs = targetsOf(config, opened).map((target) => entropyCost(entropySettingsOf(config, target), steps))
    const cost = costs.reduce((most, one) => (one.total > most.total ? one : most))
    const { chunk } = config
    const networkEvaluations = cost.total + opened.evaluations
    if (!opened.trainable) return { networkEvaluations, ...UNKNOWN }
    const work: Work = [
      { kind: 'derivative', evaluations: cost.derivative, batch: chunk },
      { kind: 'predict', evaluations: networkEvaluations - cost.derivative, batch: chunk },
    ]
    const kept = { evaluations: cost.derivative / PER_IMAGE.derivative, atOnce: cost.derivative > 0 ? chunk : 0 }
    return { networkEvaluations, ...(await forecast(opened.trainable.network, work, kept, rateOf)) }
  } finally {
    await opened.close()
  }
}

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

/** The plan of `bilevel sample`. */
export async function planSample(model: string, config: SampleConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const { count, guidance } = config
  if (guidance === null) return planOfSampling(model, config, count, rateOf)
  const { target, through } = await guidanceAt(guidance)
  if (target !== 'guided') return planOfSampling(model, config, PARTICLES_PER_IMAGE * count, rateOf)
  return planOfSampling(model, config, count, rateOf, through === 'network')
}

/** The plan of `bilevel evaluate`. */
export async function planEvaluate(
  model: string,
  config: EvaluateConfig,
  rateOf: RateOf = measureRate,
): Promise<JobPlan> {
  return planOfSampling(model, { ...config, guidance: null }, config.samples * config.seeds.length, rateOf)
}

/** @param derivative whether every step takes one: then an image's step counts three */
async function planOfSampling(
  model: string,
  config: SamplingConfig & Pick<SampleConfig, 'guidance'>,
  images: number,
  rateOf: RateOf,
  derivative = false,
): Promise<JobPlan> {
  const opened = await openModelAt(model, config)
  try {
    const { guidance, chunk } = config
    const { schedule } = await (guidance === null ? chooseSampling(opened, config) : guidedChoice(guidance, opened))
    const forward = images * schedule.levels.length
    const derivatives = derivative ? PER_IMAGE.derivative * forward : 0
    const networkEvaluations = forward + derivatives + opened.evaluations
    if (!opened.trainable) return { networkEvaluations, ...UNKNOWN }
    const work: Work = [
      { kind: 'derivative', evaluations: derivatives, batch: chunk },
      { kind: 'predict', evaluations: forward, batch: chunk },
    ]
    const kept = { evaluations: derivative ? forward : 0, atOnce: derivative ? chunk : 0 }
    return { networkEvaluations, ...(await forecast(opened.trainable.network, work, kept, rateOf)) }
  } finally {
    await opened.close()
  }
}

/** A plan in a line; where it cannot be made, why. */
export async function planLine(plan: Promise<JobPlan>): Promise<string> {
  try {
    const { networkEvaluations, seconds, memoryMiB } = await plan
    const count = `plan: at most ${networkEvaluations.toLocaleString('en')} network evaluations`
    if (seconds === null || memoryMiB === null) return `${count}; seconds and memory of an ONNX file are not known`
    return `${count}, which take about ${durationText(seconds)} on this machine if it is idle, and about ${Math.round(memoryMiB)} MiB`
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    return `plan: not known, as ${error.message}`
  }
}
