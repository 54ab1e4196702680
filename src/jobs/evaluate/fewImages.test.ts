/** Too few images for a Fréchet distance: what they allow is measured all the same, and what is missing says what it needs. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import { encodeIdx } from '../../data/index.ts'
import { noFidNotes } from './figures.ts'
import { planEvaluate } from './plan.ts'
import { evaluateConfigOf, evaluateModel } from './run.ts'

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bilevel-few-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** So many images of noise: nobody has seen them. */
async function noise(count: number): Promise<string> {
  const stream = randomStream({ seed: count, purpose: 'test.few' })
  const data = Uint8Array.from({ length: count * 256 }, () => stream.integer(256))
  const path = join(folder, `noise-${count}.idx`)
  await writeFile(path, encodeIdx({ shape: [count, 16, 16], data }))
  return path
}

const SETTINGS = {
  samples: 20,
  samplingSeeds: [1, 2],
  steps: 1,
  sampler: 'ddim',
  schedule: 'default',
  features: 'pixels:16',
  judge: 'digits',
}

async function evaluated(values: object) {
  const given = { source: 'the test', values: { ...SETTINGS, ...values } }
  const config = await evaluateConfigOf('digits-16', given)
  const { lines = [] } = await planEvaluate('digits-16', config, async () => 1e9)
  const { json, summary } = await evaluateModel('digits-16', given)
  return { json, summary, figures: lines.at(-1) }
}

describe('of 50, 10 held-out', () => {
  test('KID, precision, recall, diversity and what the judge sees are measured; FID says what it needs', async () => {
    const { json, summary, figures } = await evaluated({ data: await noise(50) })
    expect([json.fid, json.judgeFid, json.real.fid]).toEqual([null, null, null])
    for (const figure of [json.kid, json.precision, json.recall, json.diversity, json.recognised]) {
      expect(figure?.mean).toBeGreaterThanOrEqual(0)
      expect(figure?.count).toBe(2)
    }
    expect(summary).toMatch(/\nFID {13}not available, needs 17 images or more on either side\nKID {13}\d/)
    expect(summary).toMatch(/\nreal images {5}recognised /)
    expect(summary).not.toMatch(/judge's FID/)
    const why =
      /the 16 features of pixels-1x16x16-block4 need 17 images or more on either side, got 20 generated and 10 held-out/
    expect(json.notes.join('\n')).toMatch(
      new RegExp(`no FID: ${why.source}; give more data, or take --features pixels:9 `),
    )
    expect(json.notes.join('\n')).toMatch(/no judge's FID: the 64 features of lenet-digits16-judge/)
    expect(figures).toMatch(
      new RegExp(`^figures: KID, precision, recall, diversity can be had .*no FID, as ${why.source}`),
    )
  })

  test('features of fewer numbers give it', async () => {
    const { json, summary, figures } = await evaluated({ data: await noise(50), features: 'pixels:9', judge: 'none' })
    expect(json.fid?.mean).toBeGreaterThan(0)
    expect(json.real.fid).toBeGreaterThan(0)
    expect(summary).toMatch(/\nFID {13}\d.*\n(.*\n)*real images {5}FID \d/)
    expect(figures).toMatch(/^figures: FID, KID, precision, recall, diversity can be had/)
  })
})

test('of 10, two held-out: no precision and recall either, and no word of them', async () => {
  const { json, summary, figures } = await evaluated({ data: await noise(10), judge: 'none' })
  expect([json.fid, json.precision, json.recall]).toEqual([null, null, null])
  expect(json.kid?.mean).toBeGreaterThan(0)
  expect(summary).not.toMatch(/precision \d|real images/)
  expect(figures).toMatch(/^figures: KID, diversity can be had .*: give more data, or take --features pixels:1 /)
})

test('too few generated ones are another matter than data', () => {
  const split = { shape: [1, 16, 16], count: 2000, images: new Float32Array(0), labels: null }
  const data = { shape: split.shape, splits: { train: split, tuning: split, heldOut: split } }
  const networks = { features: { name: 'some-features', dimensions: 64 }, judge: null }
  const [note] = noFidNotes(data, { samples: 20 }, networks, '')
  expect(note).toMatch(/got 20 generated and 2000 held-out; give more --samples, or take --features pixels:16 /)
  expect(noFidNotes(data, { samples: 65 }, networks, '')).toEqual([])
})
