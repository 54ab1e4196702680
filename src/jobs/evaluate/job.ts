/** `bilevel evaluate`: how good a model's images are, with everything the numbers depend on. */
import type { Job } from '../job.ts'
import { modelArgument } from '../opening/modelArgument.ts'
import { planEvaluate } from './plan.ts'
import { evaluateLayers, evaluateModel } from './run.ts'
import type { EvaluateConfig } from './settings.ts'
import { EVALUATE_GROUPS, evaluateSchema, resolveEvaluateConfig } from './settings.ts'

export const evaluateJob: Job<EvaluateConfig> = {
  name: 'evaluate',
  summary: "measure a model's images against held-out data",
  description:
    'Generates images with every sampling seed and compares them with the held-out split: Fréchet distance, kernel distance, precision and recall, ' +
    'inception score and what a judge recognises, each with its standard error over the seeds.\n\n' +
    'Settings come from the run, if the model is one, then the environment (BILEVEL_SAMPLES=500), then flags.',
  argument: modelArgument,
  jsonHelp: 'print the numbers as one JSON object on one line',
  settings: { schema: evaluateSchema, groups: EVALUATE_GROUPS, resolve: resolveEvaluateConfig, below: evaluateLayers },
  leaves: 'answer',
  plan: (config, model) => planEvaluate(model, config),
  async run({ config, argument }, telling) {
    const { json, summary } = await evaluateModel(argument, [{ source: 'the command', values: config }], telling)
    return { json, text: summary }
  },
}
