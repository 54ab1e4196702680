/** The enumeration of layers against the published numbers of parameters, to the last one. */
import { expect, test } from 'vitest'
import { decoderLayers, total, unetLayers } from './layers.ts'

test('the UNet of Stable Diffusion 1.5 has 859,520,964 parameters, its decoder 49,490,199 with the convolution before it', () => {
  expect(total(unetLayers(), 'parameters')).toBe(859_520_964)
  expect(total(decoderLayers(), 'parameters')).toBe(49_490_199)
})

test('convolutions and products at 512 pixels come to the 339 G multiplications that are commonly counted, attention aside', () => {
  const weighted = unetLayers().filter(({ kind }) => kind !== 'attention')
  expect(Math.round(total(weighted, 'operations') / 2e9)).toBe(339)
})
