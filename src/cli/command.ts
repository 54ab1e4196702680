/** The `bilevel` command, from its words to its exit code: 0 done, 1 failed, 2 usage, settings or input, 3 device or dependency missing, 130 interrupted. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { JOBS } from '../jobs/index.ts'
import { allCommands } from './commandTree.ts'
import { complain } from './complaint.ts'
import { addJobCommand } from './jobCommand.ts'
import type { Terminal } from './terminal.ts'

/** @param words what stands behind `bilevel`. @returns the exit code */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  const program = new Command('bilevel')
    .description('Tune schedules and guidance of diffusion models by first-order bilevel optimization.')
    .version(version)
    .option('--verbose', 'with an error, show where it comes from')
  for (const job of JOBS) addJobCommand(program, terminal, job)

  const { out: writeOut, err: writeErr } = terminal
  for (const command of allCommands(program)) {
    command
      .exitOverride()
      .showSuggestionAfterError(false)
      .configureOutput({ writeOut, writeErr, outputError: () => undefined })
      .configureHelp({ helpWidth: 120 })
  }

  try {
    await program.parseAsync(words, { from: 'user' })
    return 0
  } catch (error) {
    return complain(error, program, words, writeErr)
  }
}
