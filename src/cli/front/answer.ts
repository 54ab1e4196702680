/** Helps and complaints about words, out of the build's `words.json`: what needs no job is answered without loading any. */
import { Command, Option } from 'commander'
import { complain } from '../complaint.ts'
import { pathOption } from '../pathOption.ts'
import type { Streams } from '../streams.ts'
import type { CommandWords, ProgramWords } from './commandWords.ts'

/**
 * @param given what stands behind `bilevel`
 * @param environment whose `BILEVEL_…` are settings
 * @returns the exit code; null: the words ask for work, and nothing was said
 */
export function answer(
  words: ProgramWords,
  given: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
  { out, err }: Streams,
): number | null {
  // Where something comes from only the command itself knows.
  if (given.includes('--verbose')) return null
  const asked = { given, settings: Object.keys(environment).some((name) => name.startsWith('BILEVEL_')) }
  const program = commandOf(words, new Command(words.name), asked).version(words.version)
  silence(program, { out, err })
  try {
    program.parse([...given], { from: 'user' })
    return null
  } catch (error) {
    return complain(error, { program, words: given, replaced: words.replaced, write: err })
  }
}

/** Commander's own, which `version` adds. */
const VERSION_FLAGS = '-V, --version'

interface Asked {
  readonly given: readonly string[]
  /** Whether the environment has settings. */
  readonly settings: boolean
}

/** A command that parses as the real one, prints its help, and does nothing. Flags of commands that are not named cost time and nothing else. */
function commandOf({ help, options, args, bare, commands }: CommandWords, command: Command, asked: Asked): Command {
  const named = command.parent === null || asked.given.includes(command.name())
  for (const { flags, path } of named ? options : []) {
    if (flags !== VERSION_FLAGS) command.addOption(path ? pathOption(flags, '') : new Option(flags))
  }
  for (const argument of args) command.argument(argument)
  command.helpInformation = () => help
  for (const inner of commands) commandOf(inner, command.command(inner.name), asked)
  if (commands.length === 0) {
    command.action(() => {
      if (bare && !asked.settings && Object.keys(command.opts()).length === 0) command.help({ error: true })
    })
  }
  return command
}

function silence(command: Command, streams: Streams): void {
  command
    .exitOverride()
    .showSuggestionAfterError(false)
    .configureOutput({ writeOut: streams.out, writeErr: streams.err, outputError: () => undefined })
  for (const inner of command.commands) silence(inner, streams)
}
