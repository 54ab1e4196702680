/** `bilevel evaluate`: how good a model's images are, with everything the numbers depend on. */
import type { Command } from 'commander'
import { SHIPPED_MODELS } from '../diffusion/files/index.ts'
import {
  EVALUATE_GROUPS,
  evaluateConfigOf,
  evaluateSchema,
  planEvaluate,
  resolveEvaluateConfig,
} from '../jobs/index.ts'
import { addDryRun, dryRun } from './dryRun.ts'
import { settingsFromEnvironment } from './environment.ts'
import { runInWorker } from './runInWorker.ts'
import { flagsLayer, settingOptions } from './settingFlags.ts'
import type { Terminal } from './terminal.ts'

interface EvaluateFlags {
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly [setting: string]: unknown
}

export function addEvaluateCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('evaluate')
    .summary("measure a model's images against held-out data")
    .description(
      'Generates images with every sampling seed and compares them with the held-out split: Fréchet distance, kernel distance, precision and recall, ' +
        'inception score and what a judge recognises, each with its standard error over the seeds.\n\n' +
        'Settings come from the run, if the model is one, then the environment (BILEVEL_SAMPLES=500), then flags.',
    )
    .argument(
      '<model>',
      `${SHIPPED_MODELS.join(' or ')} (come with the project), a run folder, a model folder or an ONNX file`,
    )
  addDryRun(command).option('--json', 'print the numbers as one JSON object on one line')
  const options = settingOptions(evaluateSchema, resolveEvaluateConfig([]), EVALUATE_GROUPS)
  for (const option of options) command.addOption(option)
  command.action(async (model: string, flags: EvaluateFlags) => {
    const given = [settingsFromEnvironment(evaluateSchema), flagsLayer(evaluateSchema, flags)]
    if (flags.dryRun) {
      const config = await evaluateConfigOf(model, given)
      return dryRun(terminal, config, flags.json === true, () => planEvaluate(model, config))
    }
    const { json, text } = await runInWorker({ name: 'evaluate', model, given }, terminal.display)
    if (flags.json) terminal.out(`${JSON.stringify(json)}\n`)
    else terminal.out(`${text}\n`)
  })
}
