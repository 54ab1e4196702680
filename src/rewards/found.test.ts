/** Reward modules as people write them: each rates images that differ, or is refused in words that say what to do. */
import { describe, expect, test } from 'vitest'
import { randomStream, tensor } from '../base/index.ts'
import { moduleReward } from './module.ts'

const N = 1000
const noise = randomStream({ seed: 3, purpose: 'found' }).normal(new Float32Array(N * 4))
const images = tensor(
  'float32',
  [N, 1, 2, 2],
  noise.map((value) => Math.tanh(value)),
)

async function rate(
  name: string,
  onBad: 'stop' | 'drop' = 'stop',
  call: 'values' | 'gradient' = 'values',
): Promise<Float64Array> {
  const reward = await moduleReward(`test/found/rewards/${name}.mjs`, [0, 1], 60, onBad)
  try {
    return call === 'gradient' ? (await reward.gradient(images)).values : await reward.values(images)
  } finally {
    await reward.dispose()
  }
}

describe('modules as people write them', () => {
  test.each([
    [
      'map',
      'reward.function',
      /it threw: images.map is not a function \(it is called with \({ data, shape: \[n, channels/,
    ],
    ['nested', 'reward.shape', /image 0 got the list \[0\]; return a flat list/],
    ['null1', 'reward.nan', /image 50 got null; .* --on-bad-reward drop/],
    ['nan1', 'reward.nan', /image 500 got NaN; .* --on-bad-reward drop/],
    [
      'perimage',
      'reward.shape',
      /a list of 1000 for images \[1000,1,2,2\], got the single number .*; rate each image by itself/,
    ],
    ['random', 'reward.random', /the same batch, rated twice, got .* take out what is random/],
    ['strings', 'reward.shape', /image 0 got the text "0\.\d\d"; make numbers of texts with Number/],
  ])('%s', async (name, code, message) => {
    await expect(rate(name)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('one that is NaN at times reads pixels of other images: that is said first where such images are left out', async () => {
    await expect(rate('nan1', 'drop')).rejects.toThrow(/the pixels of image i are data.subarray\(i \* size/)
  })

  test('one whose derivative is a bare list', async () => {
    await expect(rate('torchlike', 'stop', 'gradient')).rejects.toThrow(
      /must return an object { values, gradient }, .* got a Float32Array of 4000; return both/,
    )
  })

  test('one in its own units', async () => {
    const values = await rate('big')
    expect(Math.max(...values)).toBeGreaterThan(5e5)
    expect(values.every((value) => value >= 0 && value <= 1e6)).toBe(true)
  })
})
