import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Dataset } from '../../data/index.ts'
import { digits } from '../../data/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { cast, mul, softmax, sub, trace } from '../../graph/index.ts'
import { digitJudge } from '../../metrics/files/index.ts'
import { knowledgeOf } from '../../metrics/index.ts'
import { encodeModel } from '../../onnx/index.ts'
import { openMeasuring } from './measuringNetworks.ts'

const auto = {
  data: 'some/folder',
  features: 'auto',
  featuresOutput: null,
  featuresRange: null,
  featuresMeanStd: null,
  featuresResize: null,
  judge: 'auto',
  judgeOutput: null,
  judgeRange: null,
  judgeMeanStd: null,
  judgeResize: null,
  judgeAccuracy: 0.5,
  device: 'cpu',
} as const

/** Names of the networks that are chosen, and how many notes there are. */
async function chosen(data: Dataset, settings: Partial<Parameters<typeof openMeasuring>[0]> = {}) {
  const { features, judge, notes, close } = await openMeasuring({ ...auto, ...settings }, data)
  await close()
  return [features.name.replace(/-[0-9a-f]{8}$/, ''), judge?.name.replace(/-[0-9a-f]{8}$/, '') ?? null, notes.length]
}

it('finds out by its labels whether data of a path are digits', async () => {
  const data = await digits({ size: 16 })
  expect(await chosen(data)).toEqual(['lenet-digits16-features', 'lenet-digits16-judge', 0])

  const { tuning } = data.splits
  const labels = tuning.labels?.map((label) => (label + 1) % 10) ?? null
  const others = { ...data, splits: { ...data.splits, tuning: { ...tuning, labels } } }
  expect(await chosen(others)).toEqual(['pixels-1x16x16-block2', null, 1])
  expect(await chosen(others, { features: 'digits' }), 'said so').toEqual(['lenet-digits16-features', null, 1])

  const unlabelled = { ...data, classes: [], splits: { ...data.splits, tuning: { ...tuning, labels: null } } }
  expect(await chosen(unlabelled)).toEqual(['pixels-1x16x16-block2', null, 1])
  expect(await chosen(unlabelled, { data: 'digits' }), 'embedded').toEqual([
    'lenet-digits16-features',
    'lenet-digits16-judge',
    1,
  ])
})

it('uses no digit classifier where none fits the size', async () => {
  const data = await digits({ size: 8 })
  expect(await chosen(data, { data: 'digits' })).toEqual(['pixels-1x8x8-block1', null, 1])
  await expect(chosen(data, { features: 'digits' })).rejects.toThrow(
    'digit classifiers are for 16 and 28 pixels, got 8',
  )
})

describe('a classifier that somebody brings', () => {
  const folder = mkdtempSync(join(tmpdir(), 'judges-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  let data: Dataset
  /** The digit judge as files that take pixels in [0, 1]. */
  const paths: Record<'logits' | 'output' | 'softmax' | 'double' | 'shifted', string> = {
    logits: join(folder, 'logits.onnx'),
    output: join(folder, 'output.onnx'),
    softmax: join(folder, 'softmax.onnx'),
    double: join(folder, 'double.onnx'),
    shifted: join(folder, 'shifted.onnx'),
  }
  beforeAll(async () => {
    data = await digits({ size: 16 })
    const judge = await digitJudge({ size: 16 })
    const write = (path: string, output: string, f: (logits: SymbolicTensor) => SymbolicTensor) => {
      const graph = trace({ x: { dtype: 'float32', shape: [50, 1, 16, 16] } }, ({ x }) => ({
        [output]: f(judge.trace(sub(mul(x, 2), 1)).logits),
      }))
      writeFileSync(path, encodeModel(graph))
    }
    write(paths.logits, 'logits', (logits) => mul(logits, 1))
    write(paths.output, 'output', (logits) => mul(logits, 1))
    write(paths.softmax, 'logits', (logits) => softmax(logits, 1))
    write(paths.double, 'logits', (logits) => cast(logits, 'float64'))
    write(paths.shifted, 'logits', (logits) => mul(logits, -1))
    await judge.dispose()
  })
  const open = (judge: string, settings: Partial<Parameters<typeof openMeasuring>[0]> = {}, on = data) =>
    openMeasuring({ ...auto, data: 'digits', judge, ...settings }, on)

  it.each(['logits', 'output', 'softmax', 'double'] as const)(
    '%s: its range is found, its answers are those of the judge',
    async (form) => {
      const { judge, judgeKnowledge, notes, close } = await open(paths[form])
      const original = await digitJudge({ size: 16 })
      const { tuning } = data.splits
      const n = 60
      const images = { dtype: 'float32', shape: [n, ...tuning.shape], data: tuning.images.slice(0, n * 256) } as const
      const [brought, own] = [await judge?.probabilities?.(images), await original.probabilities(images)]
      const worst = Math.max(...Float64Array.from(own.data, (p, i) => Math.abs(p - (brought?.data[i] ?? NaN))))
      expect(worst).toBeLessThan(1e-4)
      expect(judge?.range).toEqual([0, 1])
      const labelled = { images, labels: (tuning.labels ?? new Int32Array()).slice(0, n), classes: 10 }
      expect((await knowledgeOf(original, labelled))?.accuracy).toBeGreaterThan(0.95)
      expect(judgeKnowledge?.accuracy).toBeGreaterThan(0.95)
      const share = ((judgeKnowledge?.accuracy ?? 0) * 100).toFixed(1)
      expect(notes.join('\n')).toContain(`names ${share} % of 500 real images rightly`)
      expect(notes.some((note) => note.includes('holds probabilities'))).toBe(form === 'softmax')
      await close()
      await original.dispose()
    },
  )

  it.each([[[-1, 1]], [[0, 255]]] as const)(
    'is refused where it is given pixels in %j, with the range to use',
    async (range) => {
      await expect(open(paths.logits, { featuresRange: [...range] })).rejects.toMatchObject({
        code: 'schedule.judge',
        message: expect.stringMatching(
          /names \d+\.\d % of 500 real images.*given pixels in \[0,1\], it names 9\d\.\d %.*--judge-range=0,1/,
        ),
      })
    },
  )

  it('is refused where it is wrong about the data, whatever the range', async () => {
    const wrong = open(paths.shifted, { featuresRange: [0, 1] })
    await expect(wrong).rejects.toMatchObject({
      code: 'schedule.judge',
      message: expect.stringMatching(/give another one/),
    })
    const { tuning } = data.splits
    const labels = tuning.labels?.map((label) => (label + 1) % 10) ?? null
    const others = { ...data, splits: { ...data.splits, tuning: { ...tuning, labels } } }
    await expect(open('digits', {}, others)).rejects.toMatchObject({ code: 'schedule.judge' })
  })

  it('says that it cannot be checked without labels, or with other classes', async () => {
    const { tuning } = data.splits
    const unlabelled = { ...data, classes: [], splits: { ...data.splits, tuning: { ...tuning, labels: null } } }
    await expect(open(paths.logits, { data: folder }, unlabelled)).rejects.toThrow(
      /has no labels to ask it about.*--judge-range/,
    )
    const first = await open(paths.logits, { data: folder, featuresRange: [-1, 1] }, unlabelled)
    expect(first.judgeKnowledge).toBeNull()
    expect(first.judgeNotes.join()).toMatch(/could not be asked.*has no labels.*\[-1,1\], is not known/)
    await first.close()
    const fewer = { ...data, classes: data.classes.slice(0, 4) }
    const second = await open(paths.logits, { featuresRange: [0, 1] }, fewer)
    expect(second.judgeNotes.join()).toMatch(/does not have the 4 classes/)
    await second.close()
  })

  it('as features: a wrong range is said with both numbers, and no class is asked of it', async () => {
    const { features, guessingFeatures, notes, close } = await open('none', {
      features: paths.logits,
      featuresRange: [0, 255],
    })
    expect(features.range).toEqual([0, 255])
    expect(notes.join('\n')).toMatch(
      /read as a classifier.*distances in its features may mean little; given pixels in \[0,1\], it names/,
    )
    expect(guessingFeatures).toMatch(/cross-entropy/)
    await close()
  })
})
