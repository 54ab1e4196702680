#!/usr/bin/env node
/** The `bilevel` command as a process: what only asks for words is answered at once, all else loads the command. */
import { readFileSync } from 'node:fs'
import { answer } from './front/answer.ts'
import type { ProgramWords } from './front/commandWords.ts'
import { processStreams } from './streams.ts'

const given = process.argv.slice(2)
const streams = processStreams()
const words = JSON.parse(readFileSync(new URL('words.json', import.meta.url), 'utf8')) as ProgramWords

process.exitCode = answer(words, given, process.env, streams) ?? (await run())

async function run(): Promise<number> {
  const { runCommand, processTerminal } = await import('./command.ts')
  return runCommand(given, processTerminal(streams))
}
