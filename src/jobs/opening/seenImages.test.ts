/** What is known of the images that models have seen: those that come with the project, runs new and old, and other people's. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sizeOf } from '../../base/index.ts'
import type { Dataset, Split } from '../../data/index.ts'
import { digits, encodeIdx, imageKeys, loadData } from '../../data/index.ts'
import { settingsHash } from '../../runs/config.ts'
import { evaluateModel } from '../evaluate/run.ts'
import { openScheduleInputs } from '../schedule/open.ts'
import { resolveScheduleConfig } from '../schedule/settings.ts'
import { seenAfter, seenBy, tunedBy, unseen, writeSeenImages } from './seenImages.ts'

let folder = ''
const at = (...path: string[]) => join(folder, ...path)
/** MNIST's file name and format, with some embedded digits of each split: dealt out anew, they fall into other splits. */
let mnist = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'seen-'))
  mnist = at('some-images-idx3-ubyte')
  const { splits } = await digits()
  const parts: readonly [Split, number][] = [
    [splits.train, 500],
    [splits.tuning, 400],
    [splits.heldOut, 1600],
  ]
  const pixels = parts.flatMap(([{ images, shape }, n]) => [...images.subarray(0, n * sizeOf(shape))])
  const labels = parts.flatMap(([split, n]) => [...(split.labels ?? []).slice(0, n)])
  const bytes = Uint8Array.from(pixels, (pixel) => Math.round((pixel + 1) * 127.5))
  await writeFile(mnist, encodeIdx({ shape: [labels.length, 28, 28], data: bytes }))
  await writeFile(at('some-labels-idx1-ubyte'), encodeIdx({ shape: [labels.length], data: Uint8Array.from(labels) }))
})
afterAll(() => rm(folder, { recursive: true }))

const pixelsOf = ({ images, count, shape }: Split): string[] =>
  Array.from({ length: count }, (_, i) => images.subarray(i * sizeOf(shape), (i + 1) * sizeOf(shape)).join())

/** Images of one split that are in others, by their pixels. */
const shared = (split: Split, ...others: Split[]) => {
  const there = new Set(others.flatMap(pixelsOf))
  return pixelsOf(split).filter((image) => there.has(image)).length
}

describe('a model that comes with the project', () => {
  it.each([16, 28])('digits-%i: trained on the embedded training split, tuned on the tuning split', async (size) => {
    const seen = await seenBy(`digits-${size}`, size)
    const data = await digits({ size })
    expect(seen.complete).toBe(true)
    expect(seen.trained).toEqual(new Set(imageKeys(data.splits.train)))
    expect(seen.tuned).toEqual(new Set(imageKeys(data.splits.tuning)))
    expect(unseen(data, seen)).toEqual({ data, heldOut: { known: true, leftOut: { tuning: 0, heldOut: 0 } } })
  })

  it('on a file with the same images: those it has seen are left out of both splits, and counted', async () => {
    const own = (await digits({ size: 16 })).splits
    const whole = await loadData(mnist, { size: 16 })
    const before = {
      tuning: shared(whole.splits.tuning, own.train),
      heldOut: shared(whole.splits.heldOut, own.train, own.tuning),
    }
    expect(before.tuning).toBeGreaterThan(50)
    const { data, heldOut } = unseen(whole, await seenBy('digits-16', 16))
    expect(heldOut).toEqual({ known: true, leftOut: before })
    expect(shared(data.splits.tuning, own.train)).toBe(0)
    expect(shared(data.splits.heldOut, own.train, own.tuning)).toBe(0)
  })

  it('evaluated there: fewer held-out images, and the reason', async () => {
    const notes: string[] = []
    const values = {
      data: mnist,
      features: 'pixels',
      judge: 'none',
      samples: 65,
      samplingSeeds: [1],
      steps: 1,
      schedule: 'default',
    }
    const given = { source: 'the test', values }
    const { json, summary } = await evaluateModel('digits-16', given, { onNote: (note) => notes.push(note) })
    const { protocol } = json
    expect(protocol.leftOut.heldOut).toBeGreaterThan(100)
    expect(protocol.heldOutImages).toBe((await loadData(mnist)).splits.heldOut.count - protocol.leftOut.heldOut)
    expect(protocol.heldOutKnown).toBe(true)
    const said = `tuned on ${protocol.leftOut.heldOut} of the held-out and ${protocol.leftOut.tuning} of the tuning images`
    expect(notes.join()).toContain(said)
    expect(summary).toContain('the model has seen none of these held-out images')
  })

  it('learned on there: the same, and too few left are an error with the number left out', async () => {
    const config = (values: object) =>
      resolveScheduleConfig([
        { source: 'the test', values: { model: 'digits-16', data: mnist, judge: 'none', ...values } },
      ])
    const inputs = await openScheduleInputs(config({ features: 'pixels' }))
    const { tuning, heldOut } = inputs.heldOut.leftOut
    expect([tuning > 50, heldOut > 100, inputs.heldOut.known]).toEqual([true, true, true])
    expect(inputs.notes.join()).toContain(`${heldOut} of the held-out and ${tuning} of the tuning images`)
    await inputs.close()
    const trainImages = at('train', 'seen-images-idx3-ubyte')
    await mkdir(at('train'))
    const { train } = (await digits()).splits
    const bytes = Uint8Array.from(train.images.subarray(0, 400 * 784), (pixel) => Math.round((pixel + 1) * 127.5))
    await writeFile(trainImages, encodeIdx({ shape: [400, 28, 28], data: bytes }))
    await expect(openScheduleInputs(config({ data: trainImages, features: 'pixels' }))).rejects.toMatchObject({
      code: 'data.seen',
      message: expect.stringMatching(/trained or tuned on 80 of the 80 tuning images/),
    })
  })
})

describe('runs', () => {
  const manifest = (config: Record<string, unknown>, data: Dataset) =>
    JSON.stringify({
      format: 1,
      configHash: settingsHash(config),
      sources: { data: { sha256: data.provenance.sha256 } },
    })
  async function run(name: string, config: Record<string, unknown>, data: Dataset) {
    await mkdir(at(name, 'model'), { recursive: true })
    await writeFile(at(name, 'config.yaml'), JSON.stringify(config))
    await writeFile(at(name, 'manifest.json'), manifest(config, data))
    return at(name)
  }

  it('an older one is known by its data, unless these have changed', async () => {
    const data = await loadData(mnist, { size: 16 })
    const old = await run('old', { data: mnist, size: 16, model: null, learn: 'tied' }, data)
    expect(await seenBy(old, 16)).toEqual(seenAfter(data, true, null))
    const changed = await run(
      'changed',
      { data: mnist, size: 16, model: null, learn: 'tied' },
      await digits({ size: 16 }),
    )
    expect(await seenBy(changed, 16)).toMatchObject({ trained: new Set(), complete: false })
    const gone = await run('gone', { data: at('nowhere'), size: 16, model: null }, data)
    expect((await seenBy(gone, 16)).complete).toBe(false)
  })

  it('what one records is read again, by its folder, its model and its ONNX file, and added to by runs that go on from it', async () => {
    const data = await loadData(mnist, { size: 16 })
    const path = await run('new', { data: 'elsewhere', size: 16, model: null }, data)
    const seen = seenAfter(data, true, null)
    await writeFile(at('new', 'model', 'seen_images.json'), writeSeenImages(seen))
    for (const one of [path, at('new', 'model'), at('new', 'model', 'unet', 'model.onnx')]) {
      expect(await seenBy(one, 16), one).toEqual(seen)
    }
    expect(await tunedBy(at('new', 'model', 'schedules', 'ddim-5', 'sampling_schedule.json'))).toEqual(seen.tuned)
    const own = await digits({ size: 16 })
    const later = await run('later', { data: 'digits', size: 16, model: path, learn: 'sampling' }, own)
    const after = await seenBy(later, 16)
    expect(after.trained).toEqual(seen.trained)
    expect(after.tuned).toEqual(new Set([...seen.tuned, ...imageKeys(own.splits.tuning)]))
    expect(after.complete).toBe(true)
    const guided = await run('guided', { model: later, lambdaRange: [0.1, 1] }, own)
    expect(await seenBy(guided, 16)).toEqual(after)
  })

  it('of files from elsewhere, and runs that lead round in a circle, nothing is known', async () => {
    const data = await digits({ size: 16 })
    expect((await seenBy('theirs.onnx', 16)).complete).toBe(false)
    expect((await seenBy(folder, 16)).complete).toBe(false)
    expect(await tunedBy('theirs.json')).toBeNull()
    const round = await run('round', { model: at('round'), lambdaRange: [0.1, 1] }, data)
    expect((await seenBy(round, 16)).complete).toBe(false)
    expect(unseen(data, await seenBy(round, 16)).heldOut.known).toBe(false)
  })
})
