/** Whether a CLIP model that is given is of any use to the rewards. */
import { inputError } from '../../base/index.ts'
import { parseRewardSpec } from '../../rewards/index.ts'
import { ENTROPY_PRESETS } from './presets.ts'
import type { EntropyConfig } from './settings.ts'
import { rewardWords } from './settings.ts'

/** That of the preset may be left unused: other rewards than the preset's do not ask for it to be taken away. @throws `config.clip`; `reward.spec` */
export function requireClipUsed(config: Pick<EntropyConfig, 'preset' | 'clip' | 'reward' | 'judge' | 'witness'>): void {
  const { clip, preset } = config
  const ofPreset = ENTROPY_PRESETS[preset as keyof typeof ENTROPY_PRESETS]
  if (clip === null || (ofPreset && 'clip' in ofPreset && ofPreset.clip === clip)) return
  const words = rewardWords(config)
  const looks = words
    .flatMap((spec) => parseRewardSpec(spec))
    .some(({ kind, name }) => kind === 'clip-head' || (kind === 'clip-score' && name === ''))
  if (looks) return
  throw inputError(
    'config.clip',
    `a CLIP model is for the rewards clip-score and clip-head:FILE; got ${clip} with ${words.map((spec) => `'${spec}'`).join(' and ')}, none of which looks through it; ` +
      'leave it out (--clip none), or choose such a reward',
  )
}
