/** What a denoiser is guided by: the settings, or a schedule with scales of its own. */
import { expect, test } from 'vitest'
import { gaussianDenoiser, samplingSchedule } from '../../diffusion/index.ts'
import { openGuidedDenoiser } from './classGuidance.ts'

const plain = {
  ...gaussianDenoiser({ mean: 0, std: 1, logSnrAt: () => ({ value: 0, slope: 0 }), imageShape: [1, 1, 2] }),
  conditional: true,
  classes: 2,
  nullClass: 2,
}
const opened = (given: object) => ({
  openDenoiser: async () => ({ denoiser: plain, close: async () => undefined }),
  conditional: true,
  nullClass: 2,
  trainable: null,
  ...given,
})
const scheduled = (guidance?: readonly number[]) => ({
  schedule: samplingSchedule({
    timesteps: 10,
    logSnr: [-1, 2],
    times: [8, 3],
    solver: { output: 0, ...(guidance && { guidance }) },
  }),
})
const options = { chunk: 4, device: 'cpu', class: null } as const
type Opened = Parameters<typeof openGuidedDenoiser>[0]

test.each([
  [null, undefined, 1],
  [1, undefined, 1],
  [3, undefined, 2],
  [null, [2, 0.5], 2],
  [1, [1, 1], 2],
])('scale %j, schedule %j: %d evaluations each', async (guidanceScale, guidance, each) => {
  const { denoiser } = await openGuidedDenoiser(
    opened({}) as Opened,
    { ...options, guidanceScale },
    scheduled(guidance),
  )
  expect(denoiser.evaluationsEach ?? 1).toBe(each)
  expect(denoiser.atScale !== undefined).toBe(each === 2)
})

test('a schedule that guides is refused where the model cannot be guided, with its scale', async () => {
  const open = (given: object, asked: object = {}) =>
    openGuidedDenoiser(opened(given) as Opened, { ...options, guidanceScale: null, ...asked }, scheduled([2, 0.5]))
  await expect(open({ conditional: false })).rejects.toThrow(/guidanceScale 2 is guidance towards a class/)
  await expect(open({ nullClass: undefined })).rejects.toThrow(/needs a class that stands for none/)
  await expect(open({}, { class: 'unconditional' })).rejects.toThrow(/needs a class to guide towards/)
})
