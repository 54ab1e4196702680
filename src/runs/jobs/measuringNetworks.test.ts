import { expect, it } from 'vitest'
import type { Dataset } from '../../data/index.ts'
import { digits } from '../../data/index.ts'
import { openMeasuring } from './measuringNetworks.ts'

const auto = {
  data: 'some/folder',
  features: 'auto',
  featuresOutput: null,
  featuresRange: null,
  judge: 'auto',
  device: 'cpu',
} as const

/** Names of the networks that are chosen, and how many notes there are. */
async function chosen(data: Dataset, settings: Partial<Parameters<typeof openMeasuring>[0]> = {}) {
  const { features, judge, notes, close } = await openMeasuring({ ...auto, ...settings }, data)
  await close()
  return [features.name.replace(/-[0-9a-f]{8}$/, ''), judge?.name.replace(/-[0-9a-f]{8}$/, '') ?? null, notes.length]
}

it('finds out by its labels whether data of a path are digits', async () => {
  const data = await digits({ size: 16 })
  expect(await chosen(data)).toEqual(['lenet-digits16-features', 'lenet-digits16-judge', 0])

  const { tuning } = data.splits
  const labels = tuning.labels?.map((label) => (label + 1) % 10) ?? null
  const others = { ...data, splits: { ...data.splits, tuning: { ...tuning, labels } } }
  expect(await chosen(others)).toEqual(['pixels-1x16x16-block2', null, 1])
  expect(await chosen(others, { features: 'digits' }), 'said so').toEqual(['lenet-digits16-features', null, 0])

  const unlabelled = { ...data, classes: [], splits: { ...data.splits, tuning: { ...tuning, labels: null } } }
  expect(await chosen(unlabelled)).toEqual(['pixels-1x16x16-block2', null, 1])
  expect(await chosen(unlabelled, { data: 'digits' }), 'embedded').toEqual([
    'lenet-digits16-features',
    'lenet-digits16-judge',
    0,
  ])
})

it('uses no digit classifier where none fits the size', async () => {
  const data = await digits({ size: 8 })
  expect(await chosen(data, { data: 'digits' })).toEqual(['pixels-1x8x8-block1', null, 1])
  await expect(chosen(data, { features: 'digits' })).rejects.toThrow(
    'digit classifiers are for 16 and 28 pixels, got 8',
  )
})
