/** A job that was cut off, anywhere, ends with the numbers of one that was not. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FeatureNetwork } from '../../metrics/index.ts'
import type { LearnCheckpoint } from './checkpoint.ts'
import type { LearnOptions } from './job.ts'
import { learnSchedule } from './learn.ts'
import type { Recorded } from './recorded.fixture.ts'
import { expectRising, lasting, recorded } from './recorded.fixture.ts'
import type { LearnSettings } from './settings.ts'
import { errorOf, TINY_MODES, tinyData, tinyFeatures, tinyNetwork, tinySettings } from './tiny.fixture.ts'

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

/** What a checkpoint is just after. */
const kindOf = ({ phase, shared, tuning, history, continued, candidates, rows }: LearnCheckpoint): string =>
  [
    phase,
    shared ? (shared.training.step < tinySettings.trainSteps ? 'training' : 'trained') : 'fresh',
    tuning ? `${history.length} iterations` : 'untuned',
    continued ? 'continued' : '',
    candidates ? 'candidates' : '',
    `${Object.keys(rows).length} rows`,
  ].join(', ')

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
const spentBy = ({ shared, continued, tuning }: LearnCheckpoint): number =>
  ((continued ?? shared)?.training.step ?? 0) * 3 * tinySettings.batch + (tuning?.evaluations ?? 0)

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
    expect(tuning.length).toBe(3)
    for (const [kind, from] of tuning) await expectSameFrom(from, kind, options, run)
  })
})

describe('interruption', () => {
  test.each(['step', 'iteration', 'candidate', 'row'] as const)(
    'after a %s: one error, a resume to the same result',
    async (kind) => {
      const options = optionsOf({ learn: 'tied', iterations: 1 })
      const controller = new AbortController()
      let latest: LearnCheckpoint | undefined
      const error = await errorOf(
        learnSchedule({
          ...options,
          signal: controller.signal,
          onCheckpoint(checkpoint) {
            latest = checkpoint
          },
          onEvent(event) {
            if (event.kind === kind) controller.abort()
          },
        }),
      )
      expect(error).toMatchObject({ kind: 'interrupted', code: 'interrupted' })
      const resumed = await learnSchedule({ ...options, ...(latest && { from: latest }) })
      expect(lasting(resumed)).toEqual(lasting(await learnSchedule(options)))
    },
  )

  test('before it begins', async () => {
    const error = await errorOf(learnSchedule({ ...optionsOf(), signal: AbortSignal.abort() }))
    expect(error).toMatchObject({ kind: 'interrupted', code: 'interrupted' })
  })
})
