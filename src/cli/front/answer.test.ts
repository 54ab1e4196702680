/** What is answered out of the build's words is what the command itself says. */
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { commandWords, runCommand } from '../command.ts'
import { answer } from './answer.ts'
import type { ProgramWords } from './commandWords.ts'

/** As the file has them. */
const WORDS = JSON.parse(JSON.stringify(commandWords())) as ProgramWords

// Of this process they would be settings.
beforeAll(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('BILEVEL_')) vi.stubEnv(name, undefined)
})
afterAll(() => vi.unstubAllEnvs())

function listener() {
  const said = { stdout: '', stderr: '' }
  const streams = {
    out: (text: string) => {
      said.stdout += text
    },
    err: (text: string) => {
      said.stderr += stripVTControlCharacters(text)
    },
  }
  return { said, streams }
}

async function bySelf(words: readonly string[]) {
  const { said, streams } = listener()
  const code = await runCommand(words, {
    ...streams,
    display: { show: () => undefined, log: () => undefined, end: () => undefined },
    work: () => Promise.reject(new Error('no work was asked for')),
    onInterrupt: () => undefined,
  })
  return { code, ...said }
}

function byWords(words: readonly string[], environment = {}) {
  const { said, streams } = listener()
  const code = answer(WORDS, words, environment, streams)
  return { code, ...said }
}

const COMMANDS = WORDS.commands.map(({ name }) => name)

test.each([
  ...[...COMMANDS, 'onnx check'].flatMap((name) => [
    [...name.split(' '), '--help'],
    ['help', ...name.split(' ')],
    [...name.split(' '), '--no-such-flag'],
    [...name.split(' '), '--json=1', 'a', 'b', 'c', 'd'],
  ]),
  [],
  ['--help'],
  ['-h'],
  ['--version'],
  ['-V'],
  ['scheduel'],
  ['nothing like it'],
  ['help', 'nothing'],
  ['onnx'],
  ['onnx', 'chekc'],
  ['schedule'],
  ['entropy'],
  ['sample'],
  ['schedule', '--sampling-stepz', '3'],
  ['schedule', '--step-list', 'karras'],
  ['schedule', '--out', ''],
  ['schedule', '--out'],
  ['schedule', '--seed'],
  ['schedule', '--preset=quick', '--nosuch=3'],
  ['schedule', 'stray'],
  ['--verbos'],
])('%j', async (...words) => {
  expect(byWords(words)).toEqual(await bySelf(words))
})

test('what asks for work, or for more than words, is left to the command', () => {
  for (const words of [
    ['schedule', '--preset', 'quick'],
    ['schedule', '--seed', 'x'],
    ['sample', 'digits-16', '--steps', '0'],
    ['runs'],
    ['onnx', 'check', 'a.onnx'],
    ['--verbose', 'schedule', '--no-such-flag'],
  ]) {
    expect(byWords(words)).toEqual({ code: null, stdout: '', stderr: '' })
  }
  expect(byWords(['schedule'], { BILEVEL_PRESET: 'tiny' }).code).toBeNull()
})
