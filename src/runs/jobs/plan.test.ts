/** Plans of jobs from their settings: against counts by hand, and as `--dry-run` words them. */
import { expect, test } from 'vitest'
import { inputError } from '../../base/index.ts'
import { resolveEntropyConfig } from './entropyConfig.ts'
import { planEntropy, planLine, planSchedule } from './plan.ts'
import { resolveScheduleConfig } from './scheduleConfig.ts'

const given = (values: Record<string, unknown>) => [{ source: 'the test', values }]

test('schedule: more steps of training cost their evaluations and their seconds, not more memory', async () => {
  const planned = (trainSteps: number) =>
    planSchedule(resolveScheduleConfig(given({ preset: 'tiny', trainSteps, batch: 16 })))
  const [few, many] = [await planned(10), await planned(1_000_010)]
  expect(many.networkEvaluations - few.networkEvaluations).toBe(1_000_000 * 3 * 16)
  expect(few.atMost).toBe(false)
  expect(few.seconds).toBeGreaterThan(0)
  expect(many.seconds).toBeGreaterThan(100 * Number(few.seconds))
  expect(many.memoryMiB).toBe(few.memoryMiB)
})

test('schedule of a model that is there: no training, and the memory of kept activations where tuning keeps them', async () => {
  const settings = {
    model: 'digits-16',
    samplingSteps: 5,
    iterations: 2,
    candidateSamples: 100,
    evaluationSamples: 100,
  }
  const [tuned, trained] = [
    await planSchedule(resolveScheduleConfig(given(settings))),
    await planSchedule(resolveScheduleConfig(given({ ...settings, learn: 'tied' }))),
  ]
  expect(tuned.networkEvaluations).toBeLessThan(trained.networkEvaluations)
  // 96 images and five steps less of what 269 KiB each are kept of; the tied problem trains and keeps none.
  const fewer = await planSchedule(resolveScheduleConfig(given({ ...settings, tuningSamples: 96 })))
  expect(Number(tuned.memoryMiB) - Number(fewer.memoryMiB)).toBeCloseTo((96 * 5 * 269) / 1024, -1)
  expect(Number(fewer.memoryMiB)).toBeLessThan(Number(trained.memoryMiB))
})

test('entropy: what it may take at most, by hand', async () => {
  const settings = { maxEvaluations: 50_000, curvePoints: 7, curvePaths: 20, gridImages: 4, steps: 6 }
  const plan = await planEntropy(resolveEntropyConfig(given(settings)))
  // paths at the curve's points, the base model and the chosen lambda, and four grids: three evaluations a step
  expect(plan.networkEvaluations).toBe(50_000 + ((7 + 2) * 20 + 4 * 4) * 3 * 6)
  expect(plan.atMost).toBe(true)
  expect(plan.seconds).toBeGreaterThan(0)
})

test('in words', async () => {
  const plan = { networkEvaluations: 1_234_567, atMost: false, seconds: 125, memoryMiB: 812.4 }
  expect(await planLine(Promise.resolve(plan))).toBe(
    'plan: 1,234,567 network evaluations, about 2 min 05 s on this machine if it is idle, about 812 MiB',
  )
  const file = { networkEvaluations: 40, atMost: true, seconds: null, memoryMiB: null }
  expect(await planLine(Promise.resolve(file))).toBe(
    'plan: at most 40 network evaluations; seconds and memory of an ONNX file are not known',
  )
  expect(await planLine(Promise.reject(inputError('schedule.model', 'a model must be there')))).toBe(
    'plan: not known, as a model must be there',
  )
  await expect(planLine(Promise.reject(new Error('a bug')))).rejects.toThrow('a bug')
})
