/** The search on an exact mixture in float64: what it does at each of its states is done again here by hand. */
import { beforeAll, describe, expect, test } from 'vitest'
import { randomStream } from '../../../base/index.ts'
import { dataFromArrays } from '../../../data/index.ts'
import type { Denoiser } from '../../../diffusion/index.ts'
import { continuousCosine, functionDenoiser, gaussianDenoiser, noiseSchedule } from '../../../diffusion/index.ts'
import { functionFeatures, meanAndStandardError } from '../../../metrics/index.ts'
import { defaultPlans, planOf, rankDefaults } from '../candidates.ts'
import type { Job } from '../job.ts'
import { openJob } from '../job.ts'
import { openObjective } from '../objectives/open.ts'
import type { Decision, StartTrial, TuningRecord } from '../result.ts'
import type { LearnSettings } from '../settings/index.ts'
import { learnedSampler, learnSettings } from '../settings/index.ts'
import { errorOf } from '../tiny.fixture.ts'
import { searchedSchedules } from '../tuning.ts'
import { DECISION_KEYS } from './cost.ts'
import { roundsOf } from './halving.ts'
import { Search, stillMoving, tuningSeed } from './search.ts'
import { familyFrom, startPool } from './startPool.ts'
import type { SearchState, StartRun } from './state.ts'
import { SEARCH_START } from './state.ts'

const schedule = noiseSchedule({ family: 'cosine', timesteps: 200 })
const features = functionFeatures({
  name: 'u, 2u^2',
  imageShape: [1, 1, 1],
  dimensions: 2,
  features: ({ data }) => [...data].flatMap((u) => [u, 2 * u * u]),
  vjp: ({ data }, g) => data.map((u, i) => g[2 * i] + 4 * u * g[2 * i + 1]),
})
/** N(.4, .3^2) and a model that takes it to be N(.1, .5^2), so that something can be learned. */
const drawn = (purpose: string) =>
  randomStream({ seed: 4, purpose })
    .normal(new Float64Array(200))
    .map((z) => 0.4 + 0.3 * z)
const data = dataFromArrays({
  name: 'numbers',
  imageShape: [1, 1, 1],
  classes: [],
  tuning: drawn('tuning'),
  heldOut: drawn('held out'),
})
const logSnrAt = continuousCosine(200)
const denoiser = gaussianDenoiser({ mean: 0.1, std: 0.5, logSnrAt: (time) => logSnrAt(time + 0.5) })

const settingsOf = (settings: Partial<LearnSettings> = {}): LearnSettings =>
  learnSettings({
    timesteps: 200,
    samplingSteps: 3,
    iterations: 8,
    starts: 4,
    tuningSamples: 40,
    candidateSamples: 20,
    evaluationSamples: 20,
    samplingSeeds: [1],
    seed: 3,
    ...settings,
  })

async function openedAt(settings: Partial<LearnSettings> = {}, model: Denoiser = denoiser) {
  const job = await openJob({
    subject: { kind: 'foreign', denoiser: model, schedule },
    data,
    features,
    judge: null,
    settings: settingsOf(settings),
  })
  const [best] = await rankDefaults(job, model)
  const incumbent = planOf(job, best)
  return { job, incumbent, search: new Search(job, model, incumbent) }
}

interface Heard {
  readonly states: SearchState[]
  readonly trials: StartTrial[]
  readonly iterations: (TuningRecord & { readonly start: string; readonly evaluations: number })[]
  readonly decisions: Decision[]
}
async function runOf(search: Search, from: SearchState = SEARCH_START): Promise<Heard & { end: SearchState }> {
  const heard: Heard = { states: [], trials: [], iterations: [], decisions: [] }
  const end = await search.run(from, {
    onTrial: (trial) => void heard.trials.push(trial),
    onIteration: (record, start, evaluations) => void heard.iterations.push({ ...record, start, evaluations }),
    onDecision: (decision) => void heard.decisions.push(decision),
    onState: (state) => void heard.states.push(structuredClone(state)),
  })
  return { ...heard, end }
}

const objectiveOf = (job: Job, samples: number, seed: number) =>
  openObjective(job, denoiser, { samples, seed, ranking: true })

describe('a search from many starts', () => {
  let job: Job
  let search: Search
  let run: Awaited<ReturnType<typeof runOf>>
  let incumbent: Awaited<ReturnType<typeof openedAt>>['incumbent']
  beforeAll(async () => {
    ;({ job, search, incumbent } = await openedAt())
    run = await runOf(search)
  })

  const familyOf = (name: string) => {
    const point = startPool(job.settings, schedule, 'real').find((one) => one.name === name)
    if (!point) throw new Error(`no start ${name}`)
    return familyFrom(job.settings, schedule, 'real', point.sampling)
  }

  test('screens the whole pool on the same noise, by rounds', async () => {
    const pool = startPool(job.settings, schedule, 'real')
    const rounds = roundsOf(pool.length, 40)
    expect(rounds.length).toBe(3)
    const per = (samples: number) => run.trials.filter((trial) => trial.samples === samples)
    expect(rounds.map(({ samples }) => per(samples).length)).toEqual(rounds.map(({ entrants }) => entrants))
    expect(per(rounds[0].samples).map(({ name }) => name)).toEqual(pool.map(({ name }) => name))
    for (const { samples } of rounds) {
      const objective = objectiveOf(job, samples, 3 + 2 ** 33)
      for (const { name, value } of per(samples).slice(0, 5)) {
        const family = familyOf(name)
        expect(value).toBe(await objective.value(family.toSchedule(family.initial), 0))
      }
    }
    const trials = run.end.trials ?? []
    expect(trials.length).toBe(pool.length)
    const finals = trials.filter(({ samples }) => samples === 40)
    expect(trials.slice(0, finals.length)).toEqual(finals)
    expect(finals).toEqual(finals.toSorted((a, b) => (a.value ?? 0) - (b.value ?? 0)))
  })

  test('tunes the best that lie apart: some level differs by a log-SNR of one', () => {
    const trials = run.end.trials ?? []
    const levelsOf = (name: string) => {
      const family = familyOf(name)
      return family.toSchedule(family.initial).levels.map(({ logSnr }) => logSnr)
    }
    const apart = (a: string, b: string) =>
      Math.max(...levelsOf(a).map((level, i) => Math.abs(level - levelsOf(b)[i]))) >= 1
    const chosen: string[] = []
    for (const { name } of trials) {
      if (chosen.length < 4 && chosen.every((other) => apart(name, other))) chosen.push(name)
    }
    expect(run.end.runs.map(({ start }) => start)).toEqual(chosen)
    expect(chosen[0]).toBe(trials[0].name)
    for (const { start, history } of run.end.runs) {
      expect(Object.values(history[0].parameters)).toEqual([...familyOf(start).initial])
    }
  })

  test('the better half goes on after 2 and after 4 iterations, by the mean of its last values', () => {
    const { runs } = run.end
    const lengths = runs.map(({ history }) => history.length)
    expect(lengths.toSorted()).toEqual([2, 2, 4, 8])
    const meanOf = ({ history }: StartRun, until: number) => {
      const values = history.slice(0, until).map(({ value }) => value ?? Number.NaN)
      return meanAndStandardError(values.slice(Math.floor(until / 2))).mean
    }
    const better = (list: readonly StartRun[], until: number) =>
      list.toSorted((a, b) => meanOf(a, until) - meanOf(b, until))
    const two = better(runs, 2).slice(0, 2)
    const [one] = better(two, 4)
    expect(
      runs
        .filter(({ history }) => history.length > 2)
        .map(({ start }) => start)
        .toSorted(),
    ).toEqual(two.map(({ start }) => start).toSorted())
    expect(runs.filter(({ out }) => !out)).toEqual([one])
    expect(one.history.length).toBe(8)
  })

  test('iteration i is on the same noise from every start', async () => {
    const objective = objectiveOf(job, 40, tuningSeed(3))
    for (const { start, history } of run.end.runs) {
      const family = familyOf(start)
      for (const [i, { value, parameters }] of history.entries()) {
        const vector = Float64Array.from(family.names, (name) => parameters[name])
        expect(value).toBeCloseTo(await objective.value(family.toSchedule(vector), i), 12)
      }
    }
  })

  test('what is found is the average of the last third of the winner’s iterates', () => {
    const found = search.found(run.end)
    const winner = run.end.runs.find(({ out }) => !out)
    if (!winner) throw new Error('no winner')
    // Of 8 iterations: before the 7th, before the 8th, and after it.
    const last = [winner.history[6], winner.history[7]].map(({ parameters }) =>
      found.family.names.map((name) => parameters[name]),
    )
    last.push([...winner.tuning.upper.samplingSchedule])
    expect(found.start).toBe(winner.start)
    for (const [i, value] of found.vector.entries()) {
      expect(value).toBeCloseTo((last[0][i] + last[1][i] + last[2][i]) / 3, 12)
    }
    expect(found.sampling).toEqual(found.family.toSchedule(found.vector))
    expect(last[0]).not.toEqual(last[1])
  })

  test('the decision: paired differences of the held-back images over keys that nothing else has used', async () => {
    expect(job.decisionReference).not.toBeNull()
    const held = { ...job, tuningReference: job.decisionReference } as Job
    const objective = objectiveOf(held, 20, 3 + 2 ** 34)
    const { sampling } = search.found(run.end)
    const differences: number[] = []
    for (let key = 0; key < DECISION_KEYS; key++) {
      const best = await objective.value(incumbent.schedule, key, incumbent.settings)
      differences.push(best - (await objective.value(sampling, key, learnedSampler(job.settings))))
    }
    const { mean, standardError } = meanAndStandardError(differences)
    const { decision } = run.end
    expect(decision?.difference.mean).toBeCloseTo(mean, 12)
    expect(decision?.difference.standardError).toBeCloseTo(standardError ?? Number.NaN, 12)
    expect(decision?.images).toBe(DECISION_KEYS * 20)
    expect(decision?.kept).toBe(mean > (standardError ?? 0) ? 'learned' : 'start')
    expect(run.decisions).toEqual([decision])
  })

  test('here it is learned what is kept, and it is what is returned', () => {
    expect(run.end.decision?.kept).toBe('learned')
    const learned = searchedSchedules(job, search, run.end, incumbent)
    expect(learned.sampling).toEqual(search.found(run.end).sampling)
    expect(learned.settings).toEqual(learnedSampler(job.settings))
    expect(learned.family).toBe('levels')
  })

  test('every evaluation is in its account: screening, iterations, decision', () => {
    const pool = startPool(job.settings, schedule, 'real')
    const screened = 3 * roundsOf(pool.length, 40).reduce((sum, { samples, entrants }) => sum + samples * entrants, 0)
    const tuned = (2 + 2 + 4 + 8) * 3 * 40 * 3
    expect(run.states[0].evaluations).toBe(screened)
    expect(run.end.evaluations).toBe(screened + tuned + DECISION_KEYS * 2 * 20 * 3)
    const told = run.iterations.map(({ evaluations }) => evaluations)
    expect(told).toEqual(told.toSorted((a, b) => a - b))
    expect(told.at(-1)).toBe(screened + tuned)
  })

  test('cut off at any state it goes on to the same bytes, and tells the rest once', async () => {
    const kinds = ['screened', 'opened', 'tuning', 'halved', 'decided']
    const kindOf = ({ trials, runs, decision }: SearchState) =>
      decision
        ? 'decided'
        : runs.some(({ out }) => out)
          ? 'halved'
          : runs.some(({ history }) => history.length > 0)
            ? 'tuning'
            : runs.length > 0
              ? 'opened'
              : trials
                ? 'screened'
                : 'none'
    expect(new Set(run.states.map(kindOf))).toEqual(new Set(kinds))
    for (const state of [SEARCH_START, ...run.states]) {
      const again = await runOf(new Search(job, denoiser, incumbent), structuredClone(state))
      expect(again.end).toEqual(run.end)
      expect(again.trials).toEqual(state.trials ? [] : run.trials)
      const done = state.runs.reduce((sum, { history }) => sum + history.length, 0)
      expect(again.iterations).toEqual(run.iterations.slice(done))
      expect(again.decisions).toEqual(state.decision ? [] : run.decisions)
    }
  })

  test.each(['trial', 'iteration', 'decision'] as const)(
    'interrupted at a %s it ends in one error, and goes on from its last state',
    async (where) => {
      const controller = new AbortController()
      let latest = SEARCH_START
      const stop = () => controller.abort()
      const interrupted = search.run(SEARCH_START, {
        signal: controller.signal,
        ...(where === 'trial' && { onTrial: stop }),
        ...(where === 'iteration' && { onIteration: stop }),
        onState: (state) => {
          latest = structuredClone(state)
          // The last state before the decision: its images are the next thing to be made.
          if (where === 'decision' && state.runs.some(({ history }) => history.length === 8)) stop()
        },
      })
      expect(await errorOf(interrupted)).toMatchObject({ kind: 'interrupted', code: 'interrupted' })
      expect(latest.decision).toBeNull()
      expect((await runOf(search, latest)).end).toEqual(run.end)
    },
  )

  test('what was learned at another number of steps is one more start, screened with the rest', async () => {
    const sampling = search.found(run.end).sampling
    const neighbours = [{ name: 'learned at 5 steps', sampling }]
    const wider = await runOf(new Search(job, denoiser, incumbent, neighbours))
    expect(wider.trials[0].name).toBe('learned at 5 steps')
    expect(wider.end.trials?.length).toBe((run.end.trials?.length ?? 0) + 1)
    expect(wider.end.trials?.[0].name).toBe('learned at 5 steps')
    expect(wider.end.runs[0].start).toBe('learned at 5 steps')
  })
})

test('of one start there is nothing to screen and nothing to halve', async () => {
  const { search } = await openedAt({ start: 'karras', iterations: 3 })
  const { end, trials } = await runOf(search)
  expect(trials).toEqual([])
  expect(end.trials).toEqual([{ name: 'karras', value: null, samples: 0 }])
  expect(end.runs.map(({ history, out }) => [history.length, out])).toEqual([[3, false]])
  const given = { name: 'mine', sampling: search.found(end).sampling }
  const job = { ...(await openedAt({ start: 'karras' })).job, startPoint: given }
  const from = await runOf(
    new Search({ ...job, settings: settingsOf({ start: 'given' }) }, denoiser, (await openedAt()).incumbent),
  )
  expect(from.end.trials).toEqual([{ name: 'mine', value: null, samples: 0 }])
})

test('more starts than there are: all of them', async () => {
  const { search, job } = await openedAt({ samplingSteps: 1, starts: 16, iterations: 1, tuningSamples: 12, free: null })
  const { end } = await runOf(search)
  const pool = startPool(job.settings, schedule, 'real')
  expect(pool.length).toBeLessThan(16)
  expect(end.runs.length).toBe(pool.length)
  expect(end.runs.filter(({ out }) => !out).length).toBe(1)
})

describe('one start', () => {
  test('is the best default where its step is an exponential one, and is not screened', async () => {
    const free = ['levels', 'times', 'tau', 'weights'] as const
    const { search, incumbent } = await openedAt({ starts: 1, iterations: 1, free })
    const { end } = await runOf(search)
    const { settings, stepList, schedule: best } = incumbent
    expect(end.trials).toEqual([{ name: `${settings.sampler}, ${stepList}`, value: null, samples: 0 }])
    const { family } = search.found(end)
    const { levels, times } = family.toSchedule(family.initial)
    expect(levels.map(({ logSnr }) => logSnr)).toEqual(best.levels.map(({ logSnr }) => expect.closeTo(logSnr, 9)))
    expect(times).toEqual(best.times.map((time) => expect.closeTo(time, 6)))
  })

  test('of another sampler is the best of those that are screened', async () => {
    const { search } = await openedAt({ starts: 1, iterations: 1 })
    const { end } = await runOf(search)
    expect(end.trials?.length).toBeGreaterThan(10)
    expect(end.runs.map(({ start }) => start)).toEqual([end.trials?.[0].name])
  })
})

describe('behind the best default nothing ends', () => {
  test('where nothing can be better, the best default is what is returned: schedule and sampler settings', async () => {
    // The same image, whatever the schedule.
    const constant = functionDenoiser({
      name: 'constant',
      imageShape: [1, 1, 1],
      prediction: 'sample',
      predict: ({ data: { length } }) => new Float64Array(length).fill(0.3),
      vjp: ({ data: { length } }) => new Float64Array(length),
      timeVjp: () => 0,
    })
    const settings = { objective: 'teacher', samplingFamily: 'levels+times', iterations: 2, starts: 2 } as const
    const { job, incumbent, search } = await openedAt(settings, constant)
    const { end } = await runOf(search)
    expect(end.decision).toMatchObject({ kept: 'start', difference: { mean: 0, standardError: 0 } })
    const kept = searchedSchedules(job, search, end, incumbent)
    const best = defaultPlans(schedule, 3, job.settings)[0]
    expect([kept.sampling, kept.settings]).toEqual([best.schedule, best.settings])
    expect([kept.family, kept.parameters, kept.atSteps(5)]).toEqual([best.stepList, {}, null])
    expect(kept.settings).not.toEqual(learnedSampler(job.settings))
  })

  test('what is worse is not kept, however it was found', async () => {
    // Not tuned at all, from a list that is no good one.
    const { job, incumbent, search } = await openedAt({ start: 'quadratic', iterations: 0 })
    const { end } = await runOf(search)
    expect(end.decision?.difference.mean).toBeLessThan(0)
    expect(end.decision?.kept).toBe('start')
    const kept = searchedSchedules(job, search, end, incumbent)
    expect([kept.sampling, kept.settings]).toEqual([incumbent.schedule, incumbent.settings])
  })
})

describe('whether it was still moving when it ended', () => {
  const historyOf = (values: readonly (number | null)[]) =>
    values.map((value, i) => ({ iteration: i + 1, value })) as unknown as TuningRecord[]
  const noisy = (slope: number, n: number) =>
    Array.from({ length: n }, (_, i) => 10 + slope * i + 0.1 * Math.sin(12.9898 * (i + 1)))

  test.each<[string, readonly (number | null)[], boolean]>([
    ['a line that falls', noisy(-0.5, 16), true],
    ['a line that rises', noisy(0.5, 16), false],
    ['noise alone', noisy(0, 16), false],
    ['a fall in the first half only', [...noisy(-1, 8).map((v) => v + 8), ...noisy(0, 8)], false],
    ['a fall in the second half only', [...noisy(0, 8), ...noisy(-1, 8)], true],
    ['too few to say', noisy(-5, 7).slice(0, 6), false],
    ['nothing', [], false],
    ['iterations that only primed', Array(10).fill(null), false],
    ['an exact line', [8, 7, 6, 5, 4, 3, 2, 1], true],
    ['a constant', [1, 1, 1, 1, 1, 1, 1, 1], false],
  ])('%s: %s', (_, values, moving) => {
    expect(stillMoving(historyOf(values))).toBe(moving)
  })

  test('its bound is two standard errors of the least-squares slope over the last half', () => {
    // y = -b i + e with e = (1, -1, -1, 1) s, which has no slope: sum (i - 1.5)^2 = 5, rest 4 s^2 over 2.
    const values = (b: number, s: number) => [0, 0, 0, 0, ...[1, -1, -1, 1].map((e, i) => -b * i + s * e)]
    const bound = 2 * Math.sqrt(4 / 2 / 5)
    expect(stillMoving(historyOf(values(1.001 * bound, 1)))).toBe(true)
    expect(stillMoving(historyOf(values(0.999 * bound, 1)))).toBe(false)
  })
})
