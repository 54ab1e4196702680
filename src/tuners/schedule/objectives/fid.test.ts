/** The Fréchet objective through a real compiled network and feature network: its gradient against central differences. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { float32, randomStream, relativeDifference } from '../../../base/index.ts'
import type { CompiledDenoiser, Denoiser, SamplerName, SamplingSchedule } from '../../../diffusion/index.ts'
import { anyBatch, compileDenoiser, samplerSettings, samplingSchedule } from '../../../diffusion/index.ts'
import { mul, sub, trace } from '../../../graph/index.ts'
import { onnxFeatures } from '../../../metrics/files/index.ts'
import type { ClassifierFeatures, FeatureNetwork, FrechetReference } from '../../../metrics/index.ts'
import { referenceMoments } from '../../../metrics/index.ts'
import { mlp } from '../../../nn/index.ts'
import { encodeModel } from '../../../onnx/index.ts'
import { errorOf, SHAPE, tinyData, tinyFeatures, tinyNetwork, tinyState } from '../tiny.fixture.ts'
import type { FrechetObjectiveOptions } from './fid.ts'
import { FrechetObjective } from './fid.ts'

const SAMPLES = 14
const LOG_SNR = [-3.1, -0.7, 1.2, 4]
const TIMES = [37.5, 26.2, 15.1, 4.7]

let features: FeatureNetwork
let reference: FrechetReference
let denoiser: CompiledDenoiser
const state = tinyState()

beforeAll(async () => {
  features = await tinyFeatures()
  const { images, count } = tinyData.splits.tuning
  reference = referenceMoments(await features.features(float32(images, [count, ...SHAPE])))
  denoiser = await compileDenoiser({ network: tinyNetwork, state, batch: 8, binding: 'fed' })
})
afterAll(() => Promise.all([features.dispose(), denoiser.dispose()]))

const objectiveOf = (sampler: SamplerName, options: Partial<FrechetObjectiveOptions> = {}) =>
  new FrechetObjective({
    denoiser,
    features,
    reference,
    // Unclipped: a difference across the kinks of clipping is no derivative.
    settings: samplerSettings({ sampler, clip: null }),
    samples: SAMPLES,
    seed: 8,
    ...options,
  })

const schedule = (logSnr: readonly number[] = LOG_SNR, times: readonly number[] = TIMES): SamplingSchedule =>
  samplingSchedule({ timesteps: 40, logSnr, times })

test('features in a file of others give the gradient of the same network here', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fid-file-'))
  const path = join(folder, 'features.onnx')
  const graph = trace({ image: { dtype: 'float32', shape: [6, ...SHAPE] } }, ({ image }) => ({
    rows: (features as ClassifierFeatures).trace(sub(mul(image, 0.5), 0.5)).features,
  }))
  await writeFile(path, encodeModel(graph))
  // A pixel x in [-1, 1] is u = (x + 1) / 2 and given as v = (u - .25) / .25 = 2 x + 1, of which the file makes x.
  const meanStd = { name: 'its own', mean: [0.25], std: [0.25], range: [0, 1] as const }
  const file = await onnxFeatures(path, { range: [0, 1], meanStd, imageShape: SHAPE })
  const [wanted, came] = [objectiveOf('ddim'), objectiveOf('ddim', { features: file })]
  const [a, b] = [await wanted.gradient(schedule(), 3), await came.gradient(schedule(), 3)]
  expect([came.differentiable, b.value]).toEqual([true, expect.closeTo(a.value, 5)])
  expect(relativeDifference(b.dLogSnr, a.dLogSnr)).toBeLessThan(1e-4)
  expect(relativeDifference(b.dTimes ?? [], a.dTimes ?? [])).toBeLessThan(1e-4)
  await file.dispose()
  await rm(folder, { recursive: true })
})

/** Fourth-order central difference. The network is float32: the step is where its rounding and the difference's own error meet. */
async function slope(f: (distance: number) => Promise<number>, h: number): Promise<number> {
  const [a, b, c, d] = [await f(-2 * h), await f(-h), await f(h), await f(2 * h)]
  return (8 * (c - b) - (d - a)) / (12 * h)
}

const moved = (values: readonly number[], i: number, distance: number) =>
  values.map((value, j) => (j === i ? value + distance : value))

describe.each(['ddim', 'dpm-solver++', 'ddpm'] as const)('gradient of %s', (sampler) => {
  test('in levels and told times', async () => {
    const objective = objectiveOf(sampler)
    const { value, dLogSnr, dTimes, dWeights } = await objective.gradient(schedule(), 3)
    expect(value).toBeCloseTo(await objective.value(schedule(), 3), 6)
    expect(dWeights).toBeUndefined()
    const times = dTimes ?? new Float64Array(0)
    const scales = [dLogSnr, times].map((gradient) => Math.max(...gradient.map(Math.abs)))
    for (let i = 0; i < LOG_SNR.length; i++) {
      const byLevel = await slope((d) => objective.value(schedule(moved(LOG_SNR, i, d)), 3), 0.02)
      const byTime = await slope((d) => objective.value(schedule(LOG_SNR, moved(TIMES, i, d)), 3), 0.1)
      expect(Math.abs(dLogSnr[i] - byLevel), `level ${i}`).toBeLessThan(2e-3 * scales[0])
      expect(Math.abs(times[i] - byTime), `time ${i}`).toBeLessThan(2e-3 * scales[1])
    }
    expect(scales.every((scale) => scale > 1e-3)).toBe(true)
  })

  test('in the weights', async () => {
    const objective = objectiveOf(sampler)
    const { dWeights = new Float32Array(0) } = await objective.gradient(schedule(), 3, true)
    expect(dWeights.length).toBe(state.weights.length)
    const norm = Math.sqrt(dWeights.reduce((sum, g) => sum + g * g, 0))
    for (const item of [0, 1]) {
      const direction = randomStream({ seed: 6, purpose: 'test', item }).normal(new Float32Array(dWeights.length))
      const at = async (distance: number) => {
        denoiser.setState({ ...state, weights: state.weights.map((w, i) => w + distance * direction[i]) })
        return objective.value(schedule(), 3)
      }
      const differences = await slope(at, 3e-3)
      denoiser.setState(state)
      const found = dWeights.reduce((sum, g, i) => sum + g * direction[i], 0)
      expect(Math.abs(found - differences)).toBeLessThan(5e-3 * norm)
    }
  })
})

test('through the last steps alone: their part of the whole gradient, and nothing of the others', async () => {
  const [all, last] = [objectiveOf('ddim'), objectiveOf('ddim', { through: 2 })]
  const [whole, part] = [await all.gradient(schedule(), 1), await last.gradient(schedule(), 1)]
  expect([...part.dLogSnr.subarray(0, 2)].every((g) => g === 0)).toBe(true)
  // The level after the first carried step enters that step alone, so the last level's gradient is whole.
  expect(part.dLogSnr[3]).toBeCloseTo(whole.dLogSnr[3], 6)
  expect(part.value).toBeCloseTo(whole.value, 6)
})

test('equal keys, equal noise; other keys and other seeds, other samples', async () => {
  const [objective, other] = [objectiveOf('ddpm'), objectiveOf('ddpm', { seed: 9 })]
  const at = await objective.value(schedule(), 2)
  expect(await objective.value(schedule(), 2)).toBe(at)
  expect(await objective.value(schedule(), 4)).not.toBe(at)
  expect(await other.value(schedule(), 2)).not.toBe(at)
})

/** Counts what is asked of a network, per image: forward 1; derivative in the input, with its own forward, 2; in the weights too, 3. */
function counted(inner: Denoiser): { readonly denoiser: Denoiser; spent(): number } {
  const any = anyBatch(inner)
  let spent = 0
  return {
    denoiser: {
      ...any,
      predict(x, ...rest) {
        spent += x.shape[0]
        return any.predict(x, ...rest)
      },
      vjp(x, time, condition, cotangent, options) {
        spent += x.shape[0] * (options?.weights ? 3 : 2)
        return any.vjp(x, time, condition, cotangent, options)
      },
    },
    spent() {
      const since = spent
      spent = 0
      return since
    },
  }
}

test.each(['all', 3, 9] as const)('cost with gradient through %s: what is spent', async (through) => {
  const { denoiser: watched, spent } = counted(denoiser)
  const objective = objectiveOf('ddim', { denoiser: watched, through })
  const { value, gradient, weightsGradient } = objective.cost(LOG_SNR.length)
  await objective.value(schedule(), 0)
  expect(spent()).toBe(value)
  await objective.gradient(schedule(), 0)
  expect(spent()).toBe(gradient)
  await objective.gradient(schedule(), 0, true)
  expect(spent()).toBe(weightsGradient)
})

test('classes are cycled over the items of the key', async () => {
  const network = mlp({ image_shape: [...SHAPE], hidden: [4], classes: 3 })
  const conditional = await compileDenoiser({ network, state: tinyState(network), batch: 14, binding: 'bound' })
  const told: number[] = []
  const watched: Denoiser = {
    ...conditional,
    imageShape: conditional.imageShape,
    predict(x, time, condition) {
      if (time === TIMES[0]) told.push(...(condition ?? []))
      return conditional.predict(x, time, condition)
    },
  }
  await objectiveOf('ddim', { denoiser: watched, condition: (item) => item % 3 }).value(schedule(), 2)
  expect(told).toEqual(Array.from({ length: SAMPLES }, (_, i) => (2 * SAMPLES + i) % 3))
  await conditional.dispose()
})

test('refuses too few samples, features without derivative and aborted work', async () => {
  expect(() => objectiveOf('ddim', { samples: 5 })).toThrow(expect.objectContaining({ code: 'objective.samples' }))
  const { vjp: _, ...plain } = features
  const blind = objectiveOf('ddim', { features: plain })
  expect(await errorOf(blind.gradient(schedule(), 0))).toMatchObject({ code: 'objective.derivative', kind: 'input' })
  const stopped = objectiveOf('ddim', { signal: AbortSignal.abort() })
  expect(await errorOf(stopped.value(schedule(), 0))).toMatchObject({ code: 'interrupted', kind: 'interrupted' })
})

test('images that clipping makes all alike have a gradient without the kink, and that is counted', async () => {
  const settings = samplerSettings({ sampler: 'ddim', clip: [2000, 2001] })
  const alike = objectiveOf('ddim', { settings })
  const { value, dLogSnr } = await alike.gradient(schedule(), 3)
  expect(alike.lastDropped).toBe(reference.factor.rank)
  expect(Number.isFinite(value) && dLogSnr.every((slope) => slope === 0)).toBe(true)
  await alike.value(schedule(), 3)
  expect(alike.lastDropped).toBe(0)
  const varied = objectiveOf('ddim')
  await varied.gradient(schedule(), 3)
  expect(varied.lastDropped).toBe(0)
})
