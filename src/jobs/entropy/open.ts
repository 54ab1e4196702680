/** What an entropy strength job works on: model, sampler and schedule, rewards and networks, opened from the settings and checked against each other. */

import { checkThrough, evaluationsOf, samplerNamed, samplerSettings } from '../../diffusion/index.ts'
import type { Reward } from '../../rewards/index.ts'
import type { Json } from '../../runs/index.ts'
import { jsonHash } from '../../runs/index.ts'
import type { EntropyOptions, EntropyTarget } from '../../tuners/index.ts'
import { ESTIMATORS_OF, evaluationsEach } from '../../tuners/index.ts'
import { classOfImage, withClassNames } from '../opening/classChoice.ts'
import { openGuidedDenoiser } from '../opening/classGuidance.ts'
import { recordJson } from '../opening/conventionRecord.ts'
import { fileSource, fileSources } from '../opening/fileSource.ts'
import type { CodeHashes } from '../opening/namedCode.ts'
import { codeHashes } from '../opening/namedCode.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { modelSource } from '../opening/openedModel.ts'
import { openModelAt } from '../opening/openModel.ts'
import type { RewardNetworks } from '../opening/rewardNetworks.ts'
import { openRewardNetworks } from '../opening/rewardNetworks.ts'
import type { SamplingChoice } from '../opening/samplingChoice.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import type { SharedData } from '../opening/sharedData.ts'
import { sharedData } from '../opening/sharedData.ts'
import type { SharedPrompts } from '../opening/sharedPrompts.ts'
import type { EntropyConfig } from './settings.ts'
import { entropySettingsOf, rewardWords } from './settings.ts'
import { triedEvaluations, tryRewards } from './triedRewards.ts'

/** What the tuning is given of it. */
type Subject = Pick<
  EntropyOptions,
  'denoiser' | 'schedule' | 'sampler' | 'reward' | 'judge' | 'features' | 'condition' | 'settings'
>

export interface EntropyInputs {
  readonly subject: Subject
  readonly model: OpenedModel
  /** Measured beside judge and reward, deciding nothing; null: none. */
  readonly witness: Reward | null
  /** The modules of the rewards. */
  readonly code: CodeHashes
  /** What a reader of the numbers must know, a sentence each. */
  readonly notes: readonly string[]
  /** Names and hashes of what was read, for the manifest. */
  readonly sources: Readonly<Record<string, Json>>
  /** What was measured of the model. */
  readonly found?: Readonly<Record<string, Json>>
  readonly secondsPerEvaluation: number | null
  /** Network evaluations by which model and rewards were checked. */
  readonly checking: number
  close(): Promise<void>
}

/**
 * Opens everything. Nothing is written.
 * @throws `model.*`, `schedule.*`, `sample.*`, `steps.count`, `sampler.*`, `data.*`, `reward.*`, `metrics.*`, `config.entropy` on what
 * is not there or does not fit together
 */
export async function openEntropyInputs(config: EntropyConfig): Promise<EntropyInputs> {
  const shared = sharedData({ ...config, size: null })
  const model = await openEntropyModel(config, shared)
  const closers = [model.close]
  try {
    const networks = await openEntropyNetworks(config, model, shared)
    closers.unshift(networks.close)
    return { ...(await openRewards(config, model, networks)), close: () => closeAll(closers) }
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

/** The model as it is sampled from. */
export interface EntropyModel extends Pick<Subject, 'denoiser' | 'sampler' | 'condition'> {
  readonly opened: OpenedModel
  readonly choice: SamplingChoice
  close(): Promise<void>
}

/** @throws as `openEntropyInputs` on the model and how it is sampled */
export async function openEntropyModel(
  config: EntropyConfig,
  shared: SharedData,
  sharedPrompts?: SharedPrompts,
): Promise<EntropyModel> {
  const options = { ...config, pictures: shared.pictures, ...(sharedPrompts && { sharedPrompts }) }
  const plain = await openModelAt(config.model, options)
  const closers = [plain.close]
  try {
    const opened = config.data === null ? plain : withClassNames(plain, (await shared.open(plain.pictureShape)).classes)
    const { denoiser, close } = await openGuidedDenoiser(opened, config)
    closers.unshift(close)
    const choice = await chooseSampling(opened, config)
    const sampler = samplerSettings({ ...choice.settings, variance: config.variance })
    const condition = classOfImage(opened, config.class)
    checkThrough(config.through, denoiser)
    return { opened, denoiser, choice, sampler, ...(condition && { condition }), close: () => closeAll(closers) }
  } catch (error) {
    await closeAll(closers)
    throw error
  }
}

/** What the rewards look through. @throws as `openRewardNetworks` */
export const openEntropyNetworks = (
  config: EntropyConfig,
  { opened: { pictureShape: imageShape } }: EntropyModel,
  shared: SharedData,
): Promise<RewardNetworks> => {
  const { chunk: batch, device, rewardTimeout: timeout } = config
  return openRewardNetworks(config, { imageShape, batch, device, timeout }, shared)
}

/**
 * Opens the rewards, on what is open, and tries them.
 * @param networks that the rewards are theirs, freed with them, by whoever opened these
 * @param triedBefore notes of a trial that was made before; absent: they are tried
 * @returns inputs whose `close` is that of the networks
 * @throws as `openEntropyInputs` on rewards
 */
export async function openRewards(
  config: EntropyConfig,
  { opened, denoiser, choice, sampler, condition }: EntropyModel,
  networks: RewardNetworks,
  triedBefore?: readonly string[],
): Promise<EntropyInputs & { readonly tried: readonly string[] }> {
  const code = await codeHashes(rewardWords(config))
  const { reward, judge, witness } = await openAll(networks, config)
  const derivatives = missingDerivatives(opened, reward)
  const target = targetOf(config, derivatives.length === 0)
  const subject = { denoiser, schedule: choice.schedule, sampler, reward, judge }
  const tried =
    triedBefore ??
    (await tryRewards(config, {
      ...subject,
      ...(condition && { condition }),
      guided: target === 'guided' && reward.differentiable,
    }))
  return {
    tried,
    subject: {
      ...subject,
      features: networks.features,
      settings: entropySettingsOf(config, target),
      ...(condition && { condition }),
    },
    model: opened,
    witness,
    code,
    notes: [
      ...opened.notes,
      ...choice.notes,
      ...varianceNotes(choice, config),
      ...networks.notes,
      ...targetNotes(config, target, derivatives),
      ...sharedNotes(networks, config),
      ...tried,
      ...rewardNotes(witness ? [reward, judge, witness] : [reward, judge]),
    ],
    ...(opened.convention.record && { found: { convention: recordJson(opened.convention.record) } }),
    secondsPerEvaluation: opened.secondsPerEvaluation,
    checking: opened.evaluations + triedEvaluations(config, evaluationsEach(config) * evaluationsOf(choice)),
    sources: {
      model: modelSource(config.model, opened),
      ...(config.scheduler !== null && { scheduler: await fileSource(config.scheduler) }),
      ...(await fileSources(config)),
      schedule: { path: config.schedule, sha256: jsonHash([choice.schedule, choice.settings]) },
      ...networks.sources,
      reward: { name: reward.name, sha256: reward.hash },
      judge: { name: judge.name, sha256: judge.hash },
      ...(witness && { witness: { name: witness.name, sha256: witness.hash } }),
      ...(Object.keys(code).length > 0 && { code }),
    },
    close: networks.close,
  }
}

async function closeAll(closers: readonly (() => Promise<void>)[]): Promise<void> {
  for (const close of closers) await close()
}

async function openAll(networks: RewardNetworks, config: EntropyConfig) {
  const [reward, judge] = [await networks.open(config.reward), await networks.open(config.judge)]
  return { reward, judge, witness: config.witness === null ? null : await networks.open(config.witness) }
}

/** That the judge is not independent: what the reward is fooled by, its part through the same network may be fooled by too. */
function sharedNotes({ lookedThrough }: RewardNetworks, config: EntropyConfig): string[] {
  const chased = lookedThrough(config.reward)
  const shared = [...lookedThrough(config.judge)].filter(([hash]) => chased.has(hash)).map(([, name]) => name)
  return shared.map(
    (name) =>
      `the judge '${config.judge}' looks in part through ${name}, as the chased reward '${config.reward}' does: where guidance deceives that network, this part of the judge is no independent witness`,
  )
}

/** What guidance would need and is not there, in words. */
function missingDerivatives(model: OpenedModel, reward: Reward): string[] {
  const named = { 'the model': model, [`the reward ${reward.name}`]: reward }
  return Object.entries(named).flatMap(([name, { differentiable, missingDerivative: why }]) =>
    differentiable ? [] : [why === undefined ? name : `${name} (${why})`],
  )
}

/** What rewards have to say by now, each sentence once. */
export function rewardNotes(rewards: readonly Reward[]): string[] {
  return [...new Set(rewards.flatMap((reward) => reward.notes?.() ?? []))]
}

/** Said where the variance of the model's own scheduler is not the one that is set. */
function varianceNotes({ settings }: SamplingChoice, { variance }: EntropyConfig): string[] {
  if (!samplerNamed(settings.sampler).takes.includes('variance') || settings.variance === variance) return []
  return [
    `variance is ${variance}, while the model's scheduler has ${settings.variance}; --variance ${settings.variance} is its own`,
  ]
}

/** The target that `auto` stands for: guided where there are derivatives and the other settings are for it, else tilt. */
function targetOf({ target, estimator, through }: EntropyConfig, differentiable: boolean): EntropyTarget {
  if (target !== 'auto') return target
  const fits = through === 'network' && ESTIMATORS_OF.guided.includes(estimator)
  return differentiable && fits ? 'guided' : 'tilt'
}

function targetNotes({ target }: EntropyConfig, chosen: EntropyTarget, missing: readonly string[]): string[] {
  if (target !== 'auto' || chosen === 'guided' || missing.length === 0) return []
  return [
    `${missing.join(' and ')} has no derivative, so the target is tilt: lambda is best for the tilted distribution itself, drawn by weights`,
  ]
}
