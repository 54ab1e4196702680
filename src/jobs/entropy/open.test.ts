/** What is said of the rewards of an entropy strength before anything runs. */
import { expect, test } from 'vitest'
import { openEntropyInputs } from './open.ts'
import { resolveEntropyConfig } from './settings.ts'

const open = (values: Record<string, unknown>) =>
  openEntropyInputs(resolveEntropyConfig([{ source: 'the test', values }]))

const notesOf = async (values: Record<string, unknown>): Promise<readonly string[]> => {
  const inputs = await open(values)
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

test('a judge’s network that somebody brings is read and asked as that of schedules is', async () => {
  const judgeNetwork = 'test/found/judges/nhwc.onnx'
  const given = { judgeNetwork, judge: 'log-probability:3@judge', reward: 'ink', target: 'tilt' }
  const inputs = await open(given)
  expect(inputs.notes.join('\n')).toMatch(/the judge nhwc.onnx names 93\.8 % of 500 real images rightly.*\[0,1\]/)
  expect(inputs.subject.judge.name).toBe('log-probability:3[nhwc.onnx]')
  expect(inputs.sources.judgeNetwork).toMatchObject({ name: 'nhwc.onnx' })
  await inputs.close()
  const stated = await open({ ...given, judgeNetwork: 'test/found/judges/imagenet.onnx', judgeMeanStd: 'imagenet' })
  expect(stated.subject.judge.name).toBe('log-probability:3[imagenet.onnx]')
  await stated.close()
  await expect(open({ ...given, judgeRange: [-1, 1] })).rejects.toMatchObject({
    code: 'schedule.judge',
    message: expect.stringMatching(/names 48\.6 %.*use --judge-range=0,1/),
  })
  await expect(open({ ...given, judgeNetwork: 'none.onnx' })).rejects.toThrow(
    /the judge's network must be 'auto', 'digits', 'none' or an ONNX file, 'none.onnx' is none/,
  )
  await expect(open({ ...given, data: null })).rejects.toThrow(/judgeNetwork test\/found\/judges\/nhwc.onnx needs data/)
})

test('a reward in or through a file is chased by its derivative; where it has none, by weights, with the operator that is in the way', async () => {
  const targetOf = async (values: Record<string, unknown>) => {
    const inputs = await open(values)
    await inputs.close()
    return [inputs.subject.settings.target, inputs.notes.filter((note) => note.includes('has no derivative')).join()]
  }
  const judge = 'log-probability:3@judge'
  const features = 'test/found/judges/nhwc.onnx'
  expect(await targetOf({ judge, features, reward: 'log-probability:3@features' })).toEqual(['guided', ''])
  expect(await targetOf({ judge, reward: `0.1*${features}:3`, rewardRange: [0, 1] })).toEqual(['guided', ''])
  const bytes = { judge, reward: 'test/found/judges/bytes.onnx:3', rewardRange: [0, 255] }
  expect(await targetOf(bytes)).toEqual(['tilt', expect.stringMatching(/^the reward bytes.onnx:3 \(it takes bytes/)])
})

test('how ONNX rewards are read is for rewards that are ONNX files', () => {
  const resolved = (values: Record<string, unknown>) => resolveEntropyConfig([{ source: 'the test', values }])
  expect(() => resolved({ rewardMeanStd: 'imagenet' })).toThrow(
    /rewardMeanStd is for rewards of ONNX files, got imagenet with 'log-probability:3@features' and .*; leave it out/,
  )
  expect(() => resolved({ rewardResize: 'bicubic', reward: './mine.mjs' })).toThrow(
    /rewardResize is for rewards of ONNX/,
  )
  const { rewardMeanStd } = resolved({ rewardMeanStd: 'clip', reward: 'ink', judge: 'score.onnx' })
  expect(rewardMeanStd).toBe('clip')
})
