/** What the command says when it fails: one line, and what to do; where it comes from only when asked for. */
import type { Command } from 'commander'
import { CommanderError } from 'commander'
import pc from 'picocolors'
import { BilevelError, exitCodeOf, nearestOf } from '../base/index.ts'
import { commandOf, nameOf } from './commandTree.ts'
import { flagName } from './flagName.ts'

const USAGE = 2

/** By command, settings of earlier releases, each with what to use in its place. */
export type Replaced = Readonly<Record<string, Readonly<Record<string, string>>>>

export interface Complaint {
  readonly program: Command
  /** What the command was called with. */
  readonly words: readonly string[]
  readonly replaced: Replaced
  readonly write: (text: string) => void
}

/** Says what is wrong, once. @returns the exit code */
export function complain(error: unknown, complaint: Complaint): number {
  const { program, write } = complaint
  const say = (message: string) => write(`${pc.red('error:')} ${message}\n`)
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    if (error.code !== 'commander.help') say(usageText(error, complaint))
    return USAGE
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error))
  const internal = !(error instanceof BilevelError) || error.kind === 'internal'
  say(message)
  if (program.opts().verbose) write(`${stack}\n`)
  else if (internal) write('this is a bug; bilevel --verbose shows where it comes from\n')
  return exitCodeOf(error)
}

/** Commander's message, with the nearest flag or command that there is. */
function usageText({ code, message }: CommanderError, { program, words, replaced }: Complaint): string {
  const text = message.replace(/^error: /, '')
  const [, word] = /'([^']*)'/.exec(text) ?? []
  const used = commandOf(program, words)
  const name = nameOf(used)
  const known = {
    'commander.unknownOption': used.options.flatMap(({ long }) => long ?? []),
    'commander.unknownCommand': used.commands.map((candidate) => candidate.name()),
  }[code]
  const gone = code === 'commander.unknownOption' && word !== undefined && replacedBy(word, replaced[name])
  if (gone) return gone
  const nearest = word === undefined ? undefined : nearestOf(word.split('=')[0], known ?? [])
  if (nearest !== undefined) return `${text}; did you mean '${nearest}'?`
  return `${text}; see bilevel ${name ? `${name} ` : ''}--help`
}

/** Of a flag of earlier releases: what to use in its place; null: it is none. */
function replacedBy(word: string, replaced: Replaced[string] = {}): string | null {
  const [flag] = word.split('=')
  const found = Object.entries(replaced).find(([key]) => flag === `--${flagName([key])}`)
  return found ? `${flag} is no flag any more; ${found[1]}` : null
}
