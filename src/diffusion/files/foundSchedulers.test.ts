/** Scheduler files as people have them, test/found/schedulers: each read as what it is, or refused with what to do. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readScheduler } from './diffusersScheduler.ts'

function read(name: string) {
  const path = `test/found/schedulers/${name}.json`
  return readScheduler(readFileSync(path, 'utf8'), path)
}

test('ddim-linspace: the class steps to t - T // N, below 0 to the image', () => {
  const { planOf, notes } = read('ddim-linspace')
  const { told, to } = planOf({ steps: 4 })
  expect(told).toEqual([99, 66, 33, 0])
  const { levels } = planOf({ steps: 100 })
  // In 4 of 100 steps to 74, 41 and 8.
  for (const [i, time] of [74, 41, 8].entries()) expect(to[i]!.logSnr).toBe(levels[99 - time].logSnr)
  expect(to[3]).toBeNull()
  expect(notes).toEqual(['DDIMScheduler steps from t to t - T // N; here a step goes to the next time of the list'])
})

test('ddpm-learned-range: the first half of the output is the prediction, and that is said', () => {
  const { learnedVariance, notes } = read('ddpm-learned-range')
  expect(learnedVariance).toBe(true)
  expect(notes.join()).toMatch(/learned_range is taken as fixed_small: .* the first half is the prediction/)
})

test('ddpm-sample-prediction: x0, cosine betas, no clipping', () => {
  const { prediction, settings, schedule, notes } = read('ddpm-sample-prediction')
  expect(prediction).toBe('sample')
  expect(settings.clip).toBeNull()
  const share = (u: number) => Math.cos((((u + 0.008) / 1.008) * Math.PI) / 2) ** 2
  expect(schedule.alphaBar[499]).toBeCloseTo(share(0.5) / share(0), 6)
  expect(notes).toEqual([])
})

test('ddpm-trailing-13: the times of the class, though 13 does not divide T', () => {
  const { planOf } = read('ddpm-trailing-13')
  expect(planOf({ steps: 13 }).told).toEqual([999, 922, 845, 768, 691, 614, 537, 461, 384, 307, 230, 153, 76])
})

test('dpm-karras-cosine: levels are read, times that come more than once stop the class alone', () => {
  const { planOf, levelsOf } = read('dpm-karras-cosine')
  expect(levelsOf!({ steps: 7 }).told).toEqual([998, 998, 998, 997, 983, 682, 0])
  expect(() => planOf({ steps: 7 })).toThrow(/told time 998 comes more than once .* fails in its last step/)
})

test('dpm-lu-lambdas: evenly in log-SNR', () => {
  const { planOf } = read('dpm-lu-lambdas')
  const { levels } = planOf({ steps: 6 })
  const gaps = levels.slice(1).map(({ logSnr }, i) => logSnr - levels[i].logSnr)
  for (const gap of gaps) expect(gap).toBeCloseTo(gaps[0], 5)
})

test('euler-defaults: linspace, unclipped', () => {
  const { planOf, settings } = read('euler-defaults')
  expect(planOf({ steps: 5 }).told).toEqual([999, 749.25, 499.5, 249.75, 0])
  expect(settings.clip).toBeNull()
})

test('flowmatch-flux2: a flow whose shift is that of the image', () => {
  const { planOf, prediction, schedule, notes } = read('flowmatch-flux2')
  expect([prediction, schedule.path]).toEqual(['velocity', 'flow'])
  expect(() => planOf({ steps: 4 })).toThrow(/flowmatch-flux2.json: .* shifts by the size of the image/)
  const [small, large] = [256, 6400].map((tokens) => planOf({ steps: 4, tokens }).levels[1].noise)
  // 2/3 of (1, .001) shifted by e^.5 and e^1.15.
  const at = (mu: number) => (Math.exp(mu) * 0.667) / (1 + (Math.exp(mu) - 1) * 0.667)
  expect([small, large]).toEqual([expect.closeTo(at(0.5), 6), expect.closeTo(at(1.15), 6)])
  expect(notes[0]).toMatch(/is a flow: .* predicts eps - x0 and is told 1000 sigma/)
})

test('infinity-nan: fields that the class does not have do not stop it', () => {
  const { notes, stepList } = read('infinity-nan')
  expect(stepList).toBe('leading')
  expect(notes).toEqual(['null is taken as the default of DDIMScheduler: timestep_spacing'])
})

test('pndm-sd15: levels and times, its steps named', () => {
  const { timesOf, planOf, notes, settings } = read('pndm-sd15')
  expect(timesOf(5)).toEqual([801, 601, 401, 201, 1])
  expect(settings.clip).toBeNull()
  expect(notes[0]).toMatch(/PNDMScheduler takes pseudo Runge-Kutta and linear multistep steps, which no sampler here/)
  expect(() => planOf({ steps: 5 })).toThrow(/pndm-sd15.json: PNDMScheduler takes .* not here/)
})

test('trained-betas-wrong-length: both numbers', () => {
  expect(() => read('trained-betas-wrong-length')).toThrow(/num_train_timesteps = 1000 entries, got 4/)
})

test('zero-snr-epsilon is refused; zero-snr-vpred is read: x0Hat = -v where there is no signal', () => {
  expect(() => read('zero-snr-epsilon')).toThrow(
    /zero-snr-epsilon.json: rescale_betas_zero_snr must be false with noise/,
  )
  const { prediction, planOf } = read('zero-snr-vpred')
  const { levels, told } = planOf({ steps: 10 })
  expect([prediction, told[0], levels[0].noise]).toEqual(['velocity', 999, 1])
  expect(levels[0].signal).toBeLessThan(1e-20)
})

test('schedules of demos in browsers: betas with their products, and alphaBar alone, rounded', () => {
  const { schedule, notes } = read('betas-alphas-abars')
  expect(schedule.alphaBar[59]).toBeCloseTo(0.5449315780420319, 14)
  expect(notes).toEqual([])
  const rounded = read('acp-six-digits')
  expect(rounded.schedule.alphaBar[999]).toBeCloseTo(4e-5, 12)
  expect(rounded.notes.join()).toMatch(
    /^acp is rounded to 6 digits: log-SNRs at the ends are uncertain by 0.01\d, \d+ of them (is|are) as/,
  )
  const refused = (acp: readonly number[]) => () => readScheduler(JSON.stringify({ acp }), 'acp.json')
  expect(refused([0.8, 0.9])).toThrow(/acp.json: acp must fall, in \(0, 1\], got 0.9 at index 1 after 0.8/)
  expect(refused([0.9, 0])).toThrow(/got 0 at index 1/)
  expect(refused([1.2])).toThrow(/got 1.2 at index 0/)
})
