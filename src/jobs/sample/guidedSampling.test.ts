/** Guided images as `guidance.json` says: classes, what is told of them, and what is refused. */
import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { tensor } from '../../base/index.ts'
import type { SavedGuidance } from '../../diffusion/files/index.ts'
import { writeGuidance } from '../../diffusion/files/index.ts'
import type { Denoiser } from '../../diffusion/index.ts'
import { noiseSchedule, samplerSettings } from '../../diffusion/index.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { openGuidance, sampleLayers } from './guidedSampling.ts'
import { resolveSampleConfig } from './settings.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'guided-'))
  // Gives the class of each image, and takes no other image of that class than the model draws: all pixels at class/10.
  writeFileSync(
    join(folder, 'class.mjs'),
    `export default { needsClasses: true, range: [-1, 1], values: ({ data, shape: [n] }, classes) => {
      const size = data.length / n
      const wrong = (label, i) => Math.abs(data[i * size] - label / 10) > 1e-6
      if (classes.some(wrong)) throw new Error('images and classes are mixed up')
      return Array.from(classes)
    } }`,
  )
  writeFileSync(
    join(folder, 'pixel.mjs'),
    'export default ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[(i * data.length) / n])',
  )
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const IMAGE = [1, 2, 2]

/** Draws images of one grey each: the class in tenths, .5 without one. */
const denoiser: Denoiser = {
  prediction: 'sample',
  times: 'real',
  imageShape: IMAGE,
  differentiable: false,
  predict: async ({ shape, data }, _time, condition) => {
    const size = data.length / shape[0]
    const grey = Float32Array.from(data, (_, i) => (condition ? condition[Math.floor(i / size)] / 10 : 0.5))
    return tensor('float32', shape, grey)
  },
  vjp: () => Promise.reject(new Error('there is no derivative')),
}

/** Draws noise as it is. */
const noisy: Denoiser = {
  ...denoiser,
  predict: async ({ shape, data }) => tensor('float32', shape, Float32Array.from(data)),
}

const opened = (classes: number | undefined): OpenedModel =>
  ({
    imageShape: IMAGE,
    pictureShape: IMAGE,
    schedule: noiseSchedule({ family: 'cosine', timesteps: 20 }),
    hash: 'model',
    times: 'real',
    notes: [],
    schedules: [],
    conditional: classes !== undefined,
    classes,
    nullClass: classes,
  }) as unknown as OpenedModel

const SAVED: SavedGuidance = {
  entropyStrength: { value: 2, low: 1.5, high: 2.5, resolved: true },
  target: 'tilt',
  reward: '',
  rewardHash: 'another',
  judge: 'ink',
  through: 'network',
  minimumAlphaBar: 0,
  settings: samplerSettings({ eta: 1, clip: null }),
  samplingSchedule: { name: 'trailing', steps: 4 },
  learnedFor: 'model',
  class: null,
  rewardSettings: {
    ...{
      data: null,
      features: 'none',
      featuresOutput: null,
      featuresRange: null,
      judgeNetwork: 'none',
      rewardRange: null,
    },
  },
}

/** A module as the file records it. */
const hashed = (path: string) => ({ [path]: createHash('sha256').update(readFileSync(path)).digest('hex') })

function written(name: string, change: Partial<SavedGuidance>): string {
  const path = join(folder, name)
  const reward = change.reward ?? join(folder, 'class.mjs')
  const code = change.code ?? hashed(reward)
  writeFileSync(path, writeGuidance({ ...SAVED, reward, ...change, code }))
  return path
}

/** What `bilevel sample MODEL --guidance PATH …` draws. */
async function drawn(
  path: string,
  model: OpenedModel,
  given: Record<string, unknown> = {},
  by = denoiser,
  allowCode = true,
) {
  const flags = [{ source: 'flags', values: { guidance: path, count: 12, seed: 3, ...given } }]
  const config = resolveSampleConfig([...(await sampleLayers('model', flags)), ...flags])
  const guided = await openGuidance(path, model, config, { allowCode })
  try {
    const { images, notes } = await guided.draw({
      denoiser: by,
      count: config.count,
      seed: config.seed,
      onProgress: () => {},
    })
    const greys = Array.from({ length: config.count }, (_, i) => Math.round(10 * images.data[4 * i]))
    return { greys, notes: [...guided.notes, ...notes] }
  } finally {
    await guided.close()
  }
}

describe('a tilt', () => {
  test('of one class: the reward is told it, and the images are of it', async () => {
    const { greys, notes } = await drawn(written('one.json', { class: 7 }), opened(10))
    expect(greys).toEqual(new Array(12).fill(7))
    expect(notes.some((note) => note.includes('was tuned for class'))).toBe(false)
  })

  test('of the classes in turn: they compete, as the tuning had them, and all that weigh are drawn', async () => {
    const weak = await drawn(
      written('weak.json', { entropyStrength: { value: 1e4, low: 1e4, high: 1e4, resolved: true } }),
      opened(10),
    )
    expect(new Set(weak.greys).size).toBeGreaterThan(5)
    const strong = await drawn(
      written('strong.json', { entropyStrength: { value: 0.1, low: 0.1, high: 0.1, resolved: true } }),
      opened(10),
    )
    expect(strong.greys).toEqual(new Array(12).fill(9))
  })

  test('a class that is asked for instead is drawn, and said', async () => {
    const { greys, notes } = await drawn(written('one.json', { class: 7 }), opened(10), { class: 4 })
    expect(greys).toEqual(new Array(12).fill(4))
    expect(notes).toContainEqual(expect.stringMatching(/was tuned for class 7 and the images are drawn for class 4/))
  })

  test('what the reward and the weights have to say is passed on', async () => {
    const reward = join(folder, 'pixel.mjs')
    const strength = { value: 0.02, low: 0.02, high: 0.02, resolved: true }
    const { notes } = await drawn(
      written('pixel.json', { reward, entropyStrength: strength }),
      opened(undefined),
      {},
      noisy,
    )
    expect(notes).toContainEqual(expect.stringContaining("reward 'pixel.mjs' does not say which pixel range it takes"))
    expect(notes).toContainEqual(expect.stringContaining("reward 'pixel.mjs' was given pixels from"))
    expect(notes).toContainEqual(expect.stringMatching(/the 12 images descend from \d start/))
  })
})

describe('refused', () => {
  test.each([
    [
      'a class of another model',
      12,
      10,
      {},
      /class-12.json is for class 12, but this model takes a class, 0 to 9; got 12; sample from/,
    ],
    [
      'a class for a model without',
      2,
      undefined,
      {},
      /class-2.json is for class 2, but this model knows no classes, got class 2; sample from/,
    ],
    ['a class that is asked for', 2, 10, { class: 11 }, /^this model takes a class, 0 to 9; got 11$/],
  ] as const)('%s', async (_, saved, classes, given, message) => {
    const path = written(`class-${saved}.json`, { class: saved })
    await expect(drawn(path, opened(classes), given)).rejects.toMatchObject({
      code: 'sample.class',
      message: expect.stringMatching(message),
    })
  })

  test('a reward of the class, and images of none', async () => {
    const path = written('none.json', { class: 'unconditional' })
    await expect(drawn(path, opened(10))).rejects.toMatchObject({ code: 'reward.classes' })
  })
})

describe('code that a guidance file names', () => {
  const ranAt = () => join(folder, 'ran')
  const reward = () => {
    const path = join(folder, 'evil.mjs')
    writeFileSync(
      path,
      `import { writeFileSync } from 'node:fs'
      writeFileSync(${JSON.stringify(ranAt())}, '')
      export default { range: [-1, 1], values: ({ data, shape: [n] }) => Array.from({ length: n }, (_, i) => data[4 * i]) }`,
    )
    return path
  }

  test('is not loaded unless it is allowed, and the error says what would run', async () => {
    const path = written('evil.json', { reward: `0.5*${reward()} + ink`, code: hashed(reward()) })
    await expect(drawn(path, opened(undefined), {}, noisy, false)).rejects.toMatchObject({
      code: 'code.notAllowed',
      message: expect.stringMatching(
        /evil.json names code that would run .*: \S*evil.mjs; .* allow it with --allow-code$/,
      ),
    })
    expect(existsSync(ranAt())).toBe(false)
    await drawn(path, opened(undefined), {}, noisy, true)
    expect(existsSync(ranAt())).toBe(true)
    rmSync(ranAt())
  })

  test.each([
    ['of another hash', { changed: true }],
    ['without one', {}],
  ])('is not loaded %s, allowed or not', async (_, { changed }: { changed?: boolean }) => {
    const code = changed ? Object.fromEntries([[reward(), 'f'.repeat(64)]]) : {}
    const path = written('changed.json', { reward: reward(), code })
    for (const allowed of [true, false]) {
      await expect(drawn(path, opened(undefined), {}, noisy, allowed)).rejects.toMatchObject({
        code: 'code.changed',
        message: expect.stringMatching(
          /must be (f{64}|none), that of \S*evil.mjs is [0-9a-f]{64}; nothing of it was run/,
        ),
      })
    }
    expect(existsSync(ranAt())).toBe(false)
  })
})
