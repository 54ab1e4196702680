/** The result as one plain object: what `bilevel entropy --json` prints, and what the report carries inside for other programs. */
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { AtThree, CurvePoint, EntropyIteration, EntropyResult } from '../../../tuners/index.ts'
import { extendedRange, weightsCollapsed } from '../../../tuners/index.ts'
import type { EntropyContext, ReportContext, ShownImages } from '../../reporting/context.ts'
import type { GridStatistics } from './entropyGuards.ts'
import { gridStatistics } from './entropyGuards.ts'
import { restsOn } from './entropyVerdict.ts'

type Estimate = { readonly mean: number; readonly standardError: number | null }

/** At the base model, at the tuned lambda, and at the smallest lambda of the range, the strongest guidance. */
interface ThreeJson {
  readonly base: Estimate
  readonly tuned: Estimate
  readonly lambdaMin: Estimate
}

interface WitnessJson {
  readonly name: string
  readonly at: readonly (Estimate & { readonly label: string })[]
}

interface CurvePointJson extends Omit<CurvePoint, 'upper' | 'lower' | 'kl' | 'diversity'> {
  readonly upper: Estimate
  readonly lower: Estimate
  readonly kl: Estimate
  readonly diversity: Estimate | null
  /** Whether the weights have collapsed: then error bars mean nothing. */
  readonly collapsed: boolean
}

/** `upper` is r1, the judge; `lower` is r2, the reward that is chased. KL in nats. */
export interface EntropyJson {
  readonly preset: string | null
  readonly seed: number
  readonly target: EntropyResult['target']
  readonly estimator: EntropyResult['estimator']
  readonly gamma: number | null
  readonly reward: string
  readonly judge: string
  readonly featureNetwork: string | null
  readonly sampler: EntropyResult['sampler']
  readonly samplingSteps: number
  readonly minimumAlphaBar: number
  readonly lambdaRange: readonly [number, number]
  readonly tolerance: number
  readonly entropyStrength: {
    readonly value: number
    readonly low: number
    readonly high: number
    readonly resolved: boolean
    readonly reason: string | null
    readonly boundary: 'low' | 'high' | null
    readonly slope: Estimate | null
  }
  /** Lambdas of other optima that are as good within errors. */
  readonly rivals: readonly number[]
  /** What the images behind lambda say nothing of; null where nothing was confirmed. */
  readonly unseen: EntropyResult['unseen']
  /** The end of the range beyond which to look, and a range that does; null where the gradients do not all point there. */
  readonly extend: { readonly end: 'low' | 'high'; readonly lambdaRange: readonly [number, number] } | null
  /** Whether what is said of the tuned lambda and of the smallest can be believed, and whether its weights have collapsed, error bars with them. */
  readonly restsOn: {
    readonly tuned: { readonly trusted: boolean; readonly collapsed: boolean }
    readonly lambdaMin: { readonly trusted: boolean; readonly collapsed: boolean }
  }
  readonly upper: ThreeJson
  readonly lower: ThreeJson
  readonly diversity: ThreeJson | null
  /** Of the images that are shown, at each strength of guidance. */
  readonly imageStatistics: readonly GridStatistics[]
  /** What a reward says of them that decides nothing; null: there is none. */
  readonly witness: WitnessJson | null
  readonly kl: EntropyResult['kl']
  readonly effectiveSampleSize: number
  readonly paretoK: number | null
  readonly curve: readonly CurvePointJson[]
  readonly iterations: readonly (Omit<EntropyIteration, 'gradient'> & { readonly gradient: Estimate })[]
  /** In all; `networkEvaluationsOf` by phase. */
  readonly networkEvaluations: number
  readonly networkEvaluationsOf: Omit<EntropyResult['networkEvaluations'], 'total'>
  /** Beside them: those by which model and rewards were checked first. */
  readonly checkingEvaluations: number
  readonly seconds: number
  readonly peakMemoryMiB: number | null
  readonly run: string
}

/** @param context which run, which preset, the peak memory */
export function entropyJson(
  result: EntropyResult,
  context: ReportContext & Pick<EntropyContext, 'shown'>,
): EntropyJson {
  const { entropyStrength, networkEvaluations, curve, iterations } = result
  const { total, ...byPhase } = networkEvaluations
  return {
    preset: context.preset,
    seed: result.seed,
    target: result.target,
    estimator: result.estimator,
    gamma: result.gamma,
    reward: result.rewardName,
    judge: result.judgeName,
    featureNetwork: result.featureNetwork,
    sampler: result.sampler,
    samplingSteps: result.samplingSteps,
    minimumAlphaBar: result.minimumAlphaBar,
    lambdaRange: result.lambdaRange,
    tolerance: result.tolerance,
    entropyStrength: { ...entropyStrength, slope: entropyStrength.slope && estimate(entropyStrength.slope) },
    rivals: result.rivals,
    unseen: result.unseen,
    extend: result.extend && { end: result.extend, lambdaRange: extendedRange(result.lambdaRange, result.extend) },
    restsOn: {
      tuned: restsOn(result, result.entropyStrength.value),
      lambdaMin: restsOn(result, result.lambdaRange[0]),
    },
    upper: threeJson(result.upper),
    lower: threeJson(result.lower),
    diversity: result.diversity && threeJson(result.diversity),
    imageStatistics: gridStatistics(result),
    witness: witnessJson(context.shown),
    kl: result.kl,
    effectiveSampleSize: result.effectiveSampleSize,
    paretoK: result.paretoK,
    curve: curve.map(pointJson),
    iterations: iterations.map((iteration) => ({ ...iteration, gradient: estimate(iteration.gradient) })),
    networkEvaluations: total,
    networkEvaluationsOf: byPhase,
    checkingEvaluations: context.checking ?? 0,
    seconds: result.seconds,
    peakMemoryMiB: context.peakMemoryMiB,
    run: context.run,
  }
}

const witnessJson = (shown: ShownImages | undefined): WitnessJson | null =>
  shown?.witness
    ? { name: shown.witness.name, at: shown.witness.at.map(({ label, ...one }) => ({ label, ...estimate(one) })) }
    : null

const estimate = ({ mean, standardError }: MeanAndStandardError): Estimate => ({ mean, standardError })

const threeJson = ({ base, tuned, lambdaMin }: AtThree): ThreeJson => ({
  base: estimate(base),
  tuned: estimate(tuned),
  lambdaMin: estimate(lambdaMin),
})

const pointJson = ({ upper, lower, kl, diversity, ...point }: CurvePoint): CurvePointJson => ({
  ...point,
  upper: estimate(upper),
  lower: estimate(lower),
  kl: estimate(kl),
  diversity: diversity && estimate(diversity),
  collapsed: weightsCollapsed(point),
})
