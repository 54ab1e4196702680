/** Flags of the benchmark: values that are taken, and words for those that are not. */
import { describe, expect, test } from 'vitest'
import { benchSettings, SECTIONS } from './settings.ts'

test('flags over defaults', () => {
  const settings = benchSettings(['--base', '32', '--only', 'frechet,sample', '--clock=cpu', '--sampling-steps', '7'])
  expect(settings).toMatchObject({ base: 32, only: ['frechet', 'sample'], clock: 'cpu', samplingSteps: 7, batch: 64 })
  expect(benchSettings([])).toMatchObject({ only: SECTIONS.slice(0, -7), json: false, tiny: false })
  expect(benchSettings(['--tiny', '--base', '10'])).toMatchObject({ base: 10, size: 8 })
  expect(benchSettings(['--help'])).toBeNull()
})

describe('refused, in words', () => {
  test.each([
    [['--base', '0'], '--base must be a whole number from 1, got 0'],
    [['--base', '3'], '--base must be an even number, got 3'],
    [['--size', '30'], '--size must be a multiple of 4'],
    [['--runs', 'many'], '--runs must be a whole number from 1, got many'],
    [['--sampling-steps', '1001'], 'at most the 1000 timesteps, got 1001'],
    [['--clock', 'sun'], '--clock must be wall or cpu, got sun'],
    [['--only', 'sampel'], 'did you mean sample?'],
    [['--only', 'exportForward'], '--file must be an ONNX file, which exportForward measures, got none'],
    [['--bas', '3'], 'flags are --only, --base'],
    [['sample'], 'flags are --only'],
  ])('%j', (argv, words) => {
    expect(() => benchSettings(argv)).toThrow(words)
    expect(() => benchSettings(argv)).toThrow(expect.objectContaining({ code: 'bench.flag', kind: 'input' }))
  })
})
