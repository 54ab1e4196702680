/** `bilevel compare entropy`: what a user would try instead of tuning an entropy strength, each with the same budget. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import { evaluationsOf, measureRate } from '../../diffusion/index.ts'
import { weightedSum } from '../../rewards/index.ts'
import type { JobHooks, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import type { CompareCheckpoint, ComparedStrength, CompareEvent, Entry } from '../../tuners/index.ts'
import {
  budgetOf,
  checkBudget,
  defaultsOf,
  evaluationsEach,
  openStrengthComparison,
  rowsShape,
  setting,
} from '../../tuners/index.ts'
import type { EntropyInputs } from '../entropy/open.ts'
import { openEntropyInputs } from '../entropy/open.ts'
import { requireSameCode } from '../entropy/run.ts'
import type { EntropyConfig } from '../entropy/settings.ts'
import { ENTROPY_EARLIER, ENTROPY_PLACES, entropySchema, resolveEntropyConfig } from '../entropy/settings.ts'
import type { JobProgress } from '../job.ts'
import type { RunMaker, RunReport } from '../makesRun.ts'
import { makeRun, runJobOf } from '../makesRun.ts'
import { requirePromptsUsed } from '../opening/promptsUsed.ts'
import type { JobPlan, RateOf } from '../planning/forecast.ts'
import type { CompareInputs } from './maker.ts'
import { chosenOf, comparedParts } from './maker.ts'
import { openOwnSearch, requireSameSearch } from './ownSearch.ts'
import { planOfComparison } from './plan.ts'
import type { CompareJson } from './report/compareJson.ts'
import { COMPARE_KEYS, COMPARING, checkCompare, compareShape, keysOf, layersWithout, pick } from './settings.ts'

const METHODS = [
  ...[
    'default',
    'best-default',
    'grid',
    'random',
    'sobol',
    'bayesian',
    'halving',
    'weighted-sum',
    'published',
    'bilevel',
  ],
]

/** Settings of `bilevel entropy` that a comparison has not: what is compared is the guided chain, and what is spent is the budget. */
const LEFT_OUT = [
  ...(['target', 'gamma', 'witness', 'through', 'estimator', 'maxEvaluations', 'curvePoints', 'curvePaths'] as const),
  ...(['particles', 'gridImages', 'seed'] as const),
] as const
type Kept = Exclude<keyof typeof entropySchema.shape, (typeof LEFT_OUT)[number]>
const isKept = (key: string): key is Kept => !(LEFT_OUT as readonly string[]).includes(key)
const KEPT = keysOf(entropySchema.shape).filter(isKept)

const OWN_SHAPE = {
  ...compareShape(METHODS),
  trialImages: setting(z.int().min(2).max(MOST.images), {
    group: COMPARING,
    description: 'images of a trial of the searches',
    default: 128,
  }),
  evaluationImages: setting(z.int().min(2).max(MOST.images), {
    group: COMPARING,
    description: 'images a sampling seed in the figures',
    default: 200,
  }),
  samplingSeeds: setting(rowsShape.samplingSeeds, {
    group: COMPARING,
    description: 'sampling seeds of the figures',
    default: [11, 12, 13],
    rule: 'at least one seed, whole numbers from 0',
  }),
}

export const compareEntropySchema = z.strictObject({ ...OWN_SHAPE, ...pick(entropySchema.shape, KEPT) })
export type CompareEntropyConfig = z.output<typeof compareEntropySchema>

const OWN_KEYS: readonly string[] = [...COMPARE_KEYS, 'trialImages', 'evaluationImages', 'samplingSeeds']
const DEFAULTS = defaultsOf(compareEntropySchema.shape)

/** The same for `bilevel entropy`, whose preset and defaults hold where nothing is said; only guided chains are compared. */
const entropyConfigOf = (layers: readonly SettingsLayer[]): EntropyConfig =>
  resolveEntropyConfig([
    ...layersWithout(layers, OWN_KEYS),
    { source: 'a comparison', values: { target: 'guided', through: 'network' } },
  ])

/** @throws `config.*`, `compare.*`, what `bilevel entropy` refuses */
export function resolveCompareEntropy(layers: readonly SettingsLayer[]): CompareEntropyConfig {
  // What is no setting of a comparison is refused first, and its own settings are read.
  const own = resolveSettings(compareEntropySchema, [{ source: 'the defaults', values: DEFAULTS }, ...layers])
  checkCompare(own, METHODS)
  return { ...own, ...pick(entropyConfigOf(layers), KEPT) }
}

interface Inputs extends CompareInputs<ComparedStrength> {
  readonly opened: EntropyInputs
}

async function open(config: CompareEntropyConfig): Promise<Inputs> {
  const own = config.search === null ? null : await openOwnSearch(config.search)
  const opened = await openEntropyInputs(entropyConfigOf([{ source: 'the settings', values: config }]))
  try {
    const { trialImages, evaluationImages, samplingSeeds } = config
    const problem = openStrengthComparison(
      { ...opened.subject },
      {
        ...{ trialImages, evaluationImages, samplingSeeds, own: own?.method ?? null },
        sum: (reward, judge, weight) =>
          weightedSum([
            { weight: 1, reward },
            { weight, reward: judge },
          ]),
      },
    )
    const { reward, judge } = opened.subject
    const inputs: Inputs = {
      opened,
      problem,
      figures: [
        { name: 'r1', label: `r1, ${judge.name}`, better: 'higher' },
        { name: 'r2', label: `r2, ${reward.name}`, better: 'higher' },
        { name: 'kl', label: 'path KL, nats', better: 'lower' },
        { name: 'lambda', label: 'lambda', better: 'higher' },
        { name: 'weight', label: 'weight w', better: 'higher' },
      ],
      protocol: protocolOf(config),
      tradeOff: ['r2', 'r1'],
      notes: [
        ...opened.notes,
        ...(judge.differentiable ? [] : [`the judge ${judge.name} has no derivative, so there is no weighted sum`]),
      ],
      sources: { ...opened.sources, ...(own && { search: { path: config.search, sha256: own.sha256 } }) },
      ...(opened.found && { found: opened.found }),
      close: opened.close,
    }
    checkBudget(budgetOf(config.budget), chosenOf(inputs, config))
    return inputs
  } catch (error) {
    await opened.close()
    throw error
  }
}

const protocolOf = ({
  trialImages,
  evaluationImages,
  samplingSeeds,
  lambdaRange,
  steps,
}: CompareEntropyConfig): string[] => [
  `All methods guide the same frozen model, in ${steps ?? 'as many'} steps as its schedule has, and look for the lambda in [${lambdaRange.join(', ')}] that the judge r1 likes best; searches rate ${trialImages} images a trial, of the same noise for all trials of a seed.`,
  'The weighted sum guides by r2 + w r1 at the default lambda and is judged by r1 itself: it chases what the others only look at.',
  'The published loop draws images of the base model alone, without derivatives; which of its five step sizes is shown is chosen in hindsight, at nobody’s charge.',
  `Figures are of ${evaluationImages} images for each of the sampling seeds ${samplingSeeds.join(', ')}, of noise that steered nothing.`,
  'A network evaluation of one image counts 1, its derivative with the forward pass made again 2 more. Measuring for this report, and the trade-off curve of the bilevel search, are charged to none.',
]

/** @throws what a run throws before its first trial */
export async function planCompareEntropy(config: CompareEntropyConfig, rateOf: RateOf = measureRate): Promise<JobPlan> {
  const inputs = await open(config)
  try {
    const { model, secondsPerEvaluation, checking, subject } = inputs.opened
    const each = 3 * evaluationsEach(config) * evaluationsOf({ schedule: subject.schedule, settings: subject.sampler })
    const { evaluationImages, samplingSeeds, chunk } = config
    const measured = each * (evaluationImages * samplingSeeds.length + MEASURED_ON_THE_WAY)
    return await planOfComparison({
      budget: budgetOf(config.budget),
      turns: chosenOf(inputs, config).length * config.seeds.length,
      measured,
      checking,
      chunk,
      network: model.trainable?.network ?? null,
      secondsPerEvaluation,
      derivative: true,
      rateOf,
    })
  } finally {
    await inputs.close()
  }
}

/** Images of a path, at most. */
const MEASURED_ON_THE_WAY = 8 * 64

const maker: RunMaker<
  CompareEntropyConfig,
  Inputs,
  CompareEvent,
  CompareCheckpoint<ComparedStrength>,
  readonly Entry<ComparedStrength>[],
  CompareJson
> = {
  ...comparedParts('compare entropy'),
  summary: 'grid, random, Bayesian search, a weighted sum and others against tuning an entropy strength',
  description:
    'Runs what could be tried instead of bilevel entropy on one pretrained model and two rewards, each method with the same budget: default, the best power of ten, grid, ' +
    "random, Sobol' points, Bayesian search, successive halving, a weighted sum of the rewards, the published loop, and bilevel itself. What each ends with is measured on " +
    'images of other noise. Leaves a run folder with report.html (the Pareto front of r1 against r2 among its charts), result.json and optuna-journal.log.\n\n' +
    'Settings come from the preset, then --config, then the environment, then flags. In brackets: the value in preset quick.',
  settings: {
    schema: compareEntropySchema,
    groups: [COMPARING, 'What is tuned', 'Sampling', 'Data and model', 'Estimating', 'Running'],
    resolve: resolveCompareEntropy,
    mayChange: ['checkpointSeconds', 'rewardTimeout'],
    places: [...ENTROPY_PLACES.filter((name) => name in compareEntropySchema.shape), 'search'],
    earlier: Object.fromEntries(Object.entries(ENTROPY_EARLIER).filter(([key]) => key in compareEntropySchema.shape)),
    code: ['reward', 'judge', 'search'],
  },
  requireSame: async (folder, config) => {
    await requireSameSearch(folder, config.search)
    await requireSameCode(folder, entropyConfigOf([{ source: 'the settings', values: config }]))
  },
  requireUsed: (config) => requirePromptsUsed(config, config.model, [config.reward, config.judge]),
  plan: (config) => planCompareEntropy(config),
  open,
}

export const compareEntropyJob = runJobOf(maker)

/**
 * Compares methods as a run, to its end, and saves everything.
 * @throws what opening and the methods throw; `runs.*`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export const runCompareEntropy = (
  config: CompareEntropyConfig,
  hooks: JobHooks<CompareEvent, JobProgress>,
): Promise<RunReport<CompareJson>> => makeRun(maker, config, hooks)
