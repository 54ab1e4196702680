#!/usr/bin/env node
/** The `bilevel` command. Exit codes: 0 done, 1 failed, 2 usage, settings or input, 3 device or dependency missing, 130 interrupted. */
import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { JOBS } from '../jobs/index.ts'
import { complain } from './complaint.ts'
import { addJobCommand } from './jobCommand.ts'
import { progressDisplay } from './progressDisplay.ts'
import type { Terminal } from './terminal.ts'
import { surviveClosedStreams, writeOut } from './terminal.ts'

surviveClosedStreams()
const terminal: Terminal = { display: progressDisplay(process.stderr), out: writeOut }
const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string
}

const program = new Command('bilevel')
  .description('Tune schedules and guidance of diffusion models by first-order bilevel optimization.')
  .version(version)
  .option('--verbose', 'with an error, show where it comes from')
for (const job of JOBS) addJobCommand(program, terminal, job)

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
  process.exitCode = complain(error, program)
}
