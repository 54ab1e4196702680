/** Exports of both exporters of PyTorch against PyTorch's own values; what is off is found. */

import { readdirSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { constant, exp, mul, relu, tanh, trace } from '../../graph/index.ts'
import { encodeModel } from '../../onnx/index.ts'
import { derivativeErrors } from './derivative.ts'
import { faultOf } from './fault.ts'
import { feedsFor } from './feeds.ts'
import { checkedNetwork, randomCotangent } from './network.ts'
import { checkOnnx } from './run.ts'
import { resolveOnnxCheckConfig } from './settings.ts'
import { checkText } from './text.ts'

const FOUND = join('test', 'found', 'onnx')
const found = (name: string) => join(FOUND, name)
const config = (values: Readonly<Record<string, unknown>>) => resolveOnnxCheckConfig([{ source: 'test', values }])
const npzOf = (file: string) => found(file.replace(/\..*$/, '.npz'))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onnx-check-'))
})
afterAll(() => rm(folder, { recursive: true }))

describe('exported by PyTorch', () => {
  const files = readdirSync(FOUND).filter((name) => name.endsWith('.onnx'))
  test.each(files)('%s', async (name) => {
    const check = await checkOnnx(found(name), config({ inputs: npzOf(name) }))
    const { nodes, operators, unsupported, maxRelativeError, output, gradient } = check.json
    expect(unsupported).toEqual([])
    expect(nodes).toBe(Object.values(operators).reduce((a, b) => a + b, 0))
    expect(maxRelativeError).toBeLessThan(1e-4)
    expect(output?.maxRelativeError).toBeLessThan(1e-5)
    // Of a text there is no gradient; its derivative is that in the table of its tokens.
    if (name.startsWith('clip-text')) expect(gradient).toBeNull()
    else expect(gradient?.maxRelativeError).toBeLessThan(1e-4)
    expect(faultOf(name, check)).toBeUndefined()
  })
})

describe('what is off is found', () => {
  const NAME = 'vit.dynamo-18.onnx'

  test('by the numbers of another network', async () => {
    const check = await checkOnnx(found(NAME), config({ inputs: npzOf('vit-eager.dynamo-20.onnx') }))
    expect(check.json.maxRelativeError).toBeLessThan(1e-4)
    expect(check.json.output?.maxRelativeError).toBeGreaterThan(0.1)
    expect(check.json.gradient?.maxRelativeError).toBeGreaterThan(0.1)
    expect(faultOf(NAME, check)).toMatch(/its output is off by .*, at most 0.0001 is let pass; its gradient is off by/)
  })

  test('a derivative that is wrong, in one input alone', async () => {
    const graph = trace(
      { x: { dtype: 'float32', shape: [2, 3] }, t: { dtype: 'float32', shape: [2, 1] } },
      ({ x, t }) => ({
        y: mul(tanh(x), exp(t)),
      }),
    )
    const feeds = feedsFor(graph, {}, 0)
    const network = await checkedNetwork(graph, 'y', ['x', 't'], randomCotangent(graph.outputs.y, 0))
    const wrong = {
      ...network,
      async run(feeds: Parameters<typeof network.run>[0]) {
        const { output, gradients } = await network.run(feeds)
        const { data, ...type } = gradients.t
        const bent = { ...type, data: (data as Float32Array).map((x) => 1.01 * x) }
        return { output, gradients: { ...gradients, t: bent } }
      },
    }
    const errors = await derivativeErrors(wrong, feeds, 0)
    await network.dispose()
    expect(errors.map(({ variable }) => variable)).toEqual(['x', 't'])
    expect(errors[0].maxRelativeError).toBeLessThan(1e-4)
    expect(errors[1].maxRelativeError).toBeCloseTo(0.01, 4)
  })
})

describe('inputs', () => {
  test('random ones: a first axis that is open is two, the seed decides, shapes are as asked for', async () => {
    const once = (values: object) => checkOnnx(found('resnet.script-11.onnx'), config({ ...values }))
    const [one, same, other, wide] = [
      await once({}),
      await once({}),
      await once({ seed: 1 }),
      await once({ shape: { in0: [3, 3, 16, 16] } }),
    ]
    expect(one.json).toEqual(same.json)
    expect(other.json.maxRelativeError).not.toBe(one.json.maxRelativeError)
    expect(one.graph?.inputs.in0.shape).toEqual([2, 3, 16, 16])
    expect(wide.graph?.inputs.in0.shape).toEqual([3, 3, 16, 16])
    expect(one.json).toMatchObject({ output: null, gradient: null })
    expect(checkText('resnet.onnx', one)).toMatch(
      /given +in0 float32\[2,3,16,16\]\n {2}derivative +in in0: off by \d\.\de-\d from central differences$/,
    )
  })

  test('a point on kinks: the derivative is compared beside it', async () => {
    const graph = trace({ x: { dtype: 'float32', shape: [2, 3] } }, ({ x }) => ({
      y: mul(relu(x), constant({ dtype: 'float32', shape: [], data: Float32Array.of(2) })),
    }))
    const zeros = { x: { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) } } as const
    const network = await checkedNetwork(graph, 'y', ['x'], randomCotangent(graph.outputs.y, 3))
    const [{ maxRelativeError }] = await derivativeErrors(network, zeros, 0)
    await network.dispose()
    expect(maxRelativeError).toBeLessThan(1e-6)
  })

  test('a time that is rounded for a table has no derivative, and the image has', async () => {
    const path = join('test', 'found', 'denoisers', 'time-b1.onnx')
    const check = await checkOnnx(path, config({}))
    expect(check.variables).toEqual(['x'])
    expect(check.notes.join()).toMatch(/^there is no derivative in the input 't': /)
    expect(check.json.maxRelativeError).toBeLessThan(1e-4)
    expect(faultOf(path, check)).toBeUndefined()
  })

  test('a network without a derivative has none', async () => {
    const path = join(folder, 'whole.onnx')
    await writeFile(path, encodeModel(trace({ x: { dtype: 'int64', shape: [2] } }, ({ x }) => ({ y: mul(x, x) }))))
    const check = await checkOnnx(path, config({}))
    expect(check.json).toMatchObject({ maxRelativeError: null, unsupported: [] })
    expect(faultOf(path, check)).toBeUndefined()
    expect(checkText(path, check)).toMatch(/there is nothing to differentiate in/)
  })
})
