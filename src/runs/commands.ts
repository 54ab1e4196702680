/** Commands that a page prints, to be pasted into a shell as they are. */

/** How the user calls `bilevel`, and from which folder. */
export interface Caller {
  /** `npx bilevel`, `bilevel`, or whatever started it; quoted for a shell. */
  readonly command: string
  /** The folder that paths are relative to; null: not known. */
  readonly directory: string | null
}

export const UNKNOWN_CALLER: Caller = { command: 'npx bilevel', directory: null }

/** A command line: the caller's own words and arguments, quoted where a shell needs it. */
export const commandLine = ({ command }: Caller, args: readonly string[]): string =>
  [command, ...args.map(shellWord)].join(' ')

/** What a shell reads as this text. @example shellWord("it's here") // 'it'\''s here' */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** A path as an argument: one that begins like a flag is no flag. */
export const pathArgument = (path: string): string => (path.startsWith('-') ? `./${path}` : path)
