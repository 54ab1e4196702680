/** What a network is told in Python, as a multiple of the time and a number. */
import type { UsedConvention } from '../opening/conventionRecord.ts'

/** Null: it takes more than that, or what it predicts is to be converted. */
export function pythonTime({
  convention: { prediction, pixels, time, timeScale },
  trained,
}: UsedConvention): { readonly timeScale: number; readonly timeOffset?: number } | null {
  if (pixels.join() !== '-1,1' || !['noise', 'sample', 'velocity', 'flow'].includes(prediction)) return null
  const last = trained.timesteps - 1
  const whole = trained.path === 'flow' ? last : trained.timesteps
  const affine = { index: [1, 0], 'from-one': [1, 1], fraction: [1 / whole, 0], reversed: [-1, last] }
  const known = { ...affine, 'reversed-fraction': [-1 / whole, 1] }
  if (!(time in known)) return null
  const [scale, offset] = known[time as keyof typeof known]
  return { timeScale: timeScale * scale, ...(offset !== 0 && { timeOffset: timeScale * offset }) }
}
