/** The families that a sampling schedule may be learned in, each an entry of its own file; every noise family is one. */
import { inputError } from '../../../base/index.ts'
import type { NoiseFamilyName } from '../noiseFamilies.ts'
import { NOISE_FAMILIES } from '../noiseFamilies.ts'
import type { LearnedFamily } from './family.ts'
import { free } from './free.ts'
import { levelPower } from './levelPower.ts'
import { levels, levelsAndTimes, shift } from './levels.ts'
import { noiseEntry } from './noiseParameters.ts'

const LIST = [levels, levelsAndTimes, levelPower, shift, free] as const

export type SamplingFamilyName = NoiseFamilyName | (typeof LIST)[number]['name']

/** All of them, in the order in which they are offered. */
export const LEARNED_FAMILIES: readonly LearnedFamily<SamplingFamilyName>[] = [
  ...(Object.keys(NOISE_FAMILIES) as NoiseFamilyName[]).map(noiseEntry),
  ...LIST,
]

/** Their names. */
export const SAMPLING_FAMILY_NAMES: readonly SamplingFamilyName[] = LEARNED_FAMILIES.map(({ name }) => name)

/** The entry of a family. @throws `learn.samplingFamily` on a name that is none */
export function learnedFamily(name: string): LearnedFamily<SamplingFamilyName> {
  const family = LEARNED_FAMILIES.find((entry) => entry.name === name)
  if (family) return family
  throw inputError(
    'learn.samplingFamily',
    `a sampling family is one of ${SAMPLING_FAMILY_NAMES.join(', ')}; got '${name}'`,
  )
}
