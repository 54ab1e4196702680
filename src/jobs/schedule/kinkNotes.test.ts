import { expect, test } from 'vitest'
import type { TuningRecord } from '../../tuners/index.ts'
import { kinkNotes } from './kinkNotes.ts'
import { WON } from './report/scheduleResult.fixture.ts'

test('iterations whose gradient left directions out are counted', () => {
  expect(kinkNotes(WON.history)).toEqual([])
  const dropped = [0, 3, 0, 7]
  const history: TuningRecord[] = dropped.map((count) => ({
    ...WON.history[0],
    ...(count > 0 && { droppedDirections: count }),
  }))
  expect(kinkNotes(history)).toEqual([expect.stringMatching(/^in 2 of 4 iterations .* \(up to 7\) /)])
})
