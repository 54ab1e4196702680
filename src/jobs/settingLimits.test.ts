import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Dataset } from '../data/index.ts'
import { entropySchema } from './entropy/settings.ts'
import { evaluateSchema, resolveEvaluateConfig } from './evaluate/settings.ts'
import { resolveSampleConfig, sampleSchema } from './sample/settings.ts'
import { networkFor } from './schedule/open.ts'
import { scheduleSchema } from './schedule/schema.ts'
import { resolveScheduleConfig } from './schedule/settings.ts'

/** Any whole number is a seed. */
const SEEDS = ['seed', 'seeds', 'samplingSeeds']
const HUGE = 2 ** 52

/** Fields by path. */
function fieldsOf(shape: Readonly<Record<string, z.core.$ZodType>>): [string, z.core.$ZodType][] {
  return Object.entries(shape).flatMap(([key, field]): [string, z.core.$ZodType][] =>
    field instanceof z.ZodObject ? fieldsOf(field.shape) : [[key, field]],
  )
}

/** Whether a field takes whole numbers and no others: a count of something. */
const isCount = (field: z.core.$ZodType, of: (n: number) => unknown): boolean =>
  [1, 2].some((n) => z.safeParse(field, of(n)).success) && !z.safeParse(field, of(1.5)).success

describe.each(Object.entries({ scheduleSchema, entropySchema, sampleSchema, evaluateSchema }))('%s', (_, { shape }) => {
  const fields = fieldsOf(shape).filter(([name]) => !SEEDS.includes(name))

  it('bounds every count', () => {
    const counts = fields.filter(([, field]) => isCount(field, (n) => n))
    expect(counts.length).toBeGreaterThan(3)
    for (const [name, field] of counts) expect(z.safeParse(field, HUGE).success, name).toBe(false)
  })

  it('bounds every list, and every count in one', () => {
    for (const [name, field] of fieldsOf(shape)) {
      if (!z.safeParse(field, [1]).success) continue
      expect(z.safeParse(field, new Array(20_000).fill(1)).success, name).toBe(false)
      if (!SEEDS.includes(name) && isCount(field, (n) => [n])) {
        expect(z.safeParse(field, [HUGE]).success, name).toBe(false)
      }
    }
  })

  it('takes no number beyond range', () => {
    for (const [name, field] of fields) {
      for (const n of [Number.POSITIVE_INFINITY, Number.NaN]) {
        for (const value of [n, [n], [0, n]]) expect(z.safeParse(field, value).success, name).toBe(false)
      }
    }
  })
})

it('says the bound and where the number came from', () => {
  const layer = (values: Readonly<Record<string, unknown>>) => [{ source: 'the flags', values }]
  expect(() => resolveSampleConfig(layer({ count: 999_999_999 }))).toThrow(/count: .*<=10000000 \(from the flags\)/)
  expect(() => resolveEvaluateConfig(layer({ samples: 1e12 }))).toThrow(/samples: .*<=10000000/)
  expect(() => resolveScheduleConfig(layer({ timesteps: 1e9 }))).toThrow(/timesteps: .*<=100000/)
  expect(() => resolveScheduleConfig(layer({ network: { layersPerBlock: 1e9 } }))).toThrow(/layersPerBlock: .*<=16/)
})

it('refuses a network whose weights memory cannot hold, before anything of it is made', () => {
  const channels = [16_384, 16_384]
  const config = resolveScheduleConfig([{ source: 'the flags', values: { network: { channels } } }])
  const data = { shape: [1, 16, 16], classes: [] } as unknown as Dataset
  expect(() => networkFor(config, data)).toThrow(/the weights of this network.* need \d+\.0 GiB for \d+ values/)
})
