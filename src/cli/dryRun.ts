/** `--dry-run`: the resolved settings on stdout, and for a person what the work will cost; nothing is done, and what cannot be done is refused as by the work itself. */
import type { Command } from 'commander'
import { stringify as toYaml } from 'yaml'
import type { JobPlan } from '../jobs/index.ts'
import { planText } from '../jobs/index.ts'
import type { Settings } from '../runs/index.ts'
import type { Terminal } from './terminal.ts'

export function addDryRun(command: Command): Command {
  return command.option('--dry-run', 'print the resolved settings and what the work will cost at most, and stop')
}

/** @param json whether there is the object and nothing else */
export async function dryRun(
  terminal: Terminal,
  config: Settings,
  json: boolean,
  plan: () => Promise<JobPlan>,
): Promise<void> {
  if (json) return terminal.out(`${JSON.stringify(config)}\n`)
  // Made before anything is printed: what a run would refuse is refused.
  const planned = await plan()
  terminal.out(toYaml(config))
  terminal.display.log(planText(planned))
  if (planned.refusal) throw planned.refusal
}
