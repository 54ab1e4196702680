/** Which schedule and sampler a command samples with: what was asked for, the learned schedule that fits, or the default. */
import { stat } from 'node:fs/promises'
import { inputError } from '../../base/index.ts'
import type { SavedSchedule, StepsFile } from '../../diffusion/files/index.ts'
import {
  listNotes,
  OWN_SAMPLER,
  otherLevelsNotes,
  readStepsFile,
  stepsOfList,
  stepsOfScheduler,
} from '../../diffusion/files/index.ts'
import type { Level, NoiseFamilyName, NoiseSchedule, SamplerName, Sampling } from '../../diffusion/index.ts'
import {
  DEFAULT_SAMPLER,
  NOISE_FAMILIES,
  namesOfSolver,
  noiseSchedule,
  pathOf,
  roundHalfEven,
  samplerNamed,
  samplerSettings,
  samplingScheduleAt,
  samplingScheduleFrom,
  stepList,
} from '../../diffusion/index.ts'
import type { OpenedModel } from './openedModel.ts'
import type { SamplingConfig } from './settings.ts'

/** A way of sampling that a command takes. */
export interface SamplingChoice extends Sampling {
  /** `learned dpm-solver++-10`, `default ddim, 50 steps, trailing`, or the file. */
  readonly name: string
  /** What the model's own sampling does otherwise, a sentence each. */
  readonly notes: readonly string[]
  /** That it is the model's default schedule, asked for or for want of a learned one. */
  readonly byDefault?: true
}

const DEFAULT_STEPS = 50

/** What is asked for where the steps are not the scheduler's own. */
type StepsConfig = Omit<SamplingConfig, 'sampler'> & { readonly sampler: SamplerName | null }

/** @throws `sample.schedule` on an unknown name, or steps or a step list that are not the schedule's, `scheduleFile.*`, `steps.count`, `sampler.*` */
export async function chooseSampling(opened: OpenedModel, given: SamplingConfig): Promise<SamplingChoice> {
  if (given.sampler === OWN_SAMPLER) return ownChoice(opened, given)
  const config: StepsConfig = { ...given, sampler: given.sampler }
  const { schedule: name, sampler, steps, stepList: list } = config
  const { schedules } = opened
  // A step list is of the default schedule: who names one means that.
  if (name === 'default' || (name === null && list !== null)) return defaultChoice(opened, config)
  if (name === null) {
    const fitting = schedules.filter(
      ({ settings, schedule }) =>
        (sampler === null || settings.sampler === sampler) && (steps === null || schedule.levels.length === steps),
    )
    if (steps !== null && fitting.length > 1) {
      const names = fitting.map((candidate) => candidate.name)
      const rule = `a schedule must be named where several are learned for ${steps} steps`
      const ways = [...names, 'default'].map((one) => `--schedule ${one}`).join(' or ')
      throw inputError('sample.schedule', `${rule}, here ${names.join(' and ')}: ${ways}`)
    }
    return fitting.length === 1
      ? savedChoice(`learned ${fitting[0].name}`, fitting[0], config)
      : defaultChoice(opened, config)
  }
  const learned = schedules.find((candidate) => candidate.name === name)
  if (learned) return savedChoice(`learned ${name}`, learned, config)
  const family = familyNamed(name, opened.schedule.timesteps)
  if (family) {
    requireSameProcess(opened, name, undefined)
    return levelsOf(family, name, opened, config)
  }
  await stat(name).catch((cause: Error) => {
    const names = ['default', ...schedules.map((candidate) => candidate.name), ...Object.keys(NOISE_FAMILIES)].join(
      ', ',
    )
    throw inputError('sample.schedule', `a schedule is one of ${names}, or a readable file; got '${name}'`, { cause })
  })
  const file = await readStepsFile(name)
  if (file.kind !== 'learned') return stepsChoice(name, file, opened, config)
  const { saved } = file
  requireSameProcess(opened, name, pathOf(saved.schedule.levels))
  const { timesteps } = opened.schedule
  if (saved.schedule.timesteps !== timesteps) {
    const came = `${name} is for T = ${saved.schedule.timesteps}`
    throw inputError('sample.schedule', `a schedule must be for the model's T = ${timesteps}, but ${came}`)
  }
  return savedChoice(name, saved, config)
}

/** The steps of a list of sigmas or times, or of another scheduler's file, by the sampler that is asked for, else the default one. */
function stepsChoice(
  name: string,
  file: Exclude<StepsFile, { readonly kind: 'learned' }>,
  opened: OpenedModel,
  config: StepsConfig,
): SamplingChoice {
  const { steps, stepList: list } = config
  if (list !== null) throw ownStepsError(name, list)
  const settings = settingsOf(opened, config)
  if (file.kind === 'list') {
    const place = { schedule: opened.schedule, told: opened.times }
    const schedule = stepsOfList(file.path, file.list, place)
    const { length } = schedule.levels
    if (steps !== null && steps !== length) throw otherStepsError(name, length, steps)
    return {
      name,
      schedule,
      settings,
      notes: [...listNotes(file.path, file.list, place), ...repeatedNotes(schedule.times)],
    }
  }
  const { scheduler } = file
  requireSameProcess(opened, name, scheduler.schedule.path)
  const count = steps ?? file.made?.steps ?? Math.min(DEFAULT_STEPS, opened.schedule.timesteps)
  const schedule = stepsOfScheduler(file, opened.schedule, { steps: count, tokens: tokensOf(opened) })
  const times = toldTo(opened, schedule.times)
  const step = scheduler.settings.sampler
  return {
    name: `${name}, ${count} steps`,
    schedule: { ...schedule, times },
    settings,
    notes: [
      ...scheduler.notes,
      ...otherLevelsNotes(file, opened.schedule),
      ...(config.sampler === null && step !== settings.sampler
        ? [`sampled with ${settings.sampler}, the default; ${scheduler.className} is --sampler ${step}`]
        : []),
      ...repeatedNotes(times),
    ],
  }
}

const ownStepsError = (name: string, list: string) =>
  inputError(
    'sample.schedule',
    `${name} has its own levels and times, got stepList ${list}; leave stepList out, or use --schedule default`,
  )

const otherStepsError = (name: string, length: number, steps: number) =>
  inputError(
    'sample.schedule',
    `${name} has ${length} steps, got steps ${steps}; leave steps out, or use --schedule default`,
  )

/** What the model's scheduler file does by itself. @throws `sample.schedule`, `scheduler.own`, `steps.count` */
function ownChoice(opened: OpenedModel, config: SamplingConfig): SamplingChoice {
  const { schedule: name, steps, stepList, eta } = config
  const given = Object.entries({ schedule: name === 'default' ? null : name, stepList, eta }).find(
    ([, value]) => value !== null,
  )
  if (given) {
    const rule = `sampler ${OWN_SAMPLER} takes levels, times and steps from the model's scheduler`
    throw inputError('sample.schedule', `${rule}, got ${given[0]} ${given[1]}; leave it out, or take another sampler`)
  }
  const { sampling, schedule } = opened
  const count = steps ?? Math.min(DEFAULT_STEPS, schedule.timesteps)
  const own = sampling.planOf({ steps: count, tokens: tokensOf(opened) })
  return {
    name: `default ${OWN_SAMPLER}, ${count} steps of ${own.className}`,
    schedule: { timesteps: schedule.timesteps, levels: own.levels, times: own.told },
    settings: sampling.settings,
    own,
    notes: repeatedNotes(own.told),
    byDefault: true,
  }
}

/** Patches of 2 x 2 pixels, by which flows shift their levels. */
const tokensOf = ({ imageShape: [, height, width] }: OpenedModel): number =>
  Math.floor(height / 2) * Math.floor(width / 2)

const repeatedNotes = (told: readonly number[]): string[] => {
  const repeated = told.find((time, i) => i > 0 && time === told[i - 1])
  return repeated === undefined ? [] : [`the network is told time ${repeated} at more than one level`]
}

/** The levels of a flow are no other process's. @throws `sample.schedule` */
function requireSameProcess({ schedule: { path } }: OpenedModel, name: string, came: Level['path']): void {
  if (path === came) return
  const words = (is: Level['path']) => (is === 'flow' ? 'a flow' : 'no flow')
  const fix =
    path === 'flow'
      ? `take the default, --sampler ${OWN_SAMPLER}, or a schedule learned for it ("process": "flow")`
      : 'take a schedule learned for this model'
  throw inputError(
    'sample.schedule',
    `the model is ${words(path)}, and the schedule ${name} is of ${words(came)}; ${fix}`,
  )
}

/** A saved schedule, perhaps under another sampler. */
function savedChoice(name: string, saved: SavedSchedule, config: StepsConfig): SamplingChoice {
  const { sampler, steps, stepList: list, eta } = config
  const { schedule: own, settings } = saved
  if (list !== null) throw ownStepsError(name, list)
  const { length } = own.levels
  if (steps !== null && steps !== length) throw otherStepsError(name, length, steps)
  const other = sampler !== null && sampler !== settings.sampler
  // Another sampler does with the noise of clipped images what is its own way.
  const base = other ? { clip: settings.clip, sampler } : settings
  const { solver, ...plain } = own
  const taken = !solver || samplerNamed(base.sampler).solverNumbers
  return {
    name,
    schedule: taken ? own : plain,
    settings: samplerSettings({ ...base, ...(eta !== null && { eta }) }),
    notes: taken
      ? guidanceNotes(name, solver?.guidance)
      : [
          `${name} has ${namesOfSolver(solver).join(', ')} for ${settings.sampler}, which ${base.sampler} does not take: left out`,
        ],
  }
}

/** A schedule that guides by itself does so whatever the settings say. */
function guidanceNotes(name: string, scales: readonly number[] | undefined): string[] {
  if (!scales) return []
  const [least, most] = [Math.min(...scales), Math.max(...scales)].map((scale) => String(Number(scale.toPrecision(3))))
  const range =
    least === most ? `a guidance scale of its own, ${least}` : `guidance scales of its own, ${least} to ${most} by step`
  return [`${name} has ${range}: images are guided by it, two network evaluations a step`]
}

const defaultChoice = (opened: OpenedModel, config: StepsConfig): SamplingChoice => ({
  ...levelsOf(opened.schedule, 'default', opened, config),
  byDefault: true,
})

/** `cosine`, or with parameters `cosine:tau=1.4,start=0.1`; null: no family's name. @throws `sample.schedule`, `schedule.box` */
function familyNamed(text: string, timesteps: number): NoiseSchedule | null {
  const [family, list = ''] = text.split(':')
  if (!Object.hasOwn(NOISE_FAMILIES, family)) return null
  const parameters = list.split(',').filter((part) => part !== '')
  const values = parameters.map((part) => {
    const [, name, value] = /^(start|end|tau|epsilon)=(.+)$/.exec(part) ?? []
    if (name !== undefined && Number.isFinite(Number(value))) return [name, Number(value)] as const
    throw inputError(
      'sample.schedule',
      `a family's parameters are start, end, tau, epsilon, as in cosine:tau=1.4, got '${part}'`,
    )
  })
  return noiseSchedule({ family: family as NoiseFamilyName, timesteps, ...Object.fromEntries(values) })
}

/**
 * A noise schedule's levels, each told as the time it stands at: on the step list that is asked for, else at the times that the model's
 * scheduler file has. Of that file's settings the clipping holds for every sampler, the rest for its own.
 */
function levelsOf(levels: NoiseSchedule, name: string, opened: OpenedModel, config: StepsConfig): SamplingChoice {
  const { sampling, schedule: trained } = opened
  const { sampler: asked, steps, stepList: list } = config
  const own = sampling.settings
  const settings = settingsOf(opened, config)
  const { sampler } = settings
  const count = steps ?? Math.min(DEFAULT_STEPS, levels.timesteps)
  const found = list === null && levels === trained ? levelsBetween(opened, count) : null
  const times = !found && list === null && levels.timesteps === trained.timesteps ? sampling.timesOf(count) : null
  const schedule = found
    ? { timesteps: levels.timesteps, levels: found.levels, times: toldTo(opened, found.told) }
    : times
      ? samplingScheduleAt(levels, times)
      : samplingScheduleFrom(levels, list ?? sampling.stepList, count, opened.times)
  return {
    name: `${name} ${sampler}, ${count} steps, ${list ?? (found ? `levels of ${sampling.className}` : ownListName(opened, times))}`,
    schedule,
    settings,
    notes: [
      ...(asked === null && own.sampler !== sampler
        ? [`sampled with ${DEFAULT_SAMPLER}, the default; ${sampling.className} is --sampler ${own.sampler}`]
        : []),
      ...(times && sampler === own.sampler ? neighbourNotes(opened, times) : []),
      ...(found ? [...roundedNotes(opened, found.told), ...repeatedNotes(schedule.times)] : []),
    ],
  }
}

/** The sampler that is asked for, else the default one, with what the model's scheduler file says of it. */
function settingsOf({ clippedNoise, sampling }: OpenedModel, { sampler: asked, eta }: StepsConfig) {
  const own = sampling.settings
  const sampler = asked ?? DEFAULT_SAMPLER
  const base = sampler === own.sampler ? own : { sampler, clip: own.clip }
  return samplerSettings({
    ...base,
    ...(sampler === DEFAULT_SAMPLER && clippedNoise && { clippedNoise }),
    ...(eta !== null && { eta }),
  })
}

/** Levels of the model's scheduler that are none of training times; null: they are levels of its times. */
function levelsBetween(opened: OpenedModel, steps: number) {
  const { sampling, schedule } = opened
  const found = sampling.levelsOf?.({ steps, tokens: tokensOf(opened) }) ?? null
  if (found === null || schedule.path === 'flow') return found
  const off = found.told.some((time, i) => {
    return !Number.isInteger(time) || Math.abs(schedule.level(time).logSnr - found.levels[i].logSnr) > 1e-3
  })
  return off ? found : null
}

/** A network of integer times is told the nearest. */
const toldTo = ({ times }: OpenedModel, told: readonly number[]): readonly number[] =>
  times === 'integer' ? told.map(roundHalfEven) : told

function roundedNotes(opened: OpenedModel, told: readonly number[]): string[] {
  const rounded = toldTo(opened, told).some((time, i) => time !== told[i])
  return rounded ? [`the real-valued times of ${opened.sampling.className} are rounded for this network`] : []
}

/** The times of a model's scheduler: the step list that they are, or that of the class. */
function ownListName({ sampling, schedule }: OpenedModel, times: readonly number[] | null): string {
  const { stepList: list, className } = sampling
  const plain = times === null || stepList(list, schedule, times.length).join() === times.join()
  return plain ? list : `${list} of ${className}`
}

/** Said where diffusers' DDIM steps to other times than those of the list. */
function neighbourNotes({ sampling, schedule }: OpenedModel, times: readonly number[]): string[] {
  const { className, stepList: list } = sampling
  const stride = Math.floor(schedule.timesteps / times.length)
  const same = times.every((time, i) => i === 0 || times[i - 1] - time === stride)
  if (same || !className?.startsWith('DDIM') || list === 'linspace') return []
  return [`${className} steps from t to t - ${stride}; here each step goes to the next time of the list`]
}
