/** Options that take a path. An empty one (of a variable that is not set) would mean the working directory, or nothing at all: it is refused. */
import { InvalidArgumentError, Option } from 'commander'

export const pathOption = (flags: string, description: string): Option =>
  new Option(flags, description).argParser(pathOf)

export const isPathOption = ({ parseArg }: Option): boolean => parseArg === pathOf

function pathOf(path: string): string {
  if (path !== '') return path
  throw new InvalidArgumentError('A path must not be empty; give one, or leave the option out')
}
