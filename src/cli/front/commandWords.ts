/**
 * What the command line says before any work: its helps, its flags and arguments, as plain data. The build writes it beside the command, which
 * answers questions and complaints out of it without loading anything else (`answer.ts`).
 */
import type { Command, Option } from 'commander'
import { nameOf } from '../commandTree.ts'
import type { Replaced } from '../complaint.ts'
import { isPathOption } from '../pathOption.ts'

export interface OptionWords {
  /** As `--out <folder>`. */
  readonly flags: string
  /** Of those that take a path, which must not be empty. */
  readonly path?: true
}

export interface CommandWords {
  readonly name: string
  /** The whole text of its help. */
  readonly help: string
  readonly options: readonly OptionWords[]
  /** As `<model>` or `[folder]`. */
  readonly args: readonly string[]
  /** That with nothing behind it, no flag and no setting of the environment, it shows its help. */
  readonly bare?: true
  readonly commands: readonly CommandWords[]
}

export interface ProgramWords extends CommandWords {
  readonly version: string
  readonly replaced: Replaced
}

export interface CommandFacts {
  readonly version: string
  readonly replaced: Replaced
  /** Names of commands that show their help where nothing is asked. */
  readonly bare: readonly string[]
}

/** @param program with all its commands */
export const programWords = (program: Command, { version, replaced, bare }: CommandFacts): ProgramWords => ({
  ...wordsOf(program, bare),
  version,
  replaced,
})

function wordsOf(command: Command, bare: readonly string[]): CommandWords {
  return {
    name: command.name(),
    help: helpOf(command),
    options: command.options.map(optionWords),
    args: command.registeredArguments.map((one) => (one.required ? `<${one.name()}>` : `[${one.name()}]`)),
    ...(bare.includes(nameOf(command)) && { bare: true as const }),
    commands: command.commands.map((one) => wordsOf(one, bare)),
  }
}

const optionWords = (option: Option): OptionWords => ({
  flags: option.flags,
  ...(isPathOption(option) && { path: true as const }),
})

/** All that is printed, with what stands around it. */
function helpOf(command: Command): string {
  let text = ''
  const before = command.configureOutput()
  command.configureOutput({
    ...before,
    writeOut: (part) => {
      text += part
    },
  })
  command.outputHelp()
  command.configureOutput(before)
  return text
}
