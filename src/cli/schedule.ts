/** `bilevel schedule`: learn noise and sampling schedules. */
import type { Command } from 'commander'
import { planSchedule, resolveScheduleConfig, SETTING_GROUPS, scheduleSchema } from '../jobs/index.ts'
import { addRunCommand } from './runCommand.ts'
import type { Terminal } from './terminal.ts'

export function addScheduleCommand(program: Command, terminal: Terminal): void {
  addRunCommand(program, terminal, {
    name: 'schedule',
    summary: 'learn noise and sampling schedules',
    description:
      'Trains a diffusion model (or takes one), learns its schedule by first-order bilevel optimization, and compares it with the defaults ' +
      'on held-out images. Everything is saved in a run folder: model, schedule, samples, report.html.\n\n' +
      'Settings come from the preset, then --config, then the environment (BILEVEL_SAMPLING_STEPS=10), then flags. ' +
      'In brackets: the value in preset quick.',
    schema: scheduleSchema,
    groups: SETTING_GROUPS,
    resolve: resolveScheduleConfig,
    plan: planSchedule,
    task: (config, folder, resume, caller) => ({ name: 'schedule', config, folder, resume, caller }),
  })
}
