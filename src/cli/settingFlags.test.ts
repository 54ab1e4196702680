import { Command } from 'commander'
import { describe, expect, it, test } from 'vitest'
import { z } from 'zod'
import { flagsLayer, settingOptions } from './settingFlags.ts'

const schema = z.strictObject({ seeds: z.array(z.int().min(0)).meta({ group: 'a', description: 'b' }) })
const seeds = (word: string): unknown => flagsLayer(schema, { seeds: word }).values.seeds

describe('a list of words', () => {
  const words = z.strictObject({
    input: z.array(z.string()).nullable().meta({ group: 'a', description: 'b' }),
  })
  const read = (...given: string[]): unknown => {
    const command = new Command()
    for (const option of settingOptions(words, { input: null }, ['a'])) command.addOption(option)
    command.parse(['node', 'bilevel', ...given.flatMap((word) => ['--input', word])])
    return flagsLayer(words, command.opts()).values.input
  }

  it('may be given with commas or several times, and keeps what looks like a range', () => {
    expect(read('a=1', 'b=2,c3-4=5')).toBe('["a=1","b=2","c3-4=5"]')
    expect([read('none'), read()]).toEqual([null, undefined])
  })
})

describe('a range of whole numbers', () => {
  it('is each of them', () => {
    expect(seeds('3-5,9')).toBe('[3,4,5,9]')
    expect(String(seeds('0-9999')).split(',')).toHaveLength(10_000)
  })

  it('is refused where it is longer than a list may be, before it is made', () => {
    for (const word of ['0-10000', '0-999999999', '0-99999999999999999999', '5,0-1000000000000000']) {
      expect(() => seeds(word)).toThrow(expect.objectContaining({ code: 'config.range', kind: 'input' }))
    }
    expect(() => seeds('9007199254740990-9007199254740993')).toThrow(/at most 10000 whole numbers/)
  })
})

test('a setting has the flag of an earlier release beside its own, and is given once', () => {
  const named = z.strictObject({
    samplingSeeds: z.array(z.int()).meta({ group: 'a', description: 'b', alias: 'seeds' }),
  })
  expect(flagsLayer(named, { seeds: '0-2' }).values).toEqual({ samplingSeeds: '[0,1,2]' })
  expect(flagsLayer(named, { samplingSeeds: '4' }).values).toEqual({ samplingSeeds: '[4]' })
  expect(() => flagsLayer(named, { samplingSeeds: '4', seeds: '5' })).toThrow(
    '--sampling-seeds and --seeds are one setting',
  )
  expect(settingOptions(named, { samplingSeeds: [1] }, ['a']).map(({ long, hidden }) => [long, hidden])).toEqual([
    ['--sampling-seeds', false],
    ['--seeds', true],
  ])
})
