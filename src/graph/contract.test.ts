/** What the entries say of ONNX's operators, against ONNX's own definitions; and calls as files write them. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { operatorCases } from './cases.fixture.ts'
import { traceCase } from './caseType.fixture.ts'
import { callOf } from './contract.ts'
import type { Attribute, Attributes, Node, Operator, SymbolicTensor } from './index.ts'
import { allOperators, constant, input, nodesOf, operatorFor, tensorOf } from './index.ts'

/** [first operator set, [[input, 0 must be there | 1 may be absent | 2 any number]], {attribute: [kind, default; null: must be given]}] */
type Schema = readonly [
  number,
  readonly (readonly [string, 0 | 1 | 2])[],
  Readonly<Record<string, readonly [string, (Attribute | null)?]>>,
]
const schemas = JSON.parse(readFileSync('test/gold/onnxSchemas.json', 'utf8')) as Readonly<
  Record<string, readonly Schema[]>
>
const NEWEST = 22

const standard = allOperators().filter(({ domain, name }) => domain === '' && name !== 'OfATest')

/** Forms of an operator that its entry claims to be. */
function claimed({ name, since, until = NEWEST }: Operator): Schema[] {
  const versions = schemas[name]
  return versions.filter(([first], i) => first <= until && (versions[i + 1]?.[0] ?? NEWEST + 1) > since)
}

/** Inputs that ONNX may be told or not, and the entry must be. */
const STRICTER = ['ReduceSum axes', 'Split split']

describe.each(standard.map((operator) => [operator.name, operator] as const))('%s', (name, operator) => {
  test('begins where its form begins', () => {
    expect(schemas[name].map(([first]) => first)).toContain(operator.since)
    if (operator.until !== undefined) expect(schemas[name].map(([first]) => first)).toContain(operator.until + 1)
  })

  test.each(claimed(operator))('has the inputs of operator set %i', (_, inputs) => {
    const declared = operator.inputs ?? []
    declared.forEach((text, i) => {
      const [, kind] = inputs[Math.min(i, inputs.length - 1)]
      if (text.endsWith('...')) expect(kind).toBe(2)
      else if (kind === 1) expect(text.endsWith('?') || STRICTER.includes(`${name} ${text}`)).toBe(true)
    })
    // What it does not name is never needed.
    expect(inputs.slice(declared.length).filter(([, kind]) => kind === 0)).toEqual([])
  })

  test.each(claimed(operator))('has the attributes of operator set %i, with their defaults', (first, _, attributes) => {
    const { attributes: own, assumed = {} } = operator
    const plain = (value: unknown) => (typeof value === 'function' ? undefined : value)
    for (const [attribute, [kind, value]] of Object.entries(attributes)) {
      const contract = own[attribute]
      expect(contract !== undefined || attribute in assumed, attribute).toBe(true)
      if (contract) {
        expect([attribute, contract.kind]).toEqual([attribute, kind])
        expect([attribute, contract.default === undefined]).toEqual([attribute, value === null])
        if (value !== undefined && value !== null) expect(contract.default).toEqual(value)
      } else if (value !== undefined && attribute in assumed) expect(plain(assumed[attribute])).toEqual(value)
    }
    for (const [attribute, { since = operator.since, default: value }] of Object.entries(own)) {
      if (attribute in attributes)
        expect([attribute, since <= Math.max(first, operator.since)]).toEqual([attribute, true])
      else expect([attribute, since > first, value !== undefined]).toEqual([attribute, true, true])
    }
    const known = new Set(schemas[name].flatMap(([, , all]) => Object.keys(all)))
    expect(Object.keys(assumed).filter((attribute) => !known.has(attribute) && attribute !== 'round_mode')).toEqual([])
  })
})

/** The calls of standard operators in the table of cases. */
const calls = operatorCases.flatMap((operatorCase) => {
  const nodes = nodesOf(Object.values(traceCase(operatorCase).outputs)).filter(({ operator }) => operator.domain === '')
  return nodes.map((node): [string, Node] => [`${operatorCase.operator}: ${operatorCase.title}`, node])
})

describe('calls as files write them', () => {
  const opset = 17
  const types = (made: readonly SymbolicTensor[]) => made.map(({ dtype, shape }) => ({ dtype, shape }))

  test('are the calls that were traced, also where attributes that are as usual are left out', () => {
    expect(calls.length).toBeGreaterThan(100)
    for (const [label, { operator, inputs, attributes, outputs }] of calls) {
      expect(operatorFor(operator.name, '', opset), label).toBe(operator)
      const usual = (name: string) => {
        const { default: value } = operator.attributes[name]
        return JSON.stringify(typeof value === 'function' ? value(inputs) : value) === JSON.stringify(attributes[name])
      }
      const written = Object.fromEntries(Object.entries(attributes).filter(([name]) => !usual(name)))
      const made = callOf(operator, { inputs, attributes: written, opset })
      const { source } = made[0]
      expect(source.kind === 'node' && source.node.attributes, label).toEqual(attributes)
      expect(types(made), label).toEqual(types(outputs))
    }
  })

  const x = input('x', [2, 3, 8, 8])
  const w = input('w', [4, 3, 3, 3])
  const call = (name: string, inputs: (SymbolicTensor | null)[], attributes: Attributes, version = opset) => {
    const operator = operatorFor(name, '', version)
    if (!operator) throw new Error(`no ${name} of operator set ${version}`)
    return callOf(operator, { inputs, attributes, opset: version })
  }

  test('take defaults that depend on the inputs', () => {
    expect(call('Conv', [x, w], {})[0].shape).toEqual([2, 4, 6, 6])
    expect(call('Conv', [x, w], { kernel_shape: [3, 3], auto_pad: 'NOTSET', pads: [1, 1, 1, 1] })[0].shape).toEqual([
      2, 4, 8, 8,
    ])
    expect(call('MaxPool', [x], { kernel_shape: [2, 2] })[0].shape).toEqual([2, 3, 7, 7])
    expect(call('Transpose', [x], {})[0].shape).toEqual([8, 8, 3, 2])
    expect(call('ReduceMean', [x], {})[0].shape).toEqual([1, 1, 1, 1])
    expect(
      call('Slice', [x, constant(tensorOf('int64', [1], [1])), constant(tensorOf('int64', [1], [2]))], {})[0].shape,
    ).toEqual([1, 3, 8, 8])
  })

  test.each<[string, () => unknown, string, RegExp]>([
    [
      'a missing attribute',
      () => call('MaxPool', [x], {}),
      'graph.attribute',
      /MaxPool needs the attribute 'kernel_shape'/,
    ],
    [
      'a value that is not offered',
      () => call('Conv', [x, w], { auto_pad: 'SAME_UPPER' }),
      'graph.attribute',
      /'auto_pad' must be "NOTSET", got "SAME_UPPER"/,
    ],
    [
      'another kernel than the weight has',
      () => call('Conv', [x, w], { kernel_shape: [5, 5] }),
      'graph.attribute',
      /must be \[3,3\], got \[5,5\]/,
    ],
    [
      'one that must be left out',
      () => call('Resize', [x, null, constant(tensorOf('float32', [4], [1, 1, 2, 2]))], { axes: [2, 3] }, 18),
      'graph.attribute',
      /'axes' is not offered/,
    ],
    [
      'an unknown attribute',
      () => call('Relu', [x], { slope: 1 }),
      'graph.attribute',
      /Relu: the attribute 'slope' is not known/,
    ],
    [
      'one of a later version',
      () => call('GatherND', [x, w], { batch_dims: 0 }, 11),
      'graph.attribute',
      /'batch_dims' from operator set 12 on, the file has 11/,
    ],
    ['a missing input', () => call('Conv', [x], {}), 'graph.inputs', /Conv takes X, W, B\?; 'W' is absent/],
    ['an absent one', () => call('Conv', [null, w], {}), 'graph.inputs', /'X' is absent/],
    ['too many inputs', () => call('Relu', [x, w], {}), 'graph.inputs', /Relu takes X; got 2 inputs/],
    ['none where there must be one or more', () => call('Concat', [], { axis: 0 }), 'graph.inputs', /got 0/],
  ])('%s is refused in words', (_, work, code, words) => {
    expect(work).toThrow(expect.objectContaining({ code, message: expect.stringMatching(words) }))
  })

  test('of versions with another form are not taken for these', () => {
    expect(operatorFor('ReduceMean', '', 17)?.name).toBe('ReduceMean')
    expect(operatorFor('ReduceMean', '', 18)).toBeUndefined()
    expect(operatorFor('Softmax', '', 12)).toBeUndefined()
    expect(operatorFor('Softmax', 'com.microsoft', 1)).toBeUndefined()
  })
})
