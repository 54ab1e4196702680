/** The settings of a schedule learning job from layers, checked together. */
import { didYouMean, inputError } from '../../base/index.ts'
import { learnedFamily } from '../../diffusion/index.ts'
import { REWARD_NAMES } from '../../rewards/index.ts'
import type { Settings, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import type { LearnSettings } from '../../tuners/index.ts'
import { checkLearnSettings, learnSettingsAmong, START_NAMES } from '../../tuners/index.ts'
import type { WantedClass } from '../opening/classChoice.ts'
import { requireOnnxReward } from '../opening/rewardReading.ts'
import { consequences } from './consequences.ts'
import { PRESETS } from './presets.ts'
import type { ScheduleConfig } from './schema.ts'
import { DEFAULTS, REPLACED, scheduleSchema } from './schema.ts'

/**
 * Settings from layers (config file, environment, flags; later ones win) over the preset they name.
 * @throws `config.preset`, `config.unknownKey`, `config.invalid`, `learn.settings`, `schedule.box`, `config.network`
 */
export function resolveScheduleConfig(layers: readonly SettingsLayer[]): ScheduleConfig {
  const given = (key: string) => layers.findLast(({ values }) => values[key] !== undefined)?.values[key]
  const preset = presetNamed(String(given('preset') ?? DEFAULTS.preset))
  const below = [
    { source: 'the defaults', values: DEFAULTS },
    { source: `preset ${given('preset') ?? DEFAULTS.preset}`, values: preset },
    { source: 'what else was given', values: consequences(preset, given) },
  ]
  const config = resolveSettings(scheduleSchema, [...below, ...layers], REPLACED)
  checkSteps(config)
  checkStart(config)
  checkLearnSettings(learnSettingsOf(config))
  checkNetwork(config)
  checkReward(config)
  requireOnnxReward(config, config.reward === null ? [] : [config.reward])
  checkData(config)
  return config
}

/** @throws `config.samplingSteps` on several numbers of steps that are not each there once, or of which only one can be learned for */
function checkSteps({ learn, ...config }: ScheduleConfig): void {
  const steps = stepsOf(config)
  const refuse = (rule: string) => {
    throw inputError('config.samplingSteps', `samplingSteps must ${rule}, got ${steps.join(',')}`)
  }
  if (new Set(steps).size < steps.length) refuse('name each number of steps once')
  if (learn !== 'sampling' && steps.length > 1) {
    refuse(`be one number with learn ${learn}, where a network is trained for its schedule`)
  }
}

/** @throws `config.start` on a file, or a misspelled list, for what starts at the model's own levels */
function checkStart({ learn, samplingFamily, start }: ScheduleConfig): void {
  if (START_NAMES.some((name) => name === start && name !== 'given')) return
  if (learn === 'sampling' && learnedFamily(samplingFamily).startsAnywhere) return
  const what = learn === 'sampling' ? `family ${samplingFamily}` : `learn ${learn}`
  throw inputError(
    'config.start',
    `start must be auto or the name of a step list with ${what}, which starts at the model's own levels, got ${start}; ` +
      'name a list, or say --sampling-family levels to start from a file',
  )
}

/** @throws `config.objective` where reward and objective do not go together */
function checkReward({ objective, reward }: ScheduleConfig): void {
  if (objective === 'reward' && reward === null) {
    throw inputError(
      'config.objective',
      `objective reward needs a reward to maximise, got none; give one: --reward ${REWARD_NAMES[1]}, or a file (built in: ${REWARD_NAMES.join(', ')})`,
    )
  }
  if (objective !== 'reward' && reward !== null) {
    throw inputError(
      'config.objective',
      `reward ${reward} is for objective reward, got objective ${objective}; leave it out, or say --objective reward`,
    )
  }
}

/** @throws `config.objective` where there are no data and something needs them */
function checkData({ data, objective, model, teacherSpace, features, judge }: ScheduleConfig): void {
  if (data !== null) return
  const refuse = (what: string, remedy: string) => {
    throw inputError('config.objective', `${what}, got data none; ${remedy}`)
  }
  if (objective === 'fid') {
    refuse('objective fid compares the images with data', 'give data, or use --objective teacher, which needs none')
  }
  if (model === null) refuse('a model is trained on data', 'give data, or a model that is trained (--model)')
  if (objective === 'teacher' && teacherSpace === 'features' && features === 'auto') {
    refuse(
      'which features tell images apart is found out by data',
      'name them (--features FILE.onnx), or compare in pixels',
    )
  }
  if (judge !== 'auto' && judge !== 'none') refuse(`judge ${judge} is asked about data`, 'give data, or no judge')
}

function presetNamed(name: string): Settings {
  if (Object.hasOwn(PRESETS, name)) return PRESETS[name as keyof typeof PRESETS]
  const known = Object.keys(PRESETS)
  throw inputError('config.preset', `a preset is one of ${known.join(', ')}, got '${name}'${didYouMean(name, known)}`)
}

function checkNetwork({ network, classConditional, learn, model }: ScheduleConfig): void {
  const { kind, channels, layersPerBlock, groups, attentionLevels } = network
  if (kind === 'unet') {
    if (layersPerBlock !== null && groups !== null) return
    throw inputError('config.network', 'a unet needs network.layersPerBlock and network.groups')
  }
  const foreign = Object.entries({ layersPerBlock, groups, attentionLevels }).find(([, value]) => value !== null)
  if (foreign) throw inputError('config.network', `network.${foreign[0]} is for unet networks; leave it out`)
  if (channels.length < 2 || channels.some((width) => width % channels[0] !== 0)) {
    const rule = 'channels of two or more levels, all multiples of the first'
    throw inputError('config.network', `a shuffle network has ${rule}, got ${channels.join(', ')}`)
  }
  if (classConditional && (model === null || learn !== 'sampling')) {
    throw inputError('config.network', 'a shuffle network takes no classes; use network.kind unet for them')
  }
}

/**
 * The part of the settings that the learning itself reads.
 * @param wanted the class by number; before names are known one stands for the first
 */
export function learnSettingsOf(
  config: ScheduleConfig,
  wanted: WantedClass = isName(config.class) ? 0 : config.class,
): LearnSettings {
  const [samplingSteps, ...moreSteps] = stepsOf(config)
  const start: LearnSettings['start'] = START_NAMES.find((name) => name === config.start) ?? 'given'
  return learnSettingsAmong({ ...config, samplingSteps, moreSteps, start, class: wanted })
}

const isName = (asked: ScheduleConfig['class']): asked is string =>
  typeof asked === 'string' && asked !== 'unconditional'

/** The numbers of steps, the first one first. */
export const stepsOf = ({ samplingSteps }: Pick<ScheduleConfig, 'samplingSteps'>): readonly number[] =>
  typeof samplingSteps === 'number' ? [samplingSteps] : samplingSteps
