/** The `bilevel` command, from its words to its exit code: 0 done, 1 failed, 2 usage, settings or input, 3 device or dependency missing, 130 interrupted. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { internalError } from '../base/index.ts'
import { JOBS } from '../jobs/index.ts'
import { allCommands } from './commandTree.ts'
import { complain } from './complaint.ts'
import type { ProgramWords } from './front/commandWords.ts'
import { programWords } from './front/commandWords.ts'
import { addJobCommand } from './jobCommand.ts'
import type { Terminal } from './terminal.ts'

export { processTerminal } from './terminal.ts'

/** By command, what stands in place of flags of earlier releases. */
const REPLACED = Object.fromEntries(JOBS.map(({ name, settings }) => [name, settings.replaced ?? {}]))

/** @param words what stands behind `bilevel`. @returns the exit code */
export async function runCommand(words: readonly string[], terminal: Terminal): Promise<number> {
  const program = programOf(terminal)
  try {
    await program.parseAsync(words, { from: 'user' })
    return 0
  } catch (error) {
    return complain(error, { program, words, replaced: REPLACED, write: terminal.err })
  }
}

/** What the build writes down, for `front/answer.ts`. */
export const commandWords = (): ProgramWords =>
  programWords(programOf(SILENT), {
    version: versionOf(),
    replaced: REPLACED,
    bare: JOBS.filter(({ leaves }) => leaves === 'run').map(({ name }) => name),
  })

/** For a program that is looked at and not run. */
const SILENT: Terminal = {
  display: { show: () => undefined, log: () => undefined, end: () => undefined },
  out: () => undefined,
  err: () => undefined,
  work: () => Promise.reject(internalError('a program that is looked at runs nothing')),
  onInterrupt: () => undefined,
}

/** The program with all its commands. */
function programOf(terminal: Terminal): Command {
  const program = new Command('bilevel')
    .description('Tune schedules and guidance of diffusion models by first-order bilevel optimization.')
    .version(versionOf())
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
  return program
}

function versionOf(): string {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string
  }
  return version
}
