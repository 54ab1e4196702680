/** What 10, 50 and 250 images allow: said before anything is done, and true of the features that are named. */
import { describe, expect, it, test } from 'vitest'
import { randomStream } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import { dataFromArrays } from '../../data/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import { pixelFeatures } from '../../metrics/index.ts'
import { dataLines } from '../planning/dataLines.ts'
import { fewImagesFix, figuresText, splitCounts } from './fewImages.ts'
import { pixelFeaturesNamed } from './pixelNames.ts'

/** As many images as splits of 3 : 1 : 1 leave to be measured on. */
function measuredOn(count: number, channels: number): Dataset {
  const images = (n: number, seed: number) =>
    randomStream({ seed, purpose: 'test.few' }).normal(new Float64Array(n * channels * 256))
  const each = count / 5
  return dataFromArrays({
    name: `${count} images`,
    imageShape: [channels, 16, 16],
    train: images(3 * each, 1),
    tuning: images(each, 2),
    heldOut: images(each, 3),
  })
}

const figures = (data: Dataset, features: Pick<FeatureNetwork, 'name' | 'dimensions'>): string =>
  figuresText({ counts: splitCounts(data), features, single: true, always: 'diversity', fix: fewImagesFix(data) })

describe('figures that can be had', () => {
  it.each([
    [250, 3, /^FID, KID, precision, recall, diversity can be had in pixels-3x16x16-block4 \(48 features\)$/],
    [
      50,
      3,
      /^KID, precision, recall, diversity can be had in .* \(48 features\); no FID, as the 48 features of .* need 49 images or more on either side, got 10 tuning and 10 held-out: give more data, take --features pixels:3 /,
    ],
    [
      50,
      1,
      /: give more data, take --features pixels:9 \(as many averages of blocks\), or learn .*--objective teacher\)$/,
    ],
    [10, 1, /^KID, diversity can be had .* need 65 images or more .*got 2 tuning.*take --features pixels:1 /],
    [10, 3, /no FID, as .*: give more data, or learn for a model that is there without data/],
  ] as const)('of %i images of %i channels', (count, channels, text) => {
    const data = measuredOn(count, channels)
    expect(figures(data, pixelFeatures(data.shape))).toMatch(text)
    const named = /--features (pixels:\d+)/.exec(fewImagesFix(data))?.[1]
    if (named === undefined) return
    const features = pixelFeaturesNamed(named, data.shape)
    expect(features.dimensions).toBeLessThan(count / 5)
    expect(figures(data, features)).toMatch(/^FID, KID, .*can be had/)
  })
})

test('the plan tells what falls where, and what can be measured', () => {
  const data = measuredOn(50, 1)
  const asked = { counts: splitCounts(data), fix: 'give more' }
  const notes = ['3 are turned']
  const lines = dataLines({ data, features: pixelFeatures(data.shape), notes }, asked)
  expect(lines[0]).toBe('data: 50 images, images of [1,16,16], no classes: 30 train, 10 tune, 10 are held out')
  expect(lines[1]).toBe('note: 3 are turned')
  expect(lines.at(-1)).toMatch(
    /^figures: KID, .*no FID, as the 64 features .* got 10 tuning and 10 held-out: give more$/,
  )
})
