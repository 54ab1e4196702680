/** What a file to convert holds, on the one form that all targets are made of: levels and told times, as far as they are known. */
import { inputError } from '../../base/index.ts'
import type { StepsFile } from '../../diffusion/files/index.ts'
import {
  kindOf,
  listedSteps,
  listNotes,
  loadScheduler,
  logSnrOfSigmas,
  readStepsFile,
  stepsOfList,
  stepsOfScheduler,
} from '../../diffusion/files/index.ts'
import type { NoiseSchedule, Prediction, SamplerSettings, SolverNumbers } from '../../diffusion/index.ts'
import { DEFAULT_SAMPLER, pathOf, samplerNamed, samplerSettings } from '../../diffusion/index.ts'
import type { ConvertConfig } from './settings.ts'

/** The steps of a file, noisiest first. */
export interface GivenSteps {
  /** In words, as `a list of sigmas`. */
  readonly what: string
  /** log(signal^2/noise^2); null: a list of times, of no training schedule. */
  readonly logSnr: readonly number[] | null
  /** What the network is told; null: a list of sigmas, of no training schedule. */
  readonly times: readonly number[] | null
  /** T; null: not known. */
  readonly timesteps: number | null
  readonly path: 'flow' | undefined
  readonly solver: SolverNumbers | undefined
  readonly settings: SamplerSettings
  readonly prediction: Prediction
  /** The schedule that the network was trained with, where it is known. */
  readonly trained: NoiseSchedule | null
  /** What else the file says and is not told by levels and times, for the words of what is left behind. */
  readonly notes: readonly string[]
}

const DEFAULT_STEPS = 50

/** @throws `start.*`, `scheduleFile.*`, `scheduler.*`, `steps.count`, `convert.scheduler` */
export async function readGiven(path: string, config: ConvertConfig): Promise<GivenSteps> {
  const file = await readStepsFile(path)
  if (file.kind === 'scheduler') return ofScheduler(file, config)
  const trained = config.scheduler === null ? null : await loadScheduler(config.scheduler)
  if (file.kind === 'learned') {
    const { schedule, settings } = file.saved
    const own = pathOf(schedule.levels)
    if (trained) requireFits(file.path, { timesteps: schedule.timesteps, path: own }, trained.schedule)
    const other = config.sampler !== null && config.sampler !== settings.sampler
    const taken = samplerNamed(config.sampler ?? settings.sampler).solverNumbers === true
    return {
      what: `a learned schedule for ${settings.sampler}`,
      logSnr: schedule.levels.map(({ logSnr }) => logSnr),
      times: schedule.times,
      timesteps: schedule.timesteps,
      path: own,
      solver: taken ? schedule.solver : undefined,
      settings: other ? samplerSettings({ clip: settings.clip, sampler: config.sampler! }) : settings,
      prediction: config.prediction ?? trained?.prediction ?? (own === 'flow' ? 'velocity' : 'noise'),
      trained: trained?.schedule ?? null,
      notes:
        schedule.solver && !taken
          ? [`${config.sampler} takes levels and times alone: ${Object.keys(schedule.solver).join(', ')} are left out`]
          : [],
    }
  }
  return ofList(file, config, trained)
}

function ofList(
  { path, list }: Extract<StepsFile, { readonly kind: 'list' }>,
  config: ConvertConfig,
  trained: Awaited<ReturnType<typeof loadScheduler>> | null,
): GivenSteps {
  const clip = trained && { clip: trained.settings.clip }
  const settings = samplerSettings({ sampler: config.sampler ?? DEFAULT_SAMPLER, ...clip })
  const shared = { solver: undefined, settings }
  if (trained) {
    const place = { schedule: trained.schedule, told: 'real' as const }
    const { levels, times, timesteps } = stepsOfList(path, list, place)
    return {
      ...shared,
      what: 'a list',
      logSnr: levels.map(({ logSnr }) => logSnr),
      times,
      timesteps,
      path: trained.schedule.path,
      prediction: config.prediction ?? trained.prediction,
      trained: trained.schedule,
      notes: [...listNotes(path, list, place), ...trained.notes],
    }
  }
  const { kind, values, told } = listedSteps(path, list, kindOf(list))
  const flow = kind === 'sigmas' && values[0] <= 1
  const process = flow ? ('flow' as const) : undefined
  return {
    ...shared,
    what: `a list of ${kind}`,
    logSnr: kind === 'sigmas' ? logSnrOfSigmas(path, values, process) : null,
    times: kind === 'times' ? values : told,
    timesteps: null,
    path: process,
    prediction: config.prediction ?? (flow ? 'velocity' : 'noise'),
    trained: null,
    notes: [
      ...(list.kind === null ? [`${path} is read as ${kind}; {"sigmas": [...]} or {"times": [...]} says which`] : []),
      ...(flow ? [`sigmas from ${values[0]} are read as a flow's, as no other process begins within 1`] : []),
    ],
  }
}

function ofScheduler(file: Extract<StepsFile, { readonly kind: 'scheduler' }>, config: ConvertConfig): GivenSteps {
  const { scheduler, made, path } = file
  if (config.scheduler !== null) {
    throw inputError(
      'convert.scheduler',
      `--scheduler is the training schedule of a list, and ${path} is a scheduler file, which has its own; leave it out`,
    )
  }
  const { schedule, settings: own, className, prediction } = scheduler
  const steps = config.steps ?? made?.steps ?? Math.min(DEFAULT_STEPS, schedule.timesteps)
  const { levels, times, timesteps } = stepsOfScheduler(file, schedule, {
    steps,
    ...(config.tokens !== null && { tokens: config.tokens }),
  })
  const other = config.sampler !== null && config.sampler !== own.sampler
  return {
    what: className ?? 'a list of betas',
    logSnr: levels.map(({ logSnr }) => logSnr),
    times,
    timesteps,
    path: schedule.path,
    solver: undefined,
    settings: other ? samplerSettings({ clip: own.clip, sampler: config.sampler! }) : own,
    prediction: config.prediction ?? prediction,
    trained: schedule,
    notes: scheduler.notes,
  }
}

function requireFits(
  path: string,
  own: Pick<NoiseSchedule, 'timesteps' | 'path'>,
  trained: Pick<NoiseSchedule, 'timesteps' | 'path'>,
): void {
  if (own.timesteps === trained.timesteps && own.path === trained.path) return
  const words = ({ timesteps, path: process }: Pick<NoiseSchedule, 'timesteps' | 'path'>) =>
    `${process === 'flow' ? 'a flow of ' : ''}T = ${timesteps}`
  throw inputError(
    'convert.scheduler',
    `the training schedule must be the one that ${path} is for, ${words(own)}, but --scheduler has ${words(trained)}; give another`,
  )
}
