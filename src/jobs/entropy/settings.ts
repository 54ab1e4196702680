/**
 * The settings of an entropy strength job: one schema with a description and a help group per key, from which config files are checked and
 * the command line's flags are made.
 */

import { z } from 'zod'
import { didYouMean, inputError } from '../../base/index.ts'
import { SHIPPED_FOLDERS } from '../../data/index.ts'
import { SHIPPED_MODELS } from '../../diffusion/files/index.ts'
import type { Sampler, SamplerName } from '../../diffusion/index.ts'
import { NOISE_FAMILIES, ownersOf, SAMPLERS, samplerNamed, samplerSettings } from '../../diffusion/index.ts'
import type { Settings, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import type { EntropySettings, EntropyTarget } from '../../tuners/index.ts'
import {
  checkEntropySettings,
  defaultsOf,
  ENTROPY_DEFAULTS,
  entropySettingsAmong,
  entropyShape,
  estimatingShape,
  lambdaShape,
  setting,
  withDefault,
} from '../../tuners/index.ts'

import { DATA_WORDS, dataShape } from '../opening/dataSettings.ts'
import { FILE_SETTINGS } from '../opening/fileSource.ts'
import { describingShape } from '../opening/modelSettings.ts'
import { requireOnnxReward } from '../opening/rewardReading.ts'
import {
  checkpointingSetting,
  clipSetting,
  judgeReadingShape,
  measuringShape,
  modelShape,
  REWARD_WORDS,
  rewardReadingShape,
  rewardTimeoutSetting,
  runningShape,
  samplingShape,
  seedSetting,
} from '../opening/settings.ts'
import { ENTROPY_PRESETS } from './presets.ts'

/** Where a setting stands in the help, in this order. */
export const ENTROPY_GROUPS = ['What is tuned', 'Sampling', 'Data and model', 'Estimating', 'Running'] as const

/** Every setting. */
export const entropySchema = z.strictObject({
  preset: setting(z.string(), {
    group: 'What is tuned',
    description: `a set of defaults: ${Object.keys(ENTROPY_PRESETS).join(', ')}`,
    default: 'quick',
  }),
  reward: setting(z.string().min(1), {
    group: 'What is tuned',
    description: `the reward that is chased (r2): ${REWARD_WORDS}`,
    default: 'log-probability:3@features',
  }),
  judge: setting(z.string().min(1), {
    group: 'What is tuned',
    description: 'the reward that notices over-optimisation (r1), which lambda is chosen by',
    default: 'log-probability:3@judge + 5*typicality@features',
  }),
  witness: setting(z.string().min(1).nullable(), {
    group: 'What is tuned',
    description:
      'a further reward that decides nothing: it is measured on the images that are shown at each strength, to be compared with the judge; none: none',
    default: null,
  }),
  clip: clipSetting,
  target: setting(z.enum(['auto', 'guided', 'tilt', 'penalty']), {
    group: 'What is tuned',
    description:
      'what lambda is best for: the guided sampler as it runs, the tilted distribution itself, or the penalty problem at gamma; auto: guided where reward and model have derivatives, else tilt',
    default: 'auto',
  }),
  gamma: setting(z.number().positive().nullable(), {
    group: 'What is tuned',
    description: 'target penalty: the penalty constant',
    default: null,
  }),
  ...lambdaShape,

  ...samplingSettings(),

  model: setting(z.string().min(1), {
    group: 'Data and model',
    description: `the pretrained model: ${[...SHIPPED_MODELS, ...SHIPPED_FOLDERS].join(' or ')} (come with the project), a model folder, a run folder, or an ONNX file`,
    default: 'digits-16',
  }),
  ...modelShape,
  size: samplingShape.size,
  data: setting(z.string().min(1).nullable(), {
    group: 'Data and model',
    description: `images like the model's, for typicality and to tell whether they are digits: ${DATA_WORDS}; none: no data`,
    default: 'digits',
  }),
  ...dataShape,
  features: setting(z.string().min(1), {
    group: 'Data and model',
    description:
      "the network called @features, which diversity is measured in: 'digits', 'pixels', an ONNX file, 'none', or 'auto' (digits where the data are digits, else pixels)",
    default: 'auto',
  }),
  featuresOutput: measuringShape.featuresOutput,
  featuresRange: measuringShape.featuresRange,
  featuresMeanStd: measuringShape.featuresMeanStd,
  featuresResize: measuringShape.featuresResize,
  judgeNetwork: setting(z.string().min(1), {
    group: 'Data and model',
    description:
      "the network called @judge: 'digits', an ONNX classifier, 'none', or 'auto' (digits where the data are digits, else none)",
    default: 'auto',
  }),
  ...judgeReadingShape,
  ...rewardReadingShape,

  ...estimatingShape,

  chunk: entropyShape.chunk,
  device: runningShape.device,
  gradientCheckpointing: checkpointingSetting,
  rewardTimeout: rewardTimeoutSetting,
  seed: seedSetting,
  checkpointSeconds: setting(z.number().min(0), {
    group: 'Running',
    description: 'seconds between checkpoints',
    default: 30,
  }),
})

/** Names of the samplers that are so. */
function namesOf(which: (sampler: Sampler) => boolean): SamplerName[] {
  return SAMPLERS.flatMap((sampler) => (which(sampler) ? [sampler.name] : []))
}

/** How the model is sampled; `steps` and `eta` follow from sampler and schedule where they are not given. */
function samplingSettings() {
  const { schedule, stepList, steps, eta, class: classSetting, guidanceScale } = samplingShape
  return {
    schedule: withDefault(schedule, 'default'),
    sampler: setting(z.enum(namesOf(({ ancestral }) => ancestral !== null)), {
      group: 'Sampling',
      description: `sampler; a guided path is of steps with noise that take the step before alone, so none of ${namesOf(({ ancestral }) => ancestral === null).join(', ')}`,
      default: 'ddim',
    }),
    steps: withDefault(steps, 25),
    stepList,
    eta: withDefault(eta, 1),
    variance: setting(z.enum(['small', 'large']), {
      group: 'Sampling',
      description: "ddpm: variance of a step's noise",
      default: 'small',
    }),
    class: withDefault(classSetting, 'unconditional'),
    guidanceScale,
  }
}

export type EntropyConfig = z.output<typeof entropySchema>

/** What holds where nothing else says so. */
const DEFAULTS = defaultsOf(entropySchema.shape)

/** Settings that a resumed run may have others of: what does not change the result, and network evaluations, which a run that is over goes on for. */
export const ENTROPY_MAY_CHANGE = ['checkpointSeconds', 'rewardTimeout', 'maxEvaluations'] as const

/** Settings that say where something lies: a resumed run may find the same elsewhere. */
export const ENTROPY_PLACES = [
  'model',
  'scheduler',
  'data',
  'features',
  'judgeNetwork',
  'reward',
  'judge',
  'witness',
  'clip',
  'schedule',
  ...FILE_SETTINGS,
] as const

/** What rewards were opened with before there was a choice. */
export const REWARDS_EARLIER: Settings = {
  ...defaultsOf(dataShape),
  ...defaultsOf(judgeReadingShape),
  ...defaultsOf(rewardReadingShape),
  ...defaultsOf({ clip: clipSetting, prompts: describingShape.prompts, promptSet: describingShape.promptSet }),
  ...defaultsOf({ featuresMeanStd: measuringShape.featuresMeanStd, featuresResize: measuringShape.featuresResize }),
}

/** What was before there was a choice. */
export const ENTROPY_EARLIER: Settings = {
  ...REWARDS_EARLIER,
  ...defaultsOf(describingShape),
  gradientCheckpointing: 'auto',
  guidanceScale: null,
  witness: null,
}

/**
 * Settings from layers (config file, environment, flags; later ones win) over the preset they name.
 * @throws `config.preset`, `config.unknownKey`, `config.invalid`, `config.entropy`, `config.reward`, `reward.spec`, `sampler.eta`, `entropy.*`
 */
export function resolveEntropyConfig(layers: readonly SettingsLayer[]): EntropyConfig {
  const given = (key: string) => layers.findLast(({ values }) => values[key] !== undefined)?.values[key]
  const name = String(given('preset') ?? DEFAULTS.preset)
  const config = resolveSettings(entropySchema, [
    { source: 'the defaults', values: DEFAULTS },
    { source: `preset ${name}`, values: presetNamed(name) },
    { source: 'what else was given', values: consequences(given) },
    ...layers,
  ])
  checkSampler(config)
  checkLambda(config)
  requireOnnxReward(config, rewardWords(config))
  return config
}

/** All rewards of a job, in words. */
export const rewardWords = ({
  reward,
  judge,
  witness,
}: Pick<EntropyConfig, 'reward' | 'judge' | 'witness'>): string[] =>
  witness === null ? [reward, judge] : [reward, judge, witness]

function presetNamed(name: string): Settings {
  if (Object.hasOwn(ENTROPY_PRESETS, name)) return ENTROPY_PRESETS[name as keyof typeof ENTROPY_PRESETS]
  const known = Object.keys(ENTROPY_PRESETS)
  throw inputError('config.preset', `a preset is one of ${known.join(', ')}, got '${name}'${didYouMean(name, known)}`)
}

/** A saved schedule brings its number of steps; eta is DDIM's; gamma asks for the penalty problem. */
function consequences(given: (key: string) => unknown): Settings {
  const schedule = given('schedule')
  const isSaved =
    typeof schedule === 'string' && schedule !== 'default' && !Object.hasOwn(NOISE_FAMILIES, schedule.split(':')[0])
  const gamma = given('gamma')
  return {
    ...(isSaved && { steps: null }),
    ...(SAMPLERS.some(({ name, takes }) => name === given('sampler') && !takes.includes('eta')) && { eta: null }),
    ...(gamma !== undefined && gamma !== null && gamma !== 'none' && { target: 'penalty' }),
  }
}

/** @throws `sampler.eta`, `config.entropy` where a path would have no noise */
function checkSampler({ sampler, eta, variance }: EntropyConfig): void {
  samplerSettings({ sampler, ...(eta !== null && { eta }), variance })
  const { takes } = samplerNamed(sampler)
  if (takes.includes('eta') && eta === 0) {
    throw inputError(
      'config.entropy',
      'guided paths need noise at each step: eta must be above 0, or sampler ddpm, got eta 0',
    )
  }
  if (!takes.includes('variance') && variance === 'large') {
    throw inputError(
      'config.entropy',
      `variance is a setting of ${ownersOf('variance')}, got large with ${sampler}; leave it out`,
    )
  }
}

/** @throws `config.entropy` where keys contradict each other, `entropy.*` */
function checkLambda(config: EntropyConfig): void {
  const { target, gamma } = config
  if (target === 'penalty' && gamma === null) {
    throw inputError('config.entropy', 'target penalty is a problem for each gamma; give one, such as --gamma 10')
  }
  if (target !== 'penalty' && gamma !== null) {
    throw inputError('config.entropy', `gamma belongs to target penalty, got gamma ${gamma} with target ${target}`)
  }
  const targets: readonly EntropyTarget[] = target === 'auto' ? ['guided', 'tilt'] : [target]
  const faults = targets.map((one) => faultOf(() => checkEntropySettings(entropySettingsOf(config, one))))
  if (faults.every((fault) => fault !== null)) throw faults[0]
}

function faultOf(check: () => void): unknown {
  try {
    check()
    return null
  } catch (error) {
    return error
  }
}

/** The part of the settings that the tuning itself reads, for a target. */
export const entropySettingsOf = (config: EntropyConfig, target: EntropyTarget): EntropySettings => ({
  ...entropySettingsAmong(config),
  target,
  gamma: config.gamma ?? ENTROPY_DEFAULTS.gamma,
})
