/** `bilevel entropy`: how strongly a guided model should hold on to the pretrained one. */
import type { Command } from 'commander'
import { ENTROPY_GROUPS, entropySchema, planEntropy, resolveEntropyConfig } from '../jobs/index.ts'
import { addRunCommand } from './runCommand.ts'
import type { Terminal } from './terminal.ts'

export function addEntropyCommand(program: Command, terminal: Terminal): void {
  addRunCommand(program, terminal, {
    name: 'entropy',
    summary: 'tune how strongly a guided model holds on to the pretrained one',
    description:
      'Finds the entropy strength lambda (1/lambda is the guidance scale) of a pretrained diffusion model that is guided by a reward: the one that a ' +
      'second reward, the judge, likes best, with an interval. Inference only. Everything is saved in a run folder: guidance.json (for bilevel ' +
      'sample --guidance), samples, the whole trade-off in report.html.\n\n' +
      'Settings come from the preset, then --config, then the environment (BILEVEL_LAMBDA_RANGE=[.1,10]), then flags. ' +
      'In brackets: the value in preset quick.',
    schema: entropySchema,
    groups: ENTROPY_GROUPS,
    rewards: ['reward', 'judge'],
    resolve: resolveEntropyConfig,
    plan: planEntropy,
    task: (config, folder, resume, caller) => ({ name: 'entropy', config, folder, resume, caller }),
  })
}
