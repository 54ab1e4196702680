/** What files hold beside plain calls: element types, data outside, functions, branches; and what is refused, in plain words. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { floatToHalf } from '../../base/index.ts'
import { evaluate, nodesOf } from '../../graph/index.ts'
import type { DecodeOptions } from './decode.ts'
import { decode } from './decode.ts'
import { readModel } from './model.ts'
import type { WrittenModel, WrittenTensor } from './wholeModel.fixture.ts'
import { modelBytes } from './wholeModel.fixture.ts'

const FLOAT = 1
const INT64 = 7
const bytesOf = (data: ArrayBufferView) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength)

const decoded = (model: WrittenModel, options?: DecodeOptions) => decode(readModel(modelBytes(model)), options)

/** y = x + w, of an input [2] and an initializer. */
const adds = (w: WrittenTensor, more: Partial<WrittenModel> = {}): WrittenModel => ({
  nodes: [{ operator: 'Add', name: 'sum', inputs: ['x', w.name], outputs: ['y'] }],
  initializers: [w],
  inputs: [['x', FLOAT, [2]]],
  outputs: ['y'],
  ...more,
})

const x = { dtype: 'float32', shape: [2], data: Float64Array.of(1, 2) } as const

function valuesOf(model: WrittenModel, options: DecodeOptions = {}, feeds: Record<string, typeof x> = { x }): number[] {
  return Array.from(evaluate(decoded(model, options).graph, feeds).y.data)
}

describe('initializers', () => {
  const bits = (values: readonly number[]) => Uint16Array.from(values)
  it.each<[string, number, Uint8Array, number[]]>([
    ['float32', 1, bytesOf(Float32Array.of(0.5, -3)), [0.5, -3]],
    ['float64', 11, bytesOf(Float64Array.of(0.5, -3)), [0.5, -3]],
    ['float16', 10, bytesOf(Uint16Array.from([0.5, -3], floatToHalf)), [0.5, -3]],
    ['bfloat16', 16, bytesOf(bits([0x3f00, 0xc040])), [0.5, -3]],
    ['uint8', 2, Uint8Array.of(3, 250), [3, 250]],
    ['int8', 3, Uint8Array.of(3, 250), [3, -6]],
    ['uint16', 4, bytesOf(bits([3, 65000])), [3, 65000]],
    ['int16', 5, bytesOf(bits([3, 65000])), [3, -536]],
    ['int32', 6, bytesOf(Int32Array.of(3, -7)), [3, -7]],
    ['int64', 7, bytesOf(BigInt64Array.of(3n, -7n)), [3, -7]],
    ['uint32', 12, bytesOf(Uint32Array.of(3, 4e9)), [3, 4e9]],
    ['uint64', 13, bytesOf(BigUint64Array.of(3n, 5n)), [3, 5]],
    ['bool', 9, Uint8Array.of(1, 0), [1, 0]],
    ['uint4', 21, Uint8Array.of(0x93), [3, 9]],
    ['int4', 22, Uint8Array.of(0x93), [3, -7]],
  ])('%s, raw', (_, type, raw, [a, b]) => {
    const model = adds({ name: 'w', type, dims: [2], raw })
    const cast = { operator: 'Cast', inputs: ['w'], outputs: ['f'], attributes: { to: { int: FLOAT } } }
    const nodes = [{ operator: 'Add', inputs: ['x', 'f'], outputs: ['y'] }, cast]
    expect(valuesOf({ ...model, nodes })).toEqual([1 + a, 2 + b])
  })

  it('in fields of their type: halves and small integers stand in int32_data', () => {
    const half = { name: 'w', type: 10, dims: [2], int32: [0.5, -3].map(floatToHalf) }
    expect(valuesOf(adds(half))).toEqual([1.5, -1])
    expect(valuesOf(adds({ name: 'w', type: 16, dims: [2], int32: [0x3f00, 0xc040] }))).toEqual([1.5, -1])
  })

  it('quantised weights: a scale and a zero point for all, for each row, for each block', () => {
    const scale = (...values: number[]) => bytesOf(Float32Array.from(values))
    const model = (
      dims: number[],
      s: readonly number[],
      attributes: Record<string, { int: number }>,
    ): WrittenModel => ({
      opset: 21,
      nodes: [
        { operator: 'DequantizeLinear', inputs: ['q', 's', 'z'], outputs: ['w'], attributes },
        { operator: 'Add', inputs: ['x', 'w'], outputs: ['y'] },
      ],
      initializers: [
        { name: 'q', type: 3, dims, raw: Uint8Array.of(1, 2, 3, 4) },
        {
          name: 's',
          type: FLOAT,
          dims: s,
          raw: scale(
            ...[10, 100].slice(
              0,
              s.reduce((a, b) => a * b, 1),
            ),
          ),
        },
        {
          name: 'z',
          type: 3,
          dims: s,
          raw: Uint8Array.of(1, 2).slice(
            0,
            s.reduce((a, b) => a * b, 1),
          ),
        },
      ],
      inputs: [['x', FLOAT, [1]]],
      outputs: ['y'],
    })
    const zero = { x: { dtype: 'float32', shape: [1], data: Float64Array.of(0) } as never }
    expect(valuesOf(model([2, 2], [], {}), {}, zero)).toEqual([0, 10, 20, 30])
    expect(valuesOf(model([2, 2], [2], { axis: { int: 0 } }), {}, zero)).toEqual([0, 10, 100, 200])
    expect(valuesOf(model([1, 4], [1, 2], { axis: { int: 1 }, block_size: { int: 2 } }), {}, zero)).toEqual([
      0, 10, 100, 200,
    ])
  })

  it('outside, in a file that is there, whole, at its offset', () => {
    const outside = (entries: Record<string, string>) => adds({ name: 'w', type: FLOAT, dims: [2], external: entries })
    const data = bytesOf(Float32Array.of(9, 0.5, -3))
    const files = { 'm.onnx.data': data }
    expect(valuesOf(outside({ location: 'm.onnx.data', offset: '4', length: '8' }), { files })).toEqual([1.5, -1])
    expect(() => valuesOf(outside({ location: 'm.onnx.data', offset: '8' }), { files })).toThrow(
      /'w' float32\[2\]: it lies at bytes 8 to 16 of 'm.onnx.data', which has 12/,
    )
    expect(() => valuesOf(outside({ location: '../m' }), { files })).toThrow(/lies in '..\/m', which is not there/)
    expect(() => valuesOf(outside({ location: 'm.onnx.data', offset: '-4' }), { files })).toThrow(/has the offset '-4'/)
  })

  it('of a size that the file does not have, nothing being made of that size', () => {
    const huge = adds({ name: 'w', type: FLOAT, dims: [2 ** 40, 2 ** 12], raw: new Uint8Array(8) })
    expect(() => valuesOf(huge)).toThrow(
      /'w' float32\[1099511627776,4096\]: it must hold 18014398509481984 bytes, it holds 8/,
    )
    const more = adds({ name: 'w', type: FLOAT, dims: [2 ** 50, 2 ** 50], raw: new Uint8Array(8) })
    expect(() => valuesOf(more)).toThrow(/more elements than any file holds/)
    const negative = adds({ name: 'w', type: FLOAT, dims: [-1], raw: new Uint8Array(8) })
    expect(() => valuesOf(negative)).toThrow(/the tensor 'w' has an extent of -1/)
  })

  it('of types that no network computes with, by name', () => {
    expect(() => valuesOf(adds({ name: 'w', type: 17, dims: [2], raw: new Uint8Array(2) }))).toThrow(
      /'w' float8e4m3fn\[2\]: float8e4m3fn is not read; read are float32, uint8/,
    )
  })
})

describe('functions and branches', () => {
  const half = { operator: 'Half', domain: 'own', inputs: ['x'], outputs: ['y'] }
  const body = (nodes: WrittenModel['nodes'], attributes: string[] = []) => [
    { name: 'Half', domain: 'own', inputs: ['a'], outputs: ['b'], attributes, nodes },
  ]
  const model = (functions: WrittenModel['functions'], attributes = {}): WrittenModel => ({
    nodes: [{ ...half, name: 'call', attributes }],
    inputs: [['x', FLOAT, [2]]],
    outputs: ['y'],
    functions: functions!,
  })
  const constant = {
    operator: 'Constant',
    inputs: [],
    outputs: ['k'],
    attributes: { value_float: { reference: 'by', type: 1 } },
  }

  it('a function is put in the place of its call, with the attributes of the call', () => {
    const nodes = [constant, { operator: 'Mul', inputs: ['a', 'k'], outputs: ['b'] }]
    expect(valuesOf(model(body(nodes, ['by']), { by: { float: 0.25 } }))).toEqual([0.25, 0.5])
  })

  it('what a function lacks is named with the call', () => {
    const nodes = [{ operator: 'Nothing', name: 'inner', inputs: ['a'], outputs: ['b'] }]
    expect(() => valuesOf(model(body(nodes)))).toThrow(/it has not: Nothing \(call\/inner\)$/)
    const again = [{ ...half, inputs: ['a'], outputs: ['b'] }]
    const looped = model(body(again))
    expect(() => valuesOf(looped)).toThrow(/the file does not say which version|the function Half calls itself/)
  })

  const branch = (operator: string) => ({
    graph: { nodes: [{ operator, name: `${operator} inside`, inputs: ['x'], outputs: ['z'] }], outputs: ['z'] },
  })
  const choosing = (condition: WrittenModel['nodes'], chosen: string, other: string): WrittenModel => ({
    nodes: [
      ...condition,
      {
        operator: 'If',
        name: 'choice',
        inputs: ['c'],
        outputs: ['y'],
        attributes: { then_branch: branch(chosen), else_branch: branch(other) },
      },
    ],
    inputs: [['x', FLOAT, ['n']]],
    outputs: ['y'],
  })
  /** Whether x has two elements. */
  const ofShape: WrittenModel['nodes'] = [
    { operator: 'Shape', inputs: ['x'], outputs: ['s'] },
    { operator: 'Constant', inputs: [], outputs: ['two'], attributes: { value_int: { int: 2 } } },
    { operator: 'Equal', inputs: ['s', 'two'], outputs: ['c'] },
  ]

  it('the branch is taken that the shapes decide, and the other one may be anything', () => {
    const model = choosing(ofShape, 'Neg', 'Nothing')
    expect(valuesOf(model, { shapes: { x: [2] } })).toEqual([-1, -2])
    expect(() => decoded(model, { shapes: { x: [3] } })).toThrow(/Nothing \(choice\/Nothing inside\)/)
  })

  it('a branch that the numbers decide is refused, as are loops and lists of tensors', () => {
    const ofNumbers = [{ operator: 'Cast', inputs: ['x'], outputs: ['c'], attributes: { to: { int: 9 } } }]
    expect(() => decoded(choosing(ofNumbers, 'Neg', 'Abs'), { shapes: { x: [1] } })).toThrow(
      /If \(choice\): its condition depends on the network's inputs/,
    )
    const loop = { operator: 'Loop', name: 'again', inputs: ['x'], outputs: ['l'], attributes: { body: branch('Neg') } }
    const list = { operator: 'SequenceConstruct', name: 'list', inputs: ['l'], outputs: ['y'] }
    const model = { nodes: [loop, list], inputs: [['x', FLOAT, [2]] as const], outputs: ['y'] }
    expect(() => decoded(model)).toThrow(
      /Loop \(again\): loops are not unrolled.*; SequenceConstruct \(list\): only tensors are taken, no lists of them$/,
    )
  })
})

describe('arithmetic on shapes', () => {
  it('is done, from the shapes that are asked for to the calls that need it', () => {
    // x [n, 6] as [n, 3, 2] by Shape, Gather, Unsqueeze, Concat and a slice to the greatest integer.
    const int = (name: string, ...values: bigint[]): WrittenTensor => ({
      name,
      type: INT64,
      dims: [values.length],
      raw: bytesOf(BigInt64Array.from(values)),
    })
    const model: WrittenModel = {
      nodes: [
        { operator: 'Shape', inputs: ['x'], outputs: ['s'] },
        { operator: 'Gather', inputs: ['s', 'zero'], outputs: ['n'] },
        { operator: 'Mul', inputs: ['far', 'one'], outputs: ['end'] },
        { operator: 'Slice', inputs: ['x', 'one', 'end', 'one'], outputs: ['cut'] },
        { operator: 'Concat', inputs: ['n', 'rest'], outputs: ['to'], attributes: { axis: { int: 0 } } },
        { operator: 'Reshape', inputs: ['cut', 'to'], outputs: ['y'] },
      ],
      initializers: [int('zero', 0n), int('one', 1n), int('far', 2n ** 63n - 1n), int('rest', 5n, 1n)],
      inputs: [['x', FLOAT, ['n', 6]]],
      outputs: ['y'],
    }
    for (const n of [1, 4]) {
      const { graph } = decoded(model, { shapes: { x: [n, 6] } })
      expect(graph.outputs.y.shape).toEqual([n, 5, 1])
      expect(nodesOf(Object.values(graph.outputs)).map(({ operator }) => operator.name)).toEqual(['Slice', 'Reshape'])
    }
  })

  it('is refused where it would need more memory than there is, before any is taken', () => {
    const shape = { name: 's', type: INT64, dims: [2], raw: bytesOf(BigInt64Array.of(2n ** 40n, 2n ** 20n)) }
    const model = {
      nodes: [
        { operator: 'ConstantOfShape', name: 'zeros', inputs: ['s'], outputs: ['z'] },
        { operator: 'Add', inputs: ['x', 'z'], outputs: ['y'] },
      ],
      initializers: [shape],
      inputs: [['x', FLOAT, [1]] as const],
      outputs: ['y'],
    }
    expect(() => decoded(model)).toThrow(/ConstantOfShape \(zeros\): the elements of .* need .* GiB/)
  })
})

describe('graphs that are none', () => {
  const neg = (from: string, to: string) => ({ operator: 'Neg', name: `${from}-${to}`, inputs: [from], outputs: [to] })
  const model = (...nodes: WrittenModel['nodes']): WrittenModel => ({
    nodes,
    inputs: [['x', FLOAT, [2]]],
    outputs: ['y'],
  })

  it('nodes may stand in any order, and what nothing needs is left out', () => {
    const unused = { operator: 'Nothing', inputs: ['x'], outputs: ['unused'] }
    expect(valuesOf(model(neg('a', 'y'), unused, neg('x', 'a')))).toEqual([1, 2])
  })

  it.each<[string, WrittenModel, RegExp]>([
    [
      'a circle',
      model(neg('a', 'b'), neg('b', 'a'), neg('b', 'y')),
      /no node may need what it makes itself: a-b → b-a → a-b|b-a → a-b → b-a/,
    ],
    ['a tensor made twice', model(neg('x', 'y'), neg('y', 'y')), /'y' is made by x-y and y-y/],
    ['a tensor that nothing makes', model(neg('z', 'y')), /z-y uses 'z', which nothing makes/],
    ['an output that nothing makes', model(neg('x', 'a')), /the model uses 'y', which nothing makes/],
    [
      'several operators that are not known, all of them',
      model(
        { operator: 'One', name: 'first', inputs: ['x'], outputs: ['a'] },
        { operator: 'Two', name: 'second', inputs: ['a'], outputs: ['b'] },
        { operator: 'One', name: 'third', inputs: ['b'], outputs: ['y'] },
      ),
      /it has not: One \(first, third\); Two \(second\)$/,
    ],
    [
      'an attribute that is not known',
      model({ operator: 'Neg', name: 'n', inputs: ['x'], outputs: ['y'], attributes: { odd: { int: 1 } } }),
      /Neg \(n\): Neg: the attribute 'odd' is not known, got 1/,
    ],
  ])('%s', (_, written, message) => {
    expect(() => decoded(written)).toThrow(message)
  })

  it('operator sets that nobody here has seen, and operators in forms of long ago', () => {
    expect(() => decoded({ ...model(neg('x', 'y')), opset: 29 })).toThrow(/up to 28, this one uses 29; export it anew/)
    const add = { operator: 'Add', name: 'old', inputs: ['x', 'x'], outputs: ['y'] }
    expect(() => decoded({ ...model(add), opset: 6 })).toThrow(/it has not: Add \(old\)/)
  })

  it('inputs are named and shaped as the file has them', () => {
    const open = { ...model(neg('x', 'y')), inputs: [['x', FLOAT, ['n', 3]] as const] }
    expect(() => decoded(open)).toThrow(/the input 'x' is float32\[n,3\]: give its shape/)
    expect(() => decoded(open, { shapes: { x: [2, 4] } })).toThrow(/'x' must be float32\[n,3\], got \[2,4\]/)
    expect(() => decoded(open, { shapes: { z: [2, 3] } })).toThrow(/has no input 'z'; its inputs are x$/)
    expect(() => decoded(open, { shapes: { x: [2, 3] }, outputs: ['z'] })).toThrow(/no output 'z'; its outputs are y$/)
  })
})

describe('files that are no models', () => {
  const text = (value: string) => new TextEncoder().encode(value)
  it.each<[string, Uint8Array, RegExp]>([
    [
      'a Git LFS pointer',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n'),
      /m.onnx is a Git LFS pointer/,
    ],
    ['a pickle', Uint8Array.of(0x80, 2, 0x7d), /m.onnx is a Python pickle and no ONNX model; .* torch.onnx.export/],
    ['what torch.save writes', text('PK\u0003\u0004archive'), /is a zip archive, as torch.save writes it,/],
    ['nothing', new Uint8Array(0), /m.onnx \(0 bytes\) must be an ONNX model, but it must hold one graph/],
    ['a text', text('hello world'), /must be an ONNX model/],
  ])('%s', (_, bytes, message) => {
    expect(() => readModel(bytes, 'm.onnx')).toThrow(message)
  })

  const whole = modelBytes(adds({ name: 'w', type: FLOAT, dims: [2], raw: new Uint8Array(8) }))

  it('one cut short anywhere, with any byte changed, or of any bytes, never ends in another error', () => {
    const tryIt = (bytes: Uint8Array) => {
      try {
        decode(readModel(bytes))
      } catch (error) {
        expect(error).toMatchObject({ kind: 'input', code: expect.stringMatching(/^(onnx|file)\./) })
      }
    }
    for (let length = 0; length < whole.length; length++) {
      expect(() => decode(readModel(whole.subarray(0, length)))).toThrow(expect.objectContaining({ kind: 'input' }))
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => tryIt(bytes)),
      { numRuns: 300 },
    )
    fc.assert(
      fc.property(fc.nat(whole.length - 1), fc.nat(255), (at, value) => tryIt(whole.with(at, value))),
      { numRuns: 500 },
    )
  })

  it('graphs in graphs without end', () => {
    let graph: WrittenModel = { nodes: [], outputs: ['y'] }
    for (let depth = 0; depth < 40; depth++) {
      const attributes = { then_branch: { graph }, else_branch: { graph: { nodes: [], outputs: ['y'] } } }
      graph = { nodes: [{ operator: 'If', inputs: ['c'], outputs: ['y'], attributes }], outputs: ['y'] }
    }
    expect(() => readModel(modelBytes(graph))).toThrow(/graphs lie in graphs more than 32 deep/)
  })
})
