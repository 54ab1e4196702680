/** `bilevel compare schedule`: what a user would try instead of learning a sampling schedule, each with the same budget. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import { measureRate } from '../../diffusion/index.ts'
import type { JobHooks, SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import type { CompareCheckpoint, ComparedPlan, CompareEvent, Entry } from '../../tuners/index.ts'
import {
  budgetOf,
  checkBudget,
  defaultsOf,
  openScheduleComparison,
  rowsShape,
  SEARCHED_SPACES,
  setting,
  withDefault,
} from '../../tuners/index.ts'
import type { JobProgress } from '../job.ts'
import type { RunMaker, RunReport } from '../makesRun.ts'
import { makeRun, runJobOf } from '../makesRun.ts'
import { dataShape } from '../opening/dataSettings.ts'
import { requirePromptsUsed } from '../opening/promptsUsed.ts'
import { measuringShape, modelShape, runningShape } from '../opening/settings.ts'
import type { JobPlan, RateOf } from '../planning/forecast.ts'
import type { ScheduleInputs } from '../schedule/open.ts'
import { openScheduleInputs } from '../schedule/open.ts'
import type { ScheduleConfig } from '../schedule/schema.ts'
import { EARLIER, PLACES, scheduleSchema } from '../schedule/schema.ts'
import { resolveScheduleConfig } from '../schedule/settings.ts'
import type { CompareInputs } from './maker.ts'
import { chosenOf, comparedParts } from './maker.ts'
import { openOwnSearch, requireSameSearch } from './ownSearch.ts'
import { planOfComparison } from './plan.ts'
import type { CompareJson } from './report/compareJson.ts'
import { COMPARE_KEYS, COMPARING, checkCompare, compareShape, keysOf, layersWithout, pick } from './settings.ts'

const METHODS = [
  'default',
  'best-default',
  'grid',
  'random',
  'sobol',
  'bayesian',
  'halving',
  'published',
  'bilevel',
] as const

/** Settings of `bilevel schedule` that a comparison has too: nothing is trained, one number of steps is learned for, and what is spent is the budget. */
const KEPT = [
  ...([
    'samplingFamily',
    'free',
    'starts',
    'sampler',
    'clip',
    'clippedNoise',
    'eta',
    'guidanceScale',
    'class',
  ] as const),
  'size',
  ...keysOf(dataShape),
  ...keysOf(modelShape),
  ...keysOf(measuringShape),
  ...(['tuningSamples', 'estimator', 'delta', 'through', 'upperRate', 'freshSamples', 'candidateSamples'] as const),
  ...keysOf(runningShape),
  'checkpointSeconds',
] as const

export const compareScheduleSchema = z.strictObject({
  ...compareShape(METHODS),
  samplingSteps: setting(z.int().min(1).max(MOST.timesteps), {
    group: COMPARING,
    description: 'steps that all methods sample with',
    default: 5,
  }),
  searchSpace: setting(z.enum(SEARCHED_SPACES), {
    group: COMPARING,
    description:
      'where searches look: cosine, the four parameters of the published noise schedule; ends, both ends in log-SNR and how steps lie between them; auto: cosine, of a flow ends',
    default: 'auto',
  }),
  model: setting(z.string().min(1), {
    group: 'Data and model',
    description: 'the trained model: one that comes with the project, a model folder, a run folder or an ONNX file',
    default: 'digits-16',
  }),
  data: setting(z.string().min(1), {
    group: 'Data and model',
    description: 'images that those of the model are compared with, as for bilevel schedule',
    default: 'digits',
  }),
  ...pick(scheduleSchema.shape, KEPT),
  evaluationSamples: withDefault(rowsShape.evaluationSamples, 1000),
  samplingSeeds: withDefault(rowsShape.samplingSeeds, [11, 12, 13]),
})
export type CompareScheduleConfig = z.output<typeof compareScheduleSchema>

/** What a comparison has and `bilevel schedule` has not. */
const OWN_KEYS: readonly string[] = [...COMPARE_KEYS, 'searchSpace']
const DEFAULTS = defaultsOf(compareScheduleSchema.shape)
/** What holds below whatever is given where the two have other defaults. */
const BELOW = pick(DEFAULTS, ['model', 'data', 'samplingSteps', 'evaluationSamples', 'samplingSeeds'])

/** The same for `bilevel schedule`, whose preset and defaults hold where nothing is said. */
const scheduleConfigOf = (layers: readonly SettingsLayer[]): ScheduleConfig =>
  resolveScheduleConfig([{ source: 'the defaults of a comparison', values: BELOW }, ...layersWithout(layers, OWN_KEYS)])

/** @throws `config.*`, `compare.*`, what `bilevel schedule` refuses */
export function resolveCompareSchedule(layers: readonly SettingsLayer[]): CompareScheduleConfig {
  // What is no setting of a comparison is refused first, and its own settings are read.
  const own = resolveSettings(compareScheduleSchema, [{ source: 'the defaults', values: DEFAULTS }, ...layers])
  checkCompare(own, METHODS)
  const learned = scheduleConfigOf(layers)
  const { samplingSteps, model, data } = own
  return {
    ...own,
    ...pick(learned, KEPT),
    ...pick(learned, ['evaluationSamples', 'samplingSeeds']),
    ...{ samplingSteps, model, data },
  }
}

interface Inputs extends CompareInputs<ComparedPlan> {
  readonly opened: ScheduleInputs
}

async function open(config: CompareScheduleConfig): Promise<Inputs> {
  const own = config.search === null ? null : await openOwnSearch(config.search)
  const opened = await openScheduleInputs(scheduleConfigOf([{ source: 'the settings', values: config }]))
  try {
    const { searchSpace: where, device } = config
    const comparison = await openScheduleComparison({ ...opened, device }, { where, own: own?.method ?? null })
    const inputs: Inputs = {
      opened,
      problem: comparison,
      figures: figuresOf(opened),
      protocol: protocolOf(config, opened),
      tradeOff: null,
      notes: opened.notes,
      sources: { ...opened.sources, ...(own && { search: { path: config.search, sha256: own.sha256 } }) },
      ...(opened.found && { found: opened.found }),
      close: async () => {
        await comparison.close()
        await opened.close()
      },
    }
    checkBudget(budgetOf(config.budget), chosenOf(inputs, config))
    return inputs
  } catch (error) {
    await opened.close()
    throw error
  }
}

const figuresOf = ({ features, judge }: ScheduleInputs): Inputs['figures'] => [
  { name: 'fid', label: `fid[${features?.name}]`, better: 'lower' },
  { name: 'judgeFid', label: `fid[${judge?.name}]`, better: 'lower' },
  { name: 'recognised', label: 'recognised', better: 'higher' },
]

function protocolOf(
  { samplingSteps, tuningSamples, evaluationSamples, samplingSeeds, searchSpace }: CompareScheduleConfig,
  { features, data }: ScheduleInputs,
): string[] {
  return [
    `All methods sample the same frozen network in ${samplingSteps} steps, and steer by the Fréchet distance in ${features?.name} to the tuning split of ${data?.name}: searches on ${tuningSamples} images a trial, the same noise for all trials of a seed.`,
    `Searches look in the space ${searchSpace}; the best default is the best of every sampler on every step list, whose ranking is charged to it and to bilevel, and does not depend on the seed.`,
    `Figures are of ${evaluationSamples} images for each of the sampling seeds ${samplingSeeds.join(', ')}, against the held-out split, which steered nothing.`,
    'A network evaluation of one image counts 1, its derivative with the forward pass made again 2 more. Measuring for this report is charged to none.',
  ]
}

/** @throws what a run throws before its first trial */
export async function planCompareSchedule(
  config: CompareScheduleConfig,
  rateOf: RateOf = measureRate,
): Promise<JobPlan> {
  const inputs = await open(config)
  try {
    const { model, secondsPerEvaluation } = inputs.opened
    const { evaluationSamples, samplingSeeds, samplingSteps, chunk } = config
    return await planOfComparison({
      budget: budgetOf(config.budget),
      turns: chosenOf(inputs, config).length * config.seeds.length,
      measured: samplingSteps * (evaluationSamples * samplingSeeds.length + MEASURED_ON_THE_WAY),
      checking: model?.checking.seen ?? 0,
      chunk,
      network: model?.trainable?.network ?? null,
      secondsPerEvaluation,
      derivative: false,
      rateOf,
    })
  } finally {
    await inputs.close()
  }
}

/** Images of a path, at most. */
const MEASURED_ON_THE_WAY = 8 * 400

const maker: RunMaker<
  CompareScheduleConfig,
  Inputs,
  CompareEvent,
  CompareCheckpoint<ComparedPlan>,
  readonly Entry<ComparedPlan>[],
  CompareJson
> = {
  ...comparedParts('compare schedule'),
  summary: 'grid, random, Sobol, Bayesian search and others against learning a sampling schedule',
  description:
    'Runs what could be tried instead of bilevel schedule on one trained model, each method with the same budget: default, the best of all defaults, grid, random, ' +
    "Sobol' points, Bayesian search, successive halving, the published loop, and bilevel itself. What each ends with is measured on held-out images. Leaves a run folder " +
    'with report.html, result.json and optuna-journal.log.\n\n' +
    'Settings come from --config, then the environment (BILEVEL_SAMPLING_STEPS=10), then flags. In brackets: the defaults.',
  settings: {
    schema: compareScheduleSchema,
    groups: [COMPARING, 'What is learned', 'Data and model', 'Tuning', 'Measuring', 'Running'],
    resolve: resolveCompareSchedule,
    mayChange: ['checkpointSeconds'],
    places: [...PLACES.filter((name) => name in compareScheduleSchema.shape), 'search'],
    earlier: Object.fromEntries(Object.entries(EARLIER).filter(([key]) => key in compareScheduleSchema.shape)),
    code: ['search'],
  },
  requireSame: (folder, config) => requireSameSearch(folder, config.search),
  requireUsed: (config) => requirePromptsUsed(config, config.model, []),
  plan: (config) => planCompareSchedule(config),
  open,
}

export const compareScheduleJob = runJobOf(maker)

/**
 * Compares methods as a run, to its end, and saves everything.
 * @throws what opening and the methods throw; `runs.*`; `interrupted` (kind `interrupted`) after a checkpoint when `signal` aborts
 */
export const runCompareSchedule = (
  config: CompareScheduleConfig,
  hooks: JobHooks<CompareEvent, JobProgress>,
): Promise<RunReport<CompareJson>> => makeRun(maker, config, hooks)
