/** `bilevel sample`: images from a run, a model folder or an ONNX file. */
import type { Command } from 'commander'
import { SHIPPED_MODELS } from '../diffusion/files/index.ts'
import { planSample, resolveSampleConfig, SAMPLE_GROUPS, sampleLayers, sampleSchema } from '../jobs/index.ts'
import { freshFolder } from '../runs/index.ts'
import { addDryRun, dryRun } from './dryRun.ts'
import { settingsFromEnvironment } from './environment.ts'
import { pathOption } from './pathOption.ts'
import { runInWorker } from './runInWorker.ts'
import { flagsLayer, settingOptions } from './settingFlags.ts'
import type { Terminal } from './terminal.ts'

interface SampleFlags {
  readonly out?: string
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly allowCode?: boolean
  readonly [setting: string]: unknown
}

export function addSampleCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('sample')
    .summary('generate images with a model')
    .description(
      'Generates images with the model of a run, of a model folder or of an ONNX file, or one that comes with the project: PNG files, a grid of them, and their exact values as safetensors. ' +
        'An image depends on the seed and its number alone.\n\n' +
        'Settings come from the guidance, then the environment (BILEVEL_COUNT=10), then flags.',
    )
    .argument(
      '<model>',
      `${SHIPPED_MODELS.join(' or ')} (come with the project), a run folder, a model folder or an ONNX file`,
    )
    .addOption(pathOption('--out <folder>', 'new folder for the images [samples]'))
    .option('--allow-code', 'run the JavaScript that a guidance file names as its reward')
  addDryRun(command).option('--json', 'print what was done as one JSON object on one line')
  for (const option of settingOptions(sampleSchema, resolveSampleConfig([]), SAMPLE_GROUPS)) command.addOption(option)
  command.action(async (model: string, flags: SampleFlags) => {
    const config = resolveSampleConfig(
      await sampleLayers(model, settingsFromEnvironment(sampleSchema), flagsLayer(sampleSchema, flags)),
    )
    if (flags.dryRun) return dryRun(terminal, config, flags.json === true, () => planSample(model, config))
    const folder = flags.out ?? (await freshFolder('.', 'samples'))
    const { json, text } = await runInWorker(
      { name: 'sample', model, config, folder, allowCode: flags.allowCode === true },
      terminal.display,
    )
    terminal.display.log(text)
    if (flags.json) terminal.out(`${JSON.stringify(json)}\n`)
  })
}
