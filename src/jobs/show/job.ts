/** `bilevel show`: what a model is, and which convention it keeps; what a schedule's file says. */
import { inputError } from '../../base/index.ts'
import type { Job } from '../job.ts'
import { modelArgument } from '../opening/modelArgument.ts'
import { show, shownText } from './run.ts'
import type { ShowConfig } from './settings.ts'
import { resolveShowConfig, SHOW_GROUPS, showSchema } from './settings.ts'
import { isSteps, showSteps, stepsText } from './steps.ts'

export const showJob: Job<ShowConfig> = {
  name: 'show',
  summary: 'show what a model is, and measure which convention it keeps',
  description:
    'Opens a model and prints its images, its levels, its classes and its convention: what it predicts, the range of its pixels, what it is told for times. With --data ' +
    'every convention is measured on pictures: noised as each says, the network is told what each says, and what it is off by is printed. Of a convention that does ' +
    'not fit what is described it says what other commands refuse and what takes it. Of an ONNX file of any kind it prints inputs and outputs with their shapes, operator set, producer and ' +
    'operators; what is computed of it is checked by bilevel onnx check. Of the file of a scheduler, a learned schedule, or a list of sigmas or times it prints the steps as they are read.\n\n' +
    'Settings come from the environment (BILEVEL_DATA=digits), then flags.',
  argument: modelArgument,
  jsonHelp: 'print it as one JSON object on one line',
  settings: { schema: showSchema, groups: SHOW_GROUPS, resolve: resolveShowConfig },
  leaves: 'answer',
  async run({ config, argument }) {
    if (await isSteps(argument)) {
      const json = await showSteps(argument, config)
      return { json, text: stepsText(json) }
    }
    if (config.steps !== null || config.tokens !== null) {
      const rule = 'steps and tokens are of the file of a scheduler, a schedule or a list'
      throw inputError('show.steps', `${rule}, and ${argument} is a model; leave them out`)
    }
    const json = await show(argument, config)
    return { json, text: shownText(json) }
  },
}
