import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { BilevelError, randomStream } from '../../base/index.ts'
import type { Optimizer } from '../../nn/index.ts'
import { adamw, emaDecay, flatSize, mlp, sgd, shuffleUnet } from '../../nn/index.ts'
import { noiseSchedule } from '../schedules/noiseSchedule.ts'
import type { TrainedState } from './train.ts'
import { train } from './train.ts'
import { SETTLING_BATCHES, Trainer } from './trainer.ts'
import type { TrainerOptions, TrainingImages } from './trainerOptions.ts'

const COUNT = 24
const PIXELS = 16

/** Images of two kinds, left half bright or right half bright, with a little noise; the kind is the label. */
function images(count = COUNT): TrainingImages {
  const labels = Int32Array.from({ length: count }, (_, i) => i % 2)
  const random = randomStream({ seed: 9, purpose: 'test' })
  const pixels = Float32Array.from({ length: count * PIXELS }, (_, i) => {
    const bright = Number(i % 4 < 2) === labels[Math.floor(i / PIXELS)]
    return (bright ? 0.8 : -0.8) + 0.1 * (random.uniform() - 0.5)
  })
  return { images: pixels, labels, count }
}

const network = mlp({ image_shape: [1, 4, 4], hidden: [24], time_width: 8 })
const schedule = noiseSchedule({ family: 'cosine', timesteps: 50, tau: 1.2, start: 0.02 })
const rate = (step: number) => 4e-3 / (1 + step / 30)

const trainerOf = (options: Partial<TrainerOptions> = {}) =>
  Trainer.create({
    network,
    data: images(),
    timesteps: 50,
    optimizer: adamw({ weightDecay: 0.02 }),
    batch: 7,
    seed: 4,
    ...options,
  })

const errorOf = async (action: Promise<unknown>): Promise<BilevelError> => {
  const error: unknown = await action.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (error instanceof BilevelError) return error
  throw new Error(`expected a BilevelError, got ${error}`)
}

let trainer: Trainer
beforeAll(async () => {
  trainer = await trainerOf()
})
afterAll(() => trainer.dispose())

describe('minibatches', () => {
  test('minibatch k depends on (seed, k) alone, not on what was drawn before', async () => {
    const [later, first] = [trainer.draw(11), trainer.draw(0)]
    const fresh = await trainerOf()
    const other = await trainerOf({ seed: 5 })
    expect(fresh.draw(0)).toEqual(first)
    expect(fresh.draw(11)).toEqual(later)
    expect(other.draw(11).images).not.toEqual(later.images)
    expect(other.draw(11).noise).not.toEqual(later.noise)
    expect(other.draw(11).times).not.toEqual(later.times)
    await Promise.all([fresh.dispose(), other.dispose()])
  })

  test('one epoch shows every image once', () => {
    const data = images()
    const seen = new Map<string, number>()
    for (let step = 0; step < COUNT; step++) {
      const drawn = trainer.draw(step).images
      for (let i = 0; i < 7; i++) {
        const key = drawn.subarray(i * PIXELS, (i + 1) * PIXELS).join()
        seen.set(key, (seen.get(key) ?? 0) + 1)
      }
    }
    expect(seen.size).toBe(COUNT)
    expect([...seen.values()].every((times) => times === 7)).toBe(true)
    expect(seen.has(data.images.subarray(0, PIXELS).join())).toBe(true)
  })

  test('conditional: the share told the null class is what was asked for, the others are told their label', async () => {
    const classes = mlp({ image_shape: [1, 4, 4], hidden: [4], classes: 2 })
    const conditional = await trainerOf({ network: classes, batch: 24, dropCondition: 0.3 })
    let dropped = 0
    const steps = 100
    for (let step = 0; step < steps; step++) {
      const { condition = [], images: drawn } = conditional.draw(step)
      condition.forEach((told: number, i: number) => {
        if (told === 2) dropped++
        else expect(told).toBe(Number(drawn[i * PIXELS] > 0))
      })
    }
    const deviation = Math.sqrt((0.3 * 0.7) / (24 * steps))
    expect(Math.abs(dropped / (24 * steps) - 0.3)).toBeLessThan(4 * deviation)
    await conditional.dispose()
  })

  test('without a null class every image is told its label, and a share of none is refused', async () => {
    const { nullClass: _, ...classes } = mlp({ image_shape: [1, 4, 4], hidden: [4], classes: 2 })
    const conditional = await trainerOf({ network: classes, batch: 24 })
    for (let step = 0; step < 10; step++) {
      const { condition = [], images: drawn } = conditional.draw(step)
      condition.forEach((told: number, i: number) => void expect(told).toBe(Number(drawn[i * PIXELS] > 0)))
    }
    await conditional.dispose()
    const refused = await errorOf(trainerOf({ network: classes, dropCondition: 0.2 }))
    expect(refused).toMatchObject({
      code: 'training.labels',
      message: expect.stringMatching(/no null class.*share of 0.2/),
    })
  })
})

describe('train', () => {
  test('40 steps are 20 steps and 20 more, to the bit, from the state that a step handed out', async () => {
    const whole = await train(trainer, { steps: 40, schedule, rate })
    let half: TrainedState | undefined
    await train(trainer, {
      steps: 22,
      schedule,
      rate,
      onStep({ step }, state) {
        if (step === 20) half = state
      },
    })
    const fresh = await trainerOf()
    const resumed = await train(fresh, { steps: 40, schedule, rate, ...(half && { from: half }) })
    await fresh.dispose()
    expect(half?.training.step).toBe(20)
    expect(resumed).toEqual(whole)
    expect(resumed.ema).not.toEqual(resumed.training.weights)
  })

  test('passing states: the same result, each intact until the next call is over and empty then', async () => {
    const whole = await train(trainer, { steps: 6, schedule, rate })
    const from = await train(trainer, { steps: 2, schedule, rate })
    const kept = structuredClone(from)
    const states: TrainedState[] = []
    const lengths = () =>
      states.map(({ training, ema }) => [training.weights, ...Object.values(training.slots), ema].map((v) => v.length))
    const size = from.ema.length
    const passed = await train(trainer, {
      steps: 6,
      schedule,
      rate,
      from,
      passing: true,
      onStep(_, state) {
        states.push(state)
        expect(
          lengths()
            .slice(-2)
            .flat()
            .every((length) => length === size),
        ).toBe(true)
        expect(
          lengths()
            .slice(0, -2)
            .flat()
            .every((length) => length === 0),
        ).toBe(true)
      },
    })
    expect(states.length).toBe(4)
    expect(passed).toEqual(whole)
    expect(states.at(-1)).toEqual(whole)
    expect(from).toEqual(kept)
  })

  test('EMA: decay min(largest, (k + 1)/(k + 10)) after step k', async () => {
    const visited: Float32Array[] = []
    const maxDecay = 0.4
    const { ema } = await train(trainer, {
      steps: 9,
      schedule,
      rate,
      maxDecay,
      onStep: (_, { training }) => void visited.push(training.weights),
    })
    let expected = Float64Array.from(trainer.initialState().weights)
    visited.forEach((weights, i) => {
      const decay = Math.min(maxDecay, (i + 2) / (i + 11))
      expect(emaDecay(i + 1, maxDecay)).toBe(decay)
      expected = expected.map((average, j) => decay * average + (1 - decay) * weights[j])
    })
    expect(Math.max(...expected.map((value, j) => Math.abs(value - ema[j])))).toBeLessThan(1e-6)
  })

  test('the loss falls', async () => {
    const losses: number[] = []
    await train(trainer, { steps: 300, schedule, rate: () => 5e-3, onStep: ({ loss }) => void losses.push(loss) })
    const mean = (part: number[]) => part.reduce((sum, loss) => sum + loss / part.length, 0)
    expect(mean(losses.slice(-50))).toBeLessThan(0.6 * mean(losses.slice(0, 20)))
  })

  test('what a step leads to is finished before the failure of the next one is told', async () => {
    const failing = await trainerOf()
    let hasFailed = () => {}
    const failed = new Promise<void>((resolve) => {
      hasFailed = resolve
    })
    failing.step = async (...call) => {
      if (call[0].step < 2) return trainer.step(...call)
      hasFailed()
      throw new Error('the third step')
    }
    const done: number[] = []
    const onStep = async ({ step }: { readonly step: number }) => {
      // What the second step leads to takes longer than the failure of the third.
      if (step === 2) await failed.then(() => new Promise((resolve) => setImmediate(resolve)))
      done.push(step)
    }
    await expect(train(failing, { steps: 5, schedule, rate: () => 1e-3, onStep })).rejects.toThrow('the third step')
    expect(done).toEqual([1, 2])
    await failing.dispose()
  })

  test('an aborted signal stops it after the step under way', async () => {
    const controller = new AbortController()
    const steps: number[] = []
    const error = await errorOf(
      train(trainer, {
        steps: 30,
        schedule,
        rate,
        signal: controller.signal,
        onStep: ({ step }) => {
          steps.push(step)
          if (step === 3) controller.abort()
        },
      }),
    )
    expect(error).toMatchObject({ kind: 'interrupted', code: 'interrupted' })
    // The step that was under way by then is finished.
    expect(steps).toEqual([1, 2, 3, 4])
  })
})

describe('numbers that are no longer finite', () => {
  test('a loss: training.nan names the step', async () => {
    const start = trainer.initialState()
    const broken = { ...start, weights: start.weights.map((weight, i) => (i === 3 ? Number.NaN : weight)), step: 17 }
    const error = await errorOf(trainer.step(broken, schedule, trainer.draw(17), 1e-3))
    expect(error).toMatchObject({ kind: 'failed', code: 'training.nan' })
    expect(error.message).toMatch(/step 18 gave NaN.*start again with a learning rate below 0\.001/)
  })

  test('new weights, while the loss before the step still is: no state with them is handed out', async () => {
    const plain = await trainerOf({ optimizer: sgd() satisfies Optimizer, clip: null })
    const states: number[] = []
    const error = await errorOf(
      train(plain, {
        steps: 4,
        schedule,
        rate: (step) => (step === 1 ? Number.POSITIVE_INFINITY : 1e-3),
        onStep: ({ step }) => void states.push(step),
      }),
    )
    expect(error.code).toBe('training.nan')
    expect(error.message).toMatch(/step 2 gave weights that are not/)
    expect(states).toEqual([1])
    await plain.dispose()
  })
})

describe('running statistics', () => {
  const indexed = shuffleUnet({ sample_size: 4, base_dim: 4, dim_mults: [2], timesteps: 50, time_embedding_dim: 4 })

  test('settle: made for the weights, whatever they were, and weights stay', async () => {
    const shuffled = await trainerOf({ network: indexed, batch: 8 })
    const { training } = await train(shuffled, { steps: 3, schedule, rate })
    expect(training.statistics).not.toEqual(shuffled.initialState().statistics)
    const far = { ...training, statistics: training.statistics.map((value) => value + 3) }
    const [one, two] = [await shuffled.settle(training, schedule), await shuffled.settle(far, schedule)]
    expect(one.weights).toBe(training.weights)
    const left = 0.9 ** SETTLING_BATCHES
    one.statistics.forEach((value, i) => {
      expect(two.statistics[i] - value).toBeCloseTo(3 * left, 4)
    })
    await shuffled.dispose()
  })

  test('networks without them are left as they are', async () => {
    const state = trainer.initialState()
    expect(await trainer.settle(state, schedule)).toBe(state)
    expect(state.statistics.length).toBe(0)
  })

  test('a table of times shorter than the schedule is refused', async () => {
    const error = await errorOf(trainerOf({ network: indexed, timesteps: 51 }))
    expect(error).toMatchObject({ kind: 'input', code: 'training.timesteps' })
  })
})

test('lowerGradient leaves the state alone and is a function of the minibatch', async () => {
  const state = trainer.initialState()
  const before = state.weights.slice()
  const minibatch = trainer.draw(2)
  const first = await trainer.lowerGradient(state, schedule, minibatch)
  const step = await trainer.step(state, schedule, minibatch, 1e-2)
  const second = await trainer.lowerGradient(state, schedule, minibatch)
  expect(second).toEqual(first)
  expect(first.loss).toBeCloseTo(step.loss, 6)
  expect(state.weights).toEqual(before)
  expect([first.dSignal.length, first.dNoise.length]).toEqual([7, 7])
})

test('extraGradient of a plain step moves the weights by rate times it', async () => {
  const plain = await trainerOf({ optimizer: sgd(), clip: null })
  const state = plain.initialState()
  const extra = new Float32Array(flatSize(network.parameters)).map((_, i) => Math.sin(i))
  const [without, zeros, withIt] = [
    await plain.step(state, schedule, plain.draw(0), 0.5),
    await plain.step(state, schedule, plain.draw(0), 0.5, new Float32Array(extra.length)),
    await plain.step(state, schedule, plain.draw(0), 0.5, extra),
  ]
  expect(zeros).toEqual(without)
  withIt.weights.forEach((value, i) => {
    expect(value).toBeCloseTo(without.weights[i] - 0.5 * extra[i], 5)
  })
  await plain.dispose()
})

test('data that do not fit the network are refused before anything is compiled', async () => {
  const classes = mlp({ image_shape: [1, 4, 4], hidden: [4], classes: 1 })
  expect(await errorOf(trainerOf({ data: { ...images(), count: 3 } }))).toMatchObject({ code: 'training.images' })
  expect(await errorOf(trainerOf({ network: classes }))).toMatchObject({ code: 'training.labels' })
  const unlabelled = { ...images(), labels: null }
  expect(await errorOf(trainerOf({ network: classes, data: unlabelled }))).toMatchObject({ code: 'training.labels' })
})
