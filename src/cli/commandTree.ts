/** Commands of one word, and of two, the first of which names what they are about: `bilevel onnx check`. */
import type { Command } from 'commander'

/** The program, its commands, and those in groups. */
export const allCommands = (program: Command): Command[] => [program, ...program.commands.flatMap(allCommands)]

/** The command that words ask for, or the group as far as it is known; the program itself where they ask for none. */
export function commandOf(program: Command, words: readonly string[]): Command {
  // By the first of the words that is one: `compare schedule` is no `schedule`.
  const named = (word: string) => program.commands.find((candidate) => candidate.name() === word)
  const used = words.map(named).find((command) => command !== undefined)
  return used ? commandOf(used, words) : program
}

/** What it is called with behind `bilevel`: `onnx check`; nothing for the program itself. */
export const nameOf = (command: Command): string =>
  command.parent ? [nameOf(command.parent), command.name()].filter(Boolean).join(' ') : ''
