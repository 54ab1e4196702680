/** What a job will cost, for --dry-run: network evaluations from its settings, seconds and memory from the counts of its network. */
import { BilevelError } from '../../base/index.ts'
import type { ProgramKind } from '../../diffusion/index.ts'
import {
  activationBytes,
  KEPT_BYTES,
  loadScheduler,
  measureRate,
  memoryOfPrograms,
  programSize,
  secondsOfRun,
} from '../../diffusion/index.ts'
import type { DenoisingNetwork } from '../../nn/index.ts'
import { schedulePlan } from '../../tuners/index.ts'
import { durationText } from '../progress.ts'
import type { EntropyConfig } from './entropyConfig.ts'
import { openGivenModel } from './givenModel.ts'
import { openModelAt } from './openedModel.ts'
import { chooseSampling } from './samplingChoice.ts'
import type { ScheduleConfig } from './scheduleConfig.ts'
import { learnSettingsOf } from './scheduleConfig.ts'
import { networkFor, openData } from './scheduleInputs.ts'

/** A forecast. Seconds and memory are null for networks that are known as a file only. */
export interface JobPlan {
  readonly networkEvaluations: number
  /** Whether it is the most there can be instead of what there will be. */
  readonly atMost: boolean
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

/** Seconds at this machine's rate, measured now, and the memory of all programs that are needed. */
async function forecast(
  network: DenoisingNetwork,
  work: Work,
  kept: Kept,
): Promise<Pick<JobPlan, 'seconds' | 'memoryMiB'>> {
  const run = work.map((part) =>
    part.kind === 'predict' ? { ...part, evaluations: part.evaluations - kept.evaluations } : part,
  )
  const used = run.filter(({ evaluations }) => evaluations > 0)
  const rate = await measureRate()
  const sized = used.map((part) => ({ ...part, size: programSize(network, part.kind, part.batch) }))
  const seconds = sized.reduce((sum, { kind, evaluations, batch, size }) => {
    const runs = evaluations / (PER_IMAGE[kind] * batch)
    return sum + runs * secondsOfRun(kind, size, rate)
  }, 0)
  return { seconds, memoryMiB: memoryOfPrograms(sized.map(({ size }) => size)) + keptMiB(network, kept.atOnce) }
}

const UNKNOWN = { seconds: null, memoryMiB: null } as const

/** The plan of a schedule learning job. @throws as opening the job does, where what it needs is not there */
export async function planSchedule(config: ScheduleConfig): Promise<JobPlan> {
  const settings = learnSettingsOf(config)
  if (config.model?.endsWith('.onnx')) {
    const schedule = config.scheduler === null ? null : (await loadScheduler(config.scheduler)).schedule
    const plan = schedulePlan(settings, { schedule, trained: false, statistics: false })
    return { networkEvaluations: plan.total, atMost: false, ...UNKNOWN }
  }
  const given = config.model === null ? null : await openGivenModel(config.model, config)
  const folder = given?.kind === 'folder' ? given : null
  const network = folder?.model.network ?? networkFor(config, await openData(config))
  const plan = schedulePlan(settings, {
    schedule: folder?.schedule ?? null,
    trained: folder === null || config.learn !== 'sampling',
    statistics: network.statistics.length > 0,
  })
  const { batch, chunk, learn, tuningSamples, samplingSteps } = settings
  const keeps = learn === 'sampling' && plan.derivative > 0
  const kept = {
    evaluations: keeps ? plan.derivative / PER_IMAGE.derivative : 0,
    atOnce: keeps ? tuningSamples * samplingSteps : 0,
  }
  const work: Work = [
    { kind: 'trainStep', evaluations: plan.training, batch },
    { kind: 'derivative', evaluations: plan.derivative, batch: chunk },
    { kind: 'predict', evaluations: plan.sampling, batch: chunk },
  ]
  return { networkEvaluations: plan.total, atMost: false, ...(await forecast(network, work, kept)) }
}

/** Sample grids of a finished entropy strength job. */
const GRIDS = 4
/** Points of the curve beside its own: the base model and the chosen lambda. */
const MORE_POINTS = 2

/** The plan of an entropy strength job: what it may take at most, a prediction and its derivative at every step of every path. */
export async function planEntropy(config: EntropyConfig): Promise<JobPlan> {
  const opened = await openModelAt(config.model, config)
  const { schedule } = await chooseSampling(opened, config)
  const { maxEvaluations, curvePoints, curvePaths, gridImages, chunk } = config
  const paths = (curvePoints + MORE_POINTS) * curvePaths + GRIDS * gridImages
  const networkEvaluations = maxEvaluations + paths * (1 + PER_IMAGE.derivative) * schedule.levels.length
  const { given } = opened
  if (given.kind === 'file') {
    await given.denoiser.dispose()
    return { networkEvaluations, atMost: true, ...UNKNOWN }
  }
  const derivative = (networkEvaluations * PER_IMAGE.derivative) / (1 + PER_IMAGE.derivative)
  const work: Work = [
    { kind: 'derivative', evaluations: derivative, batch: chunk },
    { kind: 'predict', evaluations: networkEvaluations - derivative, batch: chunk },
  ]
  const kept = { evaluations: derivative / PER_IMAGE.derivative, atOnce: chunk }
  return { networkEvaluations, atMost: true, ...(await forecast(given.model.network, work, kept)) }
}

/** A plan in a line; where it cannot be made, why. */
export async function planLine(plan: Promise<JobPlan>): Promise<string> {
  try {
    const { networkEvaluations, atMost, seconds, memoryMiB } = await plan
    const most = atMost ? 'at most ' : ''
    const count = `plan: ${most}${networkEvaluations.toLocaleString('en')} network evaluations`
    if (seconds === null || memoryMiB === null) return `${count}; seconds and memory of an ONNX file are not known`
    return `${count}, ${most}about ${durationText(seconds)} on this machine if it is idle, about ${Math.round(memoryMiB)} MiB`
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    return `plan: not known, as ${error.message}`
  }
}
