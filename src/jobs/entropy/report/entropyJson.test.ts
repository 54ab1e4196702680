/** `bilevel entropy --json`: every field that programs may rely on, plain numbers, one line. */
import { expect, test } from 'vitest'
import { entropyJson } from './entropyJson.ts'
import { BARE_TILT, BOUNDARY, ENTROPY_CONTEXT, RESOLVED, UNRESOLVED } from './entropyResult.fixture.ts'

const THREE = ['base', 'tuned', 'lambdaMin'].flatMap((place) => [`${place}.mean`, `${place}.standardError`])
const FIELDS = [
  ...['value', 'low', 'high', 'resolved', 'reason', 'boundary', 'slope'].map((name) => `entropyStrength.${name}`),
  ...['upper', 'lower', 'diversity'].flatMap((name) => THREE.map((inner) => `${name}.${inner}`)),
  ...['target', 'kl.value', 'kl.standardError', 'kl.kind', 'effectiveSampleSize', 'paretoK', 'networkEvaluations'],
  ...['seconds', 'run', 'preset', 'seed', 'reward', 'judge', 'estimator', 'sampler.eta', 'samplingSteps', 'curve'],
  ...['networkEvaluationsOf.curve', 'peakMemoryMiB', 'lambdaRange', 'iterations', 'rivals'],
  ...['share', 'highest', 'reward', 'judge'].map((name) => `unseen.${name}`),
]

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce((inside, key) => (inside as Record<string, unknown>)[key], value)

test.each(FIELDS)('has %s', (path) => {
  expect(at(entropyJson(RESOLVED, ENTROPY_CONTEXT), path)).toBeDefined()
})

test('holds the numbers of the result and survives a round trip in one line', () => {
  const object = entropyJson(RESOLVED, ENTROPY_CONTEXT)
  const text = JSON.stringify(object)
  expect(text).not.toContain('\n')
  expect(JSON.parse(text)).toEqual(object)
  expect(object.upper.tuned).toEqual({ mean: -5.803, standardError: 0.071 })
  expect(object.entropyStrength).toMatchObject({ value: 0.9312, low: 0.7104, high: 1.2417, resolved: true })
  expect([object.networkEvaluations, object.networkEvaluationsOf.confirm]).toEqual([172_800, 83_700])
  expect(object.curve[3]).toMatchObject({ lambda: RESOLVED.curve[3].lambda, target: 'guided', trusted: true })
  expect(object.curve[3].upper).toEqual({
    mean: RESOLVED.curve[3].upper.mean,
    standardError: RESOLVED.curve[3].upper.standardError,
  })
})

test('an end of the range brings its slope, an open interval its reason, what was not measured is null', () => {
  expect(entropyJson(BOUNDARY, ENTROPY_CONTEXT).entropyStrength).toMatchObject({
    boundary: 'high',
    slope: { mean: -0.412, standardError: 0.051 },
  })
  expect(entropyJson(UNRESOLVED, ENTROPY_CONTEXT).entropyStrength.reason).toContain('raise maxEvaluations')
  const bare = entropyJson(BARE_TILT, { ...ENTROPY_CONTEXT, preset: null, peakMemoryMiB: null })
  expect([bare.diversity, bare.featureNetwork, bare.kl.standardError, bare.preset, bare.peakMemoryMiB]).toEqual([
    null,
    null,
    null,
    null,
    null,
  ])
  expect(JSON.parse(JSON.stringify(bare))).toEqual(bare)
})

test('tells programs the direction, and which error bars are of collapsed weights', () => {
  const { extend, restsOn, curve, iterations } = entropyJson(RESOLVED, ENTROPY_CONTEXT)
  expect([extend, restsOn]).toEqual([
    null,
    { tuned: { trusted: true, collapsed: false }, lambdaMin: { trusted: true, collapsed: false } },
  ])
  expect(curve.filter(({ collapsed }) => collapsed).map(({ paretoK }) => paretoK)).toEqual(
    RESOLVED.curve.filter(({ paretoK }) => paretoK === 0.94).map(({ paretoK }) => paretoK),
  )
  expect(iterations.every(({ collapsed }) => collapsed === false)).toBe(true)
  expect(entropyJson(BOUNDARY, ENTROPY_CONTEXT).extend).toEqual({ end: 'high', lambdaRange: [0.01, 100] })
  expect(entropyJson(BARE_TILT, ENTROPY_CONTEXT).restsOn.lambdaMin).toEqual({ trusted: false, collapsed: true })
})

test('tells programs of other optima and of what was never drawn', () => {
  const { rivals, unseen } = entropyJson(UNRESOLVED, ENTROPY_CONTEXT)
  expect({ rivals, unseen }).toEqual({
    rivals: [0.0831],
    unseen: { share: 3 / 384, highest: -0.00071, reward: null, judge: 3.24 },
  })
  expect(entropyJson(BARE_TILT, ENTROPY_CONTEXT)).toMatchObject({ rivals: [], unseen: { reward: 1.672, judge: null } })
  expect(entropyJson({ ...RESOLVED, unseen: null }, ENTROPY_CONTEXT).unseen).toBeNull()
})
