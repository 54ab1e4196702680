/** How rewards of files are read: what the settings say of it, checked and opened. */
import type { Resampling } from '../../base/index.ts'
import { inputError } from '../../base/index.ts'
import { meanStdNamed } from '../../metrics/files/index.ts'
import type { OnBadReward, RewardContext } from '../../rewards/index.ts'
import { parseRewardSpec } from '../../rewards/index.ts'

/** The settings. */
export interface RewardReading {
  readonly rewardRange: readonly [number, number] | null
  readonly rewardMeanStd: string | null
  readonly rewardResize: Resampling | null
  readonly onBadReward: OnBadReward
}

/** As the context of rewards has it. @throws `metrics.meanStd` */
export async function readingOf({
  rewardRange,
  rewardMeanStd,
  rewardResize,
  onBadReward,
}: RewardReading): Promise<Pick<RewardContext, 'imageRange' | 'imageMeanStd' | 'imageResize' | 'onBad'>> {
  return {
    imageRange: rewardRange,
    imageMeanStd: rewardMeanStd === null ? null : await meanStdNamed(rewardMeanStd),
    imageResize: rewardResize,
    onBad: onBadReward,
  }
}

/**
 * @param specs the rewards in words
 * @throws `config.reward` where it is said how ONNX files are read, and no reward is one; `reward.spec`
 */
export function requireOnnxReward(
  { rewardMeanStd, rewardResize }: Pick<RewardReading, 'rewardMeanStd' | 'rewardResize'>,
  specs: readonly string[],
): void {
  const said = Object.entries({ rewardMeanStd, rewardResize }).find(([, value]) => value !== null)
  if (!said || specs.flatMap((spec) => parseRewardSpec(spec)).some(({ kind }) => kind === 'onnx')) return
  const came = specs.length === 0 ? 'no reward' : specs.map((spec) => `'${spec}'`).join(' and ')
  throw inputError(
    'config.reward',
    `${said[0]} is for rewards of ONNX files, got ${said[1]} with ${came}; leave it out`,
  )
}
