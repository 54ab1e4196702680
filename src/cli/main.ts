#!/usr/bin/env node
/** The `bilevel` command as a process. */
import { runCommand } from './command.ts'
import { processTerminal } from './terminal.ts'

process.exitCode = await runCommand(process.argv.slice(2), processTerminal())
