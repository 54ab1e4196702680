/** `bilevel sample`: images from a run, a model folder or an ONNX file. */
import type { Job } from '../job.ts'
import { modelArgument } from '../opening/modelArgument.ts'
import { sampleLayers } from './guidedSampling.ts'
import { planSample } from './plan.ts'
import { printPython } from './printPython.ts'
import { sampleModel } from './run.ts'
import type { SampleConfig } from './settings.ts'
import { resolveSampleConfig, SAMPLE_GROUPS, sampleSchema } from './settings.ts'

export const sampleJob: Job<SampleConfig> = {
  name: 'sample',
  summary: 'generate images with a model',
  description:
    'Generates images with the model of a run, of a model folder or of an ONNX file, or one that comes with the project: PNG files, a grid of them, and their exact values as safetensors. ' +
    'An image depends on the seed and its number alone.\n\n' +
    'Settings come from the guidance, then the environment (BILEVEL_COUNT=10), then flags.',
  argument: modelArgument,
  jsonHelp: 'print what was done as one JSON object on one line',
  settings: { schema: sampleSchema, groups: SAMPLE_GROUPS, resolve: resolveSampleConfig, below: sampleLayers },
  leaves: 'files',
  out: {
    stem: 'samples',
    help: 'new folder for the images; NAME.png: one picture of all of them, nothing else',
    allowCode: 'run the JavaScript that a guidance file names as its reward',
  },
  plan: (config, model) => planSample(model, config),
  async run({ config, argument, folder, allowCode }, telling) {
    if (config.print === 'python') {
      const json = await printPython(argument, config)
      for (const note of json.notes) telling.onNote(note)
      return { json, text: json.python, answers: true }
    }
    const json = await sampleModel(argument, config, { folder, allowCode, ...telling })
    const { count, schedule, networkEvaluations, checkingEvaluations: checking, out } = json
    const more = checking > 0 ? `, ${checking} more to check the model` : ''
    return {
      json,
      text: `${count} images by ${schedule.name} (${networkEvaluations} network evaluations${more}): ${out}`,
    }
  },
}
