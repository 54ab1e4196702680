/** What the normalisations share: parameters with one number per channel. */
import type { SymbolicTensor } from '../symbolic.ts'
import { reshape } from './shape.ts'

/** Checks that each named parameter is a vector with one number per channel. */
export function checkPerChannel(parameters: Readonly<Record<string, SymbolicTensor | null>>, channels: number): void {
  for (const [name, value] of Object.entries(parameters)) {
    if (value?.rank !== 1 || value.size !== channels) {
      throw new Error(
        `${name} must be [${channels}], one number per channel, got ${value ? `[${value.shape}]` : 'none'}`,
      )
    }
  }
}

/** A [channels] vector as [1, channels, 1, ...], to meet a tensor of that rank. */
export function perChannel(parameter: SymbolicTensor, rank: number): SymbolicTensor {
  return reshape(
    parameter,
    Array.from({ length: rank }, (_, axis) => (axis === 1 ? parameter.size : 1)),
  )
}
