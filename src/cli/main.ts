#!/usr/bin/env node
/** The `bilevel` command. Exit codes: 0 done, 1 failed, 2 usage, settings or input, 3 device or dependency missing, 130 interrupted. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError } from 'commander'
import pc from 'picocolors'
import { BilevelError, exitCodeOf } from '../base/index.ts'
import { nearestOf } from '../runs/index.ts'
import { progressDisplay } from './progressDisplay.ts'
import { addScheduleCommand } from './schedule.ts'
import type { Terminal } from './terminal.ts'
import { writeOut } from './terminal.ts'

const USAGE = 2

const terminal: Terminal = { display: progressDisplay(process.stderr), out: writeOut }
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('bilevel')
  .description('Learn the schedules of diffusion models by first-order bilevel optimization.')
  .version(version)
  .option('--verbose', 'with errors, show where they come from')
addScheduleCommand(program, terminal)

for (const command of [program, ...program.commands]) {
  command
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ writeOut, outputError: () => undefined })
    .configureHelp({ helpWidth: 120 })
}

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = fail(error)
}

/** Says what is wrong, once. @returns the exit code */
function fail(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    if (error.code !== 'commander.help') say(usageText(error))
    return USAGE
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  say(message)
  const internal = !(error instanceof BilevelError) || error.kind === 'internal'
  if (internal || program.opts().verbose) {
    process.stderr.write(
      program.opts().verbose
        ? `${stack}\n`
        : 'this is a bug; run it again with --verbose before the command to see where\n',
    )
  }
  return exitCodeOf(error)
}

const say = (message: string): void => {
  process.stderr.write(`${pc.red('error:')} ${message}\n`)
}

/** Commander's message, with the nearest flag or command that there is. */
function usageText({ code, message }: CommanderError): string {
  const text = message.replace(/^error: /, '')
  const [, word] = /'([^']*)'/.exec(text) ?? []
  const command = program.commands.find((candidate) => process.argv.includes(candidate.name())) ?? program
  const known =
    code === 'commander.unknownOption'
      ? command.options.flatMap(({ long }) => long ?? [])
      : code === 'commander.unknownCommand'
        ? program.commands.map((candidate) => candidate.name())
        : []
  const nearest = word === undefined ? undefined : nearestOf(word.split('=')[0], known)
  return nearest === undefined
    ? `${text}; see bilevel ${command === program ? '' : `${command.name()} `}--help`
    : `${text}; did you mean '${nearest}'?`
}
