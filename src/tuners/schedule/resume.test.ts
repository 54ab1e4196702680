/** A job that was cut off, anywhere, ends with the numbers of one that was not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { noiseSchedule } from '../../diffusion/index.ts'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { LearnCheckpoint } from './checkpoint.ts'
import type { LearnEvent } from './events.ts'
import { learnSchedule } from './learn.ts'
import type { LearnOptions } from './options.ts'
import type { Recorded } from './recorded.fixture.ts'
import { expectRising, lasting, recorded } from './recorded.fixture.ts'
import { DECISION_KEYS } from './search/cost.ts'
import type { SearchState } from './search/state.ts'
import type { LearnSettings } from './settings/index.ts'
import { errorOf, TINY_MODES, tinyData, tinyFeatures, tinyNetwork, tinySettings, tinyState } from './tiny.fixture.ts'

let features: FeatureNetwork
let judge: FeatureNetwork
beforeAll(async () => {
  features = await tinyFeatures(3)
  judge = await tinyFeatures(4)
})
afterAll(() => Promise.all([features.dispose(), judge.dispose()]))

const optionsOf = (settings: Partial<LearnSettings> = {}): LearnOptions => ({
  subject: { kind: 'train', network: tinyNetwork },
  data: tinyData,
  features,
  judge,
  settings: { ...tinySettings, ...settings },
})

/** A frozen network, two starts: what is measured afterwards is as little as there may be. */
const searchOptions = (settings: Partial<LearnSettings> = {}): LearnOptions => ({
  subject: {
    kind: 'pretrained',
    network: tinyNetwork,
    state: tinyState(),
    schedule: noiseSchedule({ family: 'cosine', timesteps: 40 }),
  },
  data: tinyData,
  features,
  judge: null,
  settings: {
    ...tinySettings,
    samplingFamily: 'levels',
    samplingSteps: 3,
    start: 'auto',
    starts: 2,
    tuningSamples: 6,
    candidateSamples: 6,
    evaluationSamples: 6,
    samplingSeeds: [11],
    ...settings,
  },
})

/** What a checkpoint is just after. */
const kindOf = ({ phase, shared, continued, steps }: LearnCheckpoint): string =>
  [
    phase,
    shared ? (shared.training.step < tinySettings.trainSteps ? 'training' : 'trained') : 'fresh',
    continued ? 'continued' : '',
    ...Object.entries(steps).flatMap(([name, { defaults, search, tuning, history, candidates, rows }]) => [
      `at ${name}`,
      defaults ? 'ranked' : '',
      search ? searchKind(search) : tuning ? `${history.length} iterations` : 'untuned',
      candidates ? 'candidates' : '',
      `${Object.keys(rows).length} rows`,
    ]),
  ].join(', ')

const searchKind = ({ trials, runs, decision }: SearchState): string =>
  [
    trials ? 'screened' : '',
    ...runs.map(({ history, out }) => `${history.length}${out ? ' out' : ''}`),
    decision ? 'decided' : '',
  ].join(' ')

/** One checkpoint of each kind, the second where there are several. */
function ofEveryKind(checkpoints: readonly LearnCheckpoint[]): Map<string, LearnCheckpoint> {
  const kinds = new Map<string, LearnCheckpoint[]>()
  for (const checkpoint of checkpoints) {
    const kind = kindOf(checkpoint)
    kinds.set(kind, [...(kinds.get(kind) ?? []), checkpoint])
  }
  return new Map([...kinds].map(([kind, all]) => [kind, all[1] ?? all[0]]))
}

/** Training and tuning that a checkpoint holds. */
const spentBy = ({ shared, continued, steps }: LearnCheckpoint): number =>
  ((continued ?? shared)?.training.step ?? 0) * 3 * tinySettings.batch +
  Object.values(steps).reduce(
    (sum, { tuning, search }) => sum + (tuning?.evaluations ?? 0) + (search?.evaluations ?? 0),
    0,
  )

async function expectSameFrom(
  from: LearnCheckpoint,
  kind: string,
  options: LearnOptions,
  { learned, progress }: Recorded,
) {
  const again = await recorded({ ...options, from })
  expect(lasting(again.learned), kind).toEqual(lasting(learned))
  expectRising(again.progress, spentBy(from))
  const { total } = progress[progress.length - 1]
  expect(again.progress[again.progress.length - 1], kind).toMatchObject({ done: total, total })
  const before = Object.values(from.seconds).reduce((sum, seconds) => sum + seconds, 0)
  expect(again.learned.result.seconds.total).toBeGreaterThanOrEqual(before)
}

describe('from a checkpoint: the same result, and progress that goes on', () => {
  test('tied: of every kind', async () => {
    const options = optionsOf({ learn: 'tied' })
    const run = await recorded(options)
    const kinds = ofEveryKind(run.checkpoints)
    // training, trained; tuning after 0, 1, 2 iterations; continuing; measuring with 0, 1, … rows
    expect(kinds.size).toBeGreaterThanOrEqual(15)
    for (const [kind, from] of kinds) await expectSameFrom(from, kind, options, run)
  })

  test.each(TINY_MODES.filter(({ learn }) => learn !== 'tied'))('$learn: while tuning', async (mode) => {
    const options = optionsOf(mode)
    const run = await recorded(options)
    const tuning = [...ofEveryKind(run.checkpoints)].filter(([, { phase }]) => phase === 'tune')
    // both: before and after each of 2 iterations; sampling: ranked, screened, opened and decided beside.
    expect(tuning.length).toBe(mode.learn === 'both' ? 3 : 7)
    for (const [kind, from] of tuning) await expectSameFrom(from, kind, options, run)
  })

  test('of several starts and several numbers of steps: from every kind, each thing told once', async () => {
    const options = searchOptions({ moreSteps: [2] })
    const run = await recorded(options)
    const kinds = ofEveryKind(run.checkpoints)
    // At each number of steps: ranked, screened, opened, 1, 1, one out, 2, decided; then rows.
    expect(kinds.size).toBeGreaterThanOrEqual(20)
    const told = (events: readonly LearnEvent[]) =>
      events.filter(({ kind }) => kind === 'decision' || kind === 'iteration')
    for (const [kind, from] of kinds) {
      const again = await recorded({ ...options, from })
      expect(lasting(again.learned), kind).toEqual(lasting(run.learned))
      expectRising(again.progress, spentBy(from))
      const { total } = run.progress[run.progress.length - 1]
      expect(again.progress[again.progress.length - 1], kind).toMatchObject({ done: total, total })
      const before = Object.values(from.steps).reduce((sum, { search }) => {
        const iterations = search?.runs.reduce((all, { history }) => all + history.length, 0) ?? 0
        return sum + iterations + (search?.decision ? 1 : 0)
      }, 0)
      expect(told(again.events), kind).toEqual(told(run.events).slice(before))
    }
  })
})

/** Stopped at the first event of a kind, and where it stood then. */
async function interruptedAfter(kind: LearnEvent['kind'], options: LearnOptions) {
  const controller = new AbortController()
  let from: LearnCheckpoint | undefined
  const error = await errorOf(
    learnSchedule({
      ...options,
      signal: controller.signal,
      onCheckpoint(checkpoint) {
        from = structuredClone(checkpoint)
      },
      onEvent(event) {
        if (event.kind === kind) controller.abort()
      },
    }),
  )
  return { from, error }
}

describe('more iterations than a run ended with', () => {
  const last = ({ checkpoints }: Recorded) => checkpoints[checkpoints.length - 1]

  test('of a finished search: the winner goes on from its last iterate, and all that came after is made anew', async () => {
    const run = await recorded(searchOptions({ iterations: 2 }))
    const from = last(run)
    expect(from.phase).toBe('measure')
    const options = searchOptions({ iterations: 5 })
    const more = await recorded({ ...options, from })
    const [before, after] = [run.learned.result, more.learned.result]
    expect(after.history.slice(0, 2)).toEqual(before.history)
    expect(after.history.map(({ iteration }) => iteration)).toEqual([1, 2, 3, 4, 5])
    // The third iteration starts where the second ended.
    const ended = from.steps[3].search?.runs.find(({ out }) => !out)?.tuning.upper.samplingSchedule
    expect(Object.values(after.history[2].parameters)).toEqual([...(ended ?? [])])
    expect(after.tuned.map(({ values }) => values.length).toSorted()).toEqual([1, 5])
    expect(after.starts).toEqual(before.starts)
    expect(more.events.map(({ kind }) => kind)).not.toContain('trial')
    const kinds = more.events.map(({ kind }) => kind)
    expect(kinds.filter((kind) => kind === 'iteration').length).toBe(3)
    expect(kinds.filter((kind) => kind === 'decision').length).toBe(1)
    expect(after.decision).not.toEqual(before.decision)
    // All rows are measured again, and nothing of the defaults is ranked again.
    const rows = ({ events }: Recorded) => events.filter(({ kind }) => kind === 'row').length
    expect(rows(more)).toBe(rows(run))
    expect(after.default).toEqual(before.default)
    expect(kinds).not.toContain('candidate')
    expectRising(more.progress, spentBy(from))
    const { done, total } = more.progress[more.progress.length - 1]
    expect(done).toBe(total)
    // Three more iterations and another decision.
    const decided = DECISION_KEYS * 2 * 6 * 3
    expect(after.networkEvaluations.learned - before.networkEvaluations.learned).toBe(3 * 3 * 6 * 3 + decided)
    // And that run may be cut off as any other.
    for (const [kind, at] of ofEveryKind(more.checkpoints)) {
      expect(lasting(await learnSchedule({ ...options, from: at })), kind).toEqual(lasting(more.learned))
    }
  })

  test('where a decision was made but the run was not over: it is made anew too', async () => {
    const run = await recorded(searchOptions({ moreSteps: [2] }))
    const from = run.checkpoints.find(({ steps, phase }) => phase === 'tune' && steps[3]?.search?.decision && !steps[2])
    if (!from) throw new Error('no checkpoint between the two')
    const { learned } = await recorded({ ...searchOptions({ moreSteps: [2], iterations: 4 }), from })
    const [three, two] = learned.steps
    expect([three.result.history.length, two.result.history.length]).toEqual([4, 4])
    expect(three.result.decision).not.toEqual(run.learned.result.decision)
  })

  test('of a network that is trained for its schedule: both sides train on', async () => {
    const options = optionsOf({ learn: 'tied' })
    const run = await recorded(options)
    const more = await recorded({ ...optionsOf({ learn: 'tied', iterations: 3 }), from: last(run) })
    const [before, after] = [run.learned.result, more.learned.result]
    expect(after.history.slice(0, 2)).toEqual(before.history)
    expect(after.history.length).toBe(3)
    expect(after.protocol.trainingSteps.default).toBeGreaterThan(before.protocol.trainingSteps.default)
    const { learned, default: other } = after.networkEvaluations
    expect(Math.abs(learned - other)).toBeLessThanOrEqual(1.5 * tinySettings.batch)
    expect(after.learned.fid).not.toEqual(before.learned.fid)
    expectRising(more.progress, spentBy(last(run)))
    const { done, total } = more.progress[more.progress.length - 1]
    expect(done).toBe(total)
  })

  test('as many as there were change nothing, and fewer are refused', async () => {
    const run = await recorded(searchOptions())
    const same = await recorded({ ...searchOptions(), from: last(run) })
    expect(lasting(same.learned)).toEqual(lasting(run.learned))
    expect(same.events).toEqual([])
    const fewer = { ...searchOptions({ iterations: 1 }), from: last(run) }
    const error = await errorOf(learnSchedule(fewer))
    expect(error).toMatchObject({ kind: 'input', code: 'learn.iterations' })
    expect(error.message).toMatch(/2 are done, got 1; give 2 or more/)
  })
})

describe('interruption', () => {
  test.each(['candidate', 'trial', 'iteration', 'decision', 'row'] as const)(
    'of a search, after a %s: one error, a resume to the same result',
    async (kind) => {
      const options = searchOptions()
      const { from, error } = await interruptedAfter(kind, options)
      // A decision that is made is kept; the job stops at the next thing it does.
      expect(error).toMatchObject({ kind: 'interrupted', code: 'interrupted' })
      expect(lasting(await learnSchedule({ ...options, ...(from && { from }) }))).toEqual(
        lasting(await learnSchedule(options)),
      )
    },
  )

  test.each(['step', 'iteration', 'candidate', 'row'] as const)(
    'after a %s: one error, a resume to the same result',
    async (kind) => {
      const options = optionsOf({ learn: 'tied', iterations: 1 })
      const { from, error } = await interruptedAfter(kind, options)
      expect(error).toMatchObject({ kind: 'interrupted', code: 'interrupted' })
      const resumed = await learnSchedule({ ...options, ...(from && { from }) })
      expect(lasting(resumed)).toEqual(lasting(await learnSchedule(options)))
    },
  )

  test('before it begins', async () => {
    const error = await errorOf(learnSchedule({ ...optionsOf(), signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ kind: 'interrupted', code: 'interrupted' })
  })
})
