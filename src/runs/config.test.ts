import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { z } from 'zod'
import {
  environmentLayer,
  parseSettings,
  readSettingsFile,
  requireSameSettings,
  resolveSettings,
  settingsChanges,
  settingsHash,
} from './config.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'config-'))
})
afterAll(() => rm(folder, { recursive: true }))

const schema = z.object({
  samplingSteps: z.number().int().min(1),
  sampler: z.enum(['ddim', 'ddpm']).default('ddim'),
  name: z.string().optional(),
  conditional: z.boolean().default(false),
  network: z
    .object({ channels: z.array(z.number()), norm: z.object({ groups: z.number().positive() }).optional() })
    .default({ channels: [8] }),
})

describe('resolveSettings', () => {
  it('lets later layers win, key by key, lists whole', () => {
    const settings = resolveSettings(schema, [
      { source: 'defaults', values: { samplingSteps: 50, network: { channels: [1, 2], norm: { groups: 4 } } } },
      { source: 'preset', values: { samplingSteps: 20, network: { channels: [3] } } },
      { source: 'a.yaml', values: { samplingSteps: 10, sampler: undefined } },
      environmentLayer({
        BILEVEL_NAME: '8',
        BILEVEL_SAMPLING_STEPS: '7',
        BILEVEL_NETWORK__NORM__GROUPS: '2',
        PATH: 'x',
      }),
      { source: 'flags', values: { sampler: 'ddpm', conditional: 'true', name: undefined }, words: true },
    ])
    expect(settings).toEqual({
      samplingSteps: 7,
      sampler: 'ddpm',
      name: '8',
      conditional: true,
      network: { channels: [3], norm: { groups: 2 } },
    })
  })

  it('names the nearest known key', () => {
    const resolve =
      (values: object, source = 'a.yaml') =>
      () =>
        resolveSettings(schema, [{ source, values: { ...values } }])
    expect(resolve({ samplingStep: 1 })).toThrow(
      /unknown setting 'samplingStep' in a\.yaml; did you mean 'samplingSteps'\?/,
    )
    expect(resolve({ network: { chanels: [1] } })).toThrow(/'network\.chanels'.*'network\.channels'/)
    expect(resolve({ 'sampling-steps': 1 })).toThrow(/'samplingSteps'/)
    expect(resolve(JSON.parse('{"__proto__": {"samplingSteps": 3}}'))).toThrow(/unknown setting|samplingSteps: /)
    expect(resolve({ toString: 1 })).toThrow(/unknown setting 'toString'/)
    expect(() => resolveSettings(schema, [environmentLayer({ BILEVEL_SAMPLR: 'ddim' })])).toThrow(
      /'samplr' in the environment.*'sampler'/,
    )
    expect(environmentLayer({ BILEVEL_CACHE: '/tmp' }, ['BILEVEL_CACHE']).values).toEqual({})
  })

  it('says which field does not hold and where its value came from', () => {
    const layers = [
      { source: 'a.yaml', values: { samplingSteps: 0, network: { channels: [1, 'x'] } } },
      { source: 'the flags', values: { sampler: 'euler' }, words: true },
    ]
    try {
      resolveSettings(schema, layers)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ code: 'config.invalid', kind: 'input' })
      const { message } = error as Error
      expect(message).toMatch(/samplingSteps: [^;]*\(from a\.yaml\)/)
      expect(message).toMatch(/network\.channels\.1: [^;]*\(from a\.yaml\)/)
      expect(message).toMatch(/sampler: [^;]*\(from the flags\)/)
    }
    expect(() => resolveSettings(schema, [])).toThrow(/samplingSteps: /)
  })

  it('reads YAML files', async () => {
    const file = async (text: string) => {
      await writeFile(join(folder, 'f.yaml'), text)
      return (await readSettingsFile(join(folder, 'f.yaml'))).values
    }
    expect(await file('samplingSteps: 3 # few\nnetwork:\n  channels: [1, 2]\n')).toEqual({
      samplingSteps: 3,
      network: { channels: [1, 2] },
    })
    expect(await file('')).toEqual({})
    await expect(file('a: 1\na: 2\n')).rejects.toMatchObject({ code: 'config.file' })
    await expect(file('- 1\n')).rejects.toThrow(/'key: value' lines, got \[1\]/)
    await expect(file('a: [1\n')).rejects.toThrow(/line 2|line 1/)
    await expect(readSettingsFile(join(folder, 'absent'))).rejects.toMatchObject({ code: 'config.file' })
  })
})

describe('comparing settings', () => {
  it('lists what differs by path', () => {
    const before = { seed: 0, network: { channels: [1, 2], groups: 8 }, device: 'cpu' }
    const after = { network: { groups: 4, channels: [1, 3] }, seed: 0, device: 'cuda', extra: true }
    expect(settingsChanges(before, after, ['device']).map(({ key }) => key)).toEqual([
      'network.channels',
      'network.groups',
      'extra',
    ])
    expect(() => requireSameSettings(before, after, ['device', 'network'])).toThrow(
      /these differ: extra \(was not set, now true\)/,
    )
    expect(() => requireSameSettings(before, { ...before, seed: undefined, device: 'x' }, ['device'])).toThrow(
      /seed \(was 0, now not set\)/,
    )
  })

  it('takes a setting that an older version did not know for one that is off', () => {
    expect(settingsChanges({ seed: 0 }, { seed: 0, weightsPrefix: null })).toEqual([])
    expect(settingsChanges({ seed: 0, weightsPrefix: null }, { seed: 0 })).toEqual([])
    expect(settingsChanges({ seed: 0 }, { seed: 0, weightsPrefix: 'module.' })).toHaveLength(1)
  })

  it('finds no difference after a trip through YAML, whatever the order of keys', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.string({ minLength: 1 }).filter((key) => key !== '__proto__'),
          fc.jsonValue(),
        ),
        (values) => {
          const plain = JSON.parse(JSON.stringify(values)) as Record<string, unknown>
          if (JSON.stringify(plain).includes('__proto__')) return
          const back = parseSettings(stringify(plain), 'x')
          expect(settingsChanges(plain, back)).toEqual([])
          const reversed = Object.fromEntries(Object.entries(plain).reverse())
          expect(settingsHash(reversed)).toBe(settingsHash(plain))
        },
      ),
    )
  })
})
