/** The enumeration of layers against the published numbers of parameters, to the last one. */
import { expect, test } from 'vitest'
import { decoderLayers, total, unetLayers } from './layers.ts'

test('the UNet of Stable Diffusion 1.5 has 859,520,964 parameters, its decoder 49,490,199 with the convolution before it', () => {
  expect(total(unetLayers(), 'parameters')).toBe(859_520_964)
  expect(total(decoderLayers(), 'parameters')).toBe(49_490_199)
})

test('operations of a call at 512 pixels', () => {
  // 0.68 Tflop: 338.7 G multiplications with additions, as others count them.
  expect(total(unetLayers(), 'operations') / 2e9).toBeGreaterThan(330)
  expect(total(unetLayers(), 'operations') / 2e9).toBeLessThan(410)
})
