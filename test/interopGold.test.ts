/**
 * What the real libraries gave for files that this project wrote (`npm run interop` writes test/gold/interop.json): that the same files are written
 * now, and that our images and numbers are theirs, where there is no Python.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { eventFiles } from '../scripts/interop/eventsCase.ts'
import { featurePairs } from '../scripts/interop/fidCase.ts'
import type { VectorRequest } from '../scripts/interop/vectors.ts'
import { COUNT, formula, IMAGE_SHAPE, noiseOf, SEED, samplingOf, VECTORS } from '../scripts/interop/vectors.ts'
import { exportForms } from '../src/diffusion/files/index.ts'
import { functionDenoiser, generate } from '../src/diffusion/index.ts'
import { frechetDistance, referenceMoments } from '../src/metrics/index.ts'

interface Vector extends VectorRequest {
  readonly form: 'plain' | 'steps' | 'ownClass'
  readonly config: Readonly<Record<string, unknown>>
  readonly measured: {
    readonly class: string
    readonly levels: readonly number[]
    readonly times: readonly number[]
    readonly images: readonly number[]
  }
}

const gold = JSON.parse(readFileSync('test/gold/interop.json', 'utf8')) as {
  readonly versions: Readonly<Record<string, string>>
  readonly 'schedules in every form': {
    readonly start: readonly number[]
    readonly noise: readonly (readonly number[])[]
    readonly cases: readonly Vector[]
  }
  readonly FID: { readonly distances: Readonly<Record<string, number>> }
  readonly TensorBoard: { readonly bytes: Readonly<Record<string, string>> }
}
const vectors = gold['schedules in every form']

test('of the pinned versions', () => {
  const pins = readFileSync('scripts/interop/requirements.txt', 'utf8').trim().split('\n')
  for (const [name, version] of pins.map((pin) => pin.split('=='))) {
    expect(gold.versions[name].split('+')[0], name).toBe(version)
  }
})

describe.each(vectors.cases.map((one) => [`${one.name}: ${one.form}, ${one.measured.class}`, one] as const))(
  '%s',
  (_, one) => {
    const { form, prediction, measured } = one
    const { schedule, settings } = samplingOf(one)

    test('is written as it was, of every request', () => {
      const forms = exportForms({ schedule, settings, prediction })
      const { name, schedule: asked } = one
      expect(VECTORS.find((request) => request.name === name)).toMatchObject({ schedule: asked, prediction })
      expect(JSON.parse(JSON.stringify(forms[form]?.config))).toEqual(one.config)
    })

    test('its images are ours', async () => {
      const predict = ({ data }: { readonly data: Float64Array }, time: number) => data.map((x) => formula(x, time))
      const denoiser = functionDenoiser({ imageShape: IMAGE_SHAPE, prediction, predict })
      const { images } = await generate({ denoiser, schedule, settings, count: COUNT, seed: SEED })
      expect(images.data.length).toBe(measured.images.length)
      for (const [j, value] of images.data.entries()) {
        expect(Math.abs(value - measured.images[j]) / Math.max(1, Math.abs(value)), `${j}`).toBeLessThan(1e-4)
      }
    })

    test('its levels are ours', () => {
      const once = measured.levels.filter((__, k) => settings.sampler !== 'heun' || k === 0 || k % 2 === 1)
      expect(once.length).toBe(schedule.levels.length)
      for (const [k, { logSnr }] of schedule.levels.entries()) expect(Math.abs(once[k] - logSnr)).toBeLessThan(1e-4)
    })
  },
)

test('all requests are there in all their forms, with the noise of our streams', () => {
  const forms = VECTORS.flatMap((request) => {
    const all = exportForms({ ...samplingOf(request), prediction: request.prediction })
    return (['plain', 'steps', 'ownClass'] as const).flatMap((form) => (all[form] ? [`${request.name}: ${form}`] : []))
  })
  expect(vectors.cases.map(({ name, form }) => `${name}: ${form}`)).toEqual(forms)
  expect(noiseOf(vectors.noise.length)).toEqual({ start: vectors.start, noise: vectors.noise })
})

test("pytorch-fid's distances are ours", async () => {
  for (const [name, [generated, real]] of Object.entries(await featurePairs())) {
    const { value } = frechetDistance(generated, referenceMoments(real))
    expect(Math.abs(gold.FID.distances[name] / value - 1), name).toBeLessThan(1e-6)
  }
})

test("the event files that TensorBoard's reader read are those that are written", () => {
  const written = Object.entries(eventFiles()).map(([name, bytes]) => [name, Buffer.from(bytes).toString('hex')])
  expect(Object.fromEntries(written)).toEqual(gold.TensorBoard.bytes)
})
