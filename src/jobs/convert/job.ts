/** `bilevel convert`: a schedule in another form, without a model. */
import type { Job } from '../job.ts'
import { readGiven } from './given.ts'
import { respaced } from './respaced.ts'
import type { ConvertConfig } from './settings.ts'
import { convertSchema, resolveConvertConfig } from './settings.ts'
import { sigmasOf, WRITERS } from './targets.ts'

export const convertJob: Job<ConvertConfig> = {
  name: 'convert',
  summary: 'turn a schedule into another form: sigmas, times, levels, diffusers, ComfyUI',
  description:
    'Reads a schedule in any form, a scheduler\'s file (diffusers\' scheduler_config.json, {"betas": [...]}, alphas_cumprod of a demo), a list of sigmas or times (text, JSON), or a learned ' +
    'schedule (sampling_schedule.json, bilevel/scheduler_config.json), and prints it in another. No model is needed. What the other form cannot hold is said.\n\n' +
    '  bilevel convert sigmas.txt --scheduler scheduler_config.json --to levels > schedule.json\n' +
    '  bilevel convert scheduler_config.json --steps 10 --to comfyui',
  argument: { name: '<file>', description: 'the file, or a folder of a schedule, a scheduler or a model' },
  jsonHelp: 'print the steps in all forms that they have, as one JSON object on one line',
  settings: { schema: convertSchema, groups: ['Converting', 'Steps'], resolve: resolveConvertConfig },
  leaves: 'answer',
  async run({ config, argument }, { onNote }) {
    const read = await readGiven(argument, config)
    const given = config.steps === null ? read : respaced(read, config.steps)
    const { text, lost } = WRITERS[config.to](given)
    const notes = [...given.notes, ...lost]
    for (const note of notes) onNote(note)
    const { what, logSnr, times, timesteps, path, settings } = given
    const json = {
      file: argument,
      what,
      to: config.to,
      steps: (logSnr ?? times)!.length,
      sigmas: logSnr && sigmasOf(given),
      times,
      levels: logSnr,
      T: timesteps,
      process: path ?? 'variance-preserving',
      sampler: settings.sampler,
      text,
      notes,
    }
    return { json, text }
  },
}
