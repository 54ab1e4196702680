/** x0Hat and epsHat' with a scaled noise prediction and a bound: values by the formula, derivatives by central differences. */
import { expect, test } from 'vitest'
import { flowLevel, flowLevelOf, levelOfLogSnr } from '../schedules/level.ts'
import type { DenoisingRule } from './denoised.ts'
import { denoised, denoisedVjp } from './denoised.ts'
import { PREDICTIONS } from './derivative.fixture.ts'

const [X, P] = [Float64Array.of(0.3, -1.2, 0.9, 2.4), Float64Array.of(-0.4, 0.7, 0.2, -1.1)]
const [G, H] = [Float64Array.of(0.5, -0.3, 1.1, 0.8), Float64Array.of(-0.2, 0.6, 0.4, 0.9)]
const CASES = PREDICTIONS.flatMap((prediction) =>
  (['keep', 'recompute'] as const).flatMap((clippedNoise) =>
    ([undefined, 'flow'] as const).map((path) => ({ prediction, clippedNoise, path })),
  ),
)

test.each(CASES)('$prediction, $clippedNoise, $path', ({ prediction, clippedNoise, path }) => {
  const levelAt = (logSnr: number) => (path ? flowLevel(1 / (1 + Math.exp(logSnr / 2))) : levelOfLogSnr(logSnr))
  const rule = (logSnr: number, scale: number, r: number): DenoisingRule => ({
    prediction,
    level: levelAt(logSnr),
    clip: [-r, r],
    clippedNoise,
    scale,
  })
  const value = (logSnr: number, scale: number, r: number) => {
    const { x0Hat, epsHat } = denoised(rule(logSnr, scale, r), X, P)
    return G.reduce((sum, g, i) => sum + g * x0Hat[i] + H[i] * epsHat[i], 0)
  }
  const at: [number, number, number] = [0.7, 0.9, 0.8]
  const { dLogSnr, dScale, dBound } = denoisedVjp(rule(...at), X, P, G, H)
  for (const [i, slope] of [dLogSnr, dScale, dBound].entries()) {
    const moved = (d: number) => value(...(at.with(i, at[i] + d) as [number, number, number]))
    expect(slope).toBeCloseTo((moved(1e-6) - moved(-1e-6)) / 2e-6, 7)
  }
  // The noise that is predicted, times the scale, is what x0Raw is made of.
  const { epsHat: eps } = denoised({ ...rule(0.7, 1, 0.8), clippedNoise: 'keep' }, X, P)
  const { signal, noise } = levelAt(0.7)
  const { x0Hat } = denoised(rule(...at), X, P)
  for (const [i, v] of X.entries()) {
    const raw = (v - noise * 0.9 * eps[i]) / signal
    expect(x0Hat[i]).toBeCloseTo(Math.min(0.8, Math.max(-0.8, raw)), 12)
  }
})

test.each(PREDICTIONS)('at noise alone a scale does nothing, %s prediction', (prediction) => {
  const rule = { prediction, level: flowLevelOf(1), clip: [-1, 1], clippedNoise: 'keep' } as const
  expect(denoised({ ...rule, scale: 1.3 }, X, P)).toEqual(denoised(rule, X, P))
  const back = denoisedVjp({ ...rule, scale: 1.3 }, X, P, G, H)
  expect(back).toEqual(denoisedVjp(rule, X, P, G, H))
  expect(back.dScale).toBe(0)
})
