/** What a reward is opened with: the data that typicality is measured against, and the networks that terms look through. */

import { inputError, tensor } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { shippedPath } from '../../data/index.ts'
import type { Images } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { Reward, RewardContext } from '../../rewards/index.ts'
import { networksOf, openReward } from '../../rewards/index.ts'
import type { Json } from '../../runs/index.ts'
import type { Device } from '../../runtime/index.ts'
import { readPrompts } from '../../text/index.ts'
import type { EntropyConfig } from '../entropy/settings.ts'
import { READING_KEYS } from './dataSettings.ts'
import { openMeasuring } from './measuringNetworks.ts'
import { readingOf } from './rewardReading.ts'
import { judgeReadingShape, rewardReadingShape } from './settings.ts'
import type { SharedData } from './sharedData.ts'
import { sharedData } from './sharedData.ts'

/** The settings that decide it; `guidance.json` keeps them. */
export const REWARD_SETTINGS = [
  'data',
  ...READING_KEYS,
  'features',
  'featuresOutput',
  'featuresRange',
  'featuresMeanStd',
  'featuresResize',
  'judgeNetwork',
  ...(Object.keys(judgeReadingShape) as (keyof typeof judgeReadingShape)[]),
  ...(Object.keys(rewardReadingShape) as (keyof typeof rewardReadingShape)[]),
  'clip',
  'prompts',
  'promptSet',
] as const
export type RewardSettings = Pick<EntropyConfig, (typeof REWARD_SETTINGS)[number]>

export interface RewardNetworks {
  /** The network `@features`, which diversity is measured in; null: none. */
  readonly features: FeatureNetwork | null
  /** Names by hash (of ONNX files by path) of the networks that a reward in words looks through. @throws `reward.spec` */
  lookedThrough(spec: string): ReadonlyMap<string, string>
  /** What a reader of the numbers must know, a sentence each. */
  readonly notes: readonly string[]
  /** Names and hashes of what was read. */
  readonly sources: Readonly<Record<string, Json>>
  /** A reward by its words, to be disposed of by `close`. */
  open(spec: string): Promise<Reward>
  /** The same networks for rewards of other prompts; its `close` disposes of these alone. */
  withPrompts(prompts: readonly string[]): RewardNetworks
  close(): Promise<void>
}

/** The model whose images are rated. */
export interface RatedModel {
  readonly imageShape: readonly number[]
  /** Images per program run. */
  readonly batch: number
  readonly device: Device
  /** Seconds that a reward in JavaScript may take; null: no limit. */
  readonly timeout: number | null
}

/** @throws `data.*`, `schedule.size`, `schedule.features`, `schedule.judge`, `metrics.*`, `config.entropy` */
export async function openRewardNetworks(
  settings: RewardSettings,
  model: RatedModel,
  shared: SharedData = sharedData({ ...settings, size: null }),
): Promise<RewardNetworks> {
  const data = settings.data === null ? null : await shared.open(model.imageShape)
  const { features, judge, guessingFeatures, notes, close } = data
    ? await openNetworks(settings, data, model.device)
    : withoutData(settings)
  const context: RewardContext = {
    features,
    judge,
    guessing: guessingFeatures,
    tuning: data && tuningOf(data),
    labels: data && labelsOf(data),
    imageShape: model.imageShape,
    clip: settings.clip,
    prompts: settings.prompts === null ? null : await readPrompts(shippedPath(settings.prompts), settings.promptSet),
    ...(await readingOf(settings)),
    batch: model.batch,
    device: model.device,
    timeout: model.timeout,
  }
  const sources = {
    data: data && { name: data.name, source: data.provenance.source, sha256: data.provenance.sha256 },
    features: features && { name: features.name, sha256: features.hash },
    judgeNetwork: judge && { name: judge.name, sha256: judge.hash },
  }
  return rewardNetworks({ features, notes, sources }, context, close)
}

function rewardNetworks(
  shared: Pick<RewardNetworks, 'features' | 'notes' | 'sources'>,
  context: RewardContext,
  close: () => Promise<void>,
): RewardNetworks {
  const rewards: Reward[] = []
  return {
    ...shared,
    lookedThrough: (spec) => networksOf(spec, context),
    async open(spec) {
      const reward = await openReward(spec, context)
      rewards.push(reward)
      return reward
    },
    withPrompts: (prompts) => rewardNetworks(shared, { ...context, prompts }, async () => undefined),
    async close() {
      for (const reward of rewards) await reward.dispose()
      await close()
    },
  }
}

interface Networks {
  readonly features: FeatureNetwork | null
  readonly judge: FeatureNetwork | null
  /** Why the features' network is not to be asked for classes; null: it may be. */
  readonly guessingFeatures: string | null
  readonly notes: readonly string[]
  close(): Promise<void>
}

async function openNetworks(settings: RewardSettings, data: Dataset, device: Device): Promise<Networks> {
  const { data: source, features, judgeNetwork } = settings
  const opened = await openMeasuring(
    {
      ...settings,
      data: source ?? data.name,
      features: features === 'none' ? 'pixels' : features,
      judge: judgeNetwork,
      device,
    },
    data,
    ['features', 'judge'],
  )
  // Asked for none, what was opened in its place is said nothing about.
  return features === 'none' ? { ...opened, features: null, notes: opened.judgeNotes } : opened
}

/** @throws `config.entropy` where a network is asked for by name */
function withoutData({ features, judgeNetwork }: RewardSettings): Networks {
  const named = Object.entries({ features, judgeNetwork }).find(([, value]) => value !== 'auto' && value !== 'none')
  if (named) {
    const [name, value] = named
    throw inputError(
      'config.entropy',
      `networks are opened for images that are there: ${name} ${value} needs data, got data none; give both or neither`,
    )
  }
  return { features: null, judge: null, guessingFeatures: null, notes: [], close: async () => undefined }
}

/** What of data tells the classes of real images. */
export const labelsOf = ({ splits: { tuning }, classes }: Dataset): RewardContext['labels'] =>
  tuning.labels && classes.length > 1 ? { labels: tuning.labels, classes: classes.length } : null

/** The tuning split as one batch. */
export const tuningOf = ({ splits: { tuning }, shape }: Dataset): Images =>
  tensor('float32', [tuning.count, ...shape], tuning.images)
