/** What is said of the rewards of an entropy strength before anything runs. */
import { expect, test } from 'vitest'
import { openEntropyInputs } from './open.ts'
import { resolveEntropyConfig } from './settings.ts'

const notesOf = async (values: Record<string, unknown>): Promise<readonly string[]> => {
  const inputs = await openEntropyInputs(resolveEntropyConfig([{ source: 'the test', values }]))
  await inputs.close()
  return inputs.notes.filter((note) => note.includes('no independent witness'))
}

test('a judge that looks through the network of the chased reward is said to, the preset’s own among them', async () => {
  expect(await notesOf({})).toEqual([
    expect.stringMatching(
      /^the judge '.*typicality@features' looks in part through lenet-digits16-features-\w+, as the chased/,
    ),
  ])
  expect(await notesOf({ judge: 'fidelity@judge + ink', reward: 'ink + log-probability:3' })).toEqual([])
  expect(await notesOf({ judge: 'fidelity@judge', reward: 'symmetry' })).toEqual([])
  expect(await notesOf({ judge: 'fidelity@judge', reward: 'ink + 2*fidelity@judge' })).toEqual([
    expect.stringContaining('looks in part through lenet-digits16-judge'),
  ])
})
