/** The models that come with the project: what they are, that they are small, and that their images are what was asked for. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { digitClassifierRecord, digitJudge } from '../../metrics/files/index.ts'
import { RECOGNISED_ABOVE, verdictsOf } from '../../metrics/index.ts'
import { flatSize } from '../../nn/index.ts'
import { compileDenoiser } from '../denoisers/compiledDenoiser.ts'
import { generate } from '../samplers/generate.ts'
import { loadModel } from './loadModel.ts'
import { SHIPPED_MODELS, shippedModelFolder } from './shippedModels.ts'

interface ShippedRecord {
  readonly weights: string
  readonly parameters: number
  readonly command: string
  readonly real: { readonly recognised: number }
  readonly rows: readonly {
    readonly label: string
    readonly classes: string
    readonly fid: number
    readonly recognised: number
  }[]
  readonly gains: readonly {
    readonly label: string
    readonly over: string
    readonly gain: { readonly mean: number; readonly standardError: number | null }
  }[]
}

/** Least images told, recognised and recognised of the null class, of 60, 60 and 30: three or more standard errors below the record. */
const EXPECTED = {
  'digits-16': {
    ...{ size: 16, megabytes: 3, channels: [16, 32, 64], told: 50, recognised: 49, ofNull: 21 },
    schedules: ['dpm-solver++-10', 'dpm-solver++-5', 'exponential-3', 'exponential-5'],
  },
  'digits-28': {
    ...{ size: 28, megabytes: 6, channels: [16, 48, 96], told: 43, recognised: 45, ofNull: 15 },
    schedules: ['exponential-3', 'exponential-5'],
  },
} as const

const folderOf = (name: string): string => shippedModelFolder(name) ?? 'none'
const recordOf = (name: string) =>
  JSON.parse(readFileSync(join(folderOf(name), 'record.json'), 'utf8')) as ShippedRecord

test('another name is no model', () => {
  expect(shippedModelFolder('digits-32')).toBeNull()
  expect(shippedModelFolder('../digits-16')).toBeNull()
})

describe.each(SHIPPED_MODELS)('%s', (name) => {
  const { size, megabytes, channels, told, recognised, ofNull, schedules } = EXPECTED[name]

  test('is a whole model folder within its size, without an ONNX file', () => {
    const files = readdirSync(folderOf(name), { recursive: true, encoding: 'utf8' })
    const bytes = files.reduce((sum, file) => sum + statSync(join(folderOf(name), file)).size, 0)
    expect(bytes).toBeLessThan(megabytes * 1e6)
    expect(files.filter((file) => file.endsWith('.onnx'))).toEqual([])
  })

  test('holds the network of its record, told ten classes and the null class, and its training schedule', async () => {
    const { network, state, noiseSchedule, prediction, clip } = await loadModel(folderOf(name))
    const record = recordOf(name)
    expect(network.imageShape).toEqual([1, size, size])
    expect(network.classes).toBe(10)
    expect(network.config).toMatchObject({ block_out_channels: channels, layers_per_block: 1, num_class_embeds: 11 })
    expect(flatSize(network.parameters)).toBe(record.parameters)
    const { buffer, byteOffset, byteLength } = state.weights
    const bytes = new Uint8Array(buffer, byteOffset, byteLength)
    expect(createHash('sha256').update(bytes).digest('hex')).toBe(record.weights)
    expect(noiseSchedule).toMatchObject({ family: 'cosine', timesteps: 1000 })
    expect({ prediction, clip }).toEqual({ prediction: 'noise', clip: [-1, 1] })
  })

  test('has schedules of few steps, learned for the features that come with the project', async () => {
    const { samplingSchedules } = await loadModel(folderOf(name))
    const { sha256, name: features } = await digitClassifierRecord(size, 'features')
    expect(samplingSchedules.map((saved) => saved.name).sort()).toEqual(schedules)
    for (const { schedule, settings, learnedFor, name: label } of samplingSchedules) {
      const [, sampler, steps] = /^(.+)-(\d+)$/.exec(label) ?? []
      expect(schedule.levels).toHaveLength(Number(steps))
      expect(schedule.timesteps).toBe(1000)
      expect(settings).toMatchObject({ sampler, clip: [-1, 1] })
      expect(learnedFor).toEqual({ features, hash: sha256 })
    }
  })

  test('makes digits of the class it is told, and of any class when told none', async () => {
    const { network, state, samplingSchedules } = await loadModel(folderOf(name))
    const [saved] = samplingSchedules.filter((candidate) => candidate.name === 'exponential-5')
    const denoiser = await compileDenoiser({ network, state, batch: 50, binding: 'bound' })
    const judge = await digitJudge({ size })
    const condition = Int32Array.from({ length: 90 }, (_, item) => (item < 60 ? item % 10 : 10))
    const { images } = await generate({ denoiser, ...saved, count: 90, seed: 4, condition })
    const { classes, confidence } = verdictsOf(await judge.probabilities(images))
    const right = classes.subarray(0, 60).filter((value, item) => value === condition[item])
    const known = confidence.map((value) => Number(value > RECOGNISED_ABOVE))
    const sum = (values: ArrayLike<number>) => Array.from(values).reduce((total, value) => total + value, 0)
    expect(right.length).toBeGreaterThanOrEqual(told)
    expect(sum(known.subarray(0, 60))).toBeGreaterThanOrEqual(recognised)
    expect(sum(known.subarray(60))).toBeGreaterThanOrEqual(ofNull)
    expect(new Set(classes.subarray(60)).size).toBeGreaterThanOrEqual(7)
    await judge.dispose()
    await denoiser.dispose()
  })

  test('its record says how it is made and that every learned schedule is better than the best default', () => {
    const { command, rows, real, gains } = recordOf(name)
    expect(command).toBe(`npm run train:models -- --model ${name}`)
    for (const schedule of schedules) {
      const row = rows.find(({ label, classes }) => label === `learned ${schedule}` && classes === 'in turn')
      expect(row?.recognised).toBeGreaterThan(0.9)
      const over = gains.find(({ label, over }) => label === `learned ${schedule}` && over === 'best')
      expect(over?.gain.mean).toBeGreaterThan(2 * (over?.gain.standardError ?? Number.POSITIVE_INFINITY))
    }
    expect(real.recognised).toBeGreaterThan(0.95)
  })
})
