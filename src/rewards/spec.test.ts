import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { RewardTerm } from './spec.ts'
import { parseRewardSpec } from './spec.ts'

describe('rewards in words', () => {
  test.each<[string, RewardTerm[]]>([
    ['ink', [{ weight: 1, kind: 'name', name: 'ink' }]],
    [
      'log-probability:3@judge + 5*typicality@features',
      [
        { weight: 1, kind: 'name', name: 'log-probability', argument: '3', network: 'judge' },
        { weight: 5, kind: 'name', name: 'typicality', network: 'features' },
      ],
    ],
    [
      '-.5 * ink+1e+3*symmetry',
      [
        { weight: -0.5, kind: 'name', name: 'ink' },
        { weight: 1000, kind: 'name', name: 'symmetry' },
      ],
    ],
    ['2.*nets/a@b.onnx', [{ weight: 2, kind: 'onnx', name: 'nets/a@b.onnx' }]],
    ['C:\\nets\\a.ONNX:logits:0', [{ weight: 1, kind: 'onnx', name: 'C:\\nets\\a.ONNX', argument: 'logits:0' }]],
    [
      './my rewards/3*r.mjs + ../r.cjs',
      [
        { weight: 1, kind: 'module', name: './my rewards/3*r.mjs' },
        { weight: 1, kind: 'module', name: '../r.cjs' },
      ],
    ],
  ])('%s', (spec, terms) => {
    expect(parseRewardSpec(spec)).toEqual(terms)
  })

  test.each([
    ['', /'' is none/],
    ['ink +', /'' is none/],
    ['2*', /'2\*' is none/],
    ['ink@', /'ink@' is none/],
    ['ink@teacher', /'ink@teacher' names a network 'teacher': there are @features and @judge/],
    [
      './reward.ts',
      /'.\/reward.ts' is TypeScript; make JavaScript of it first: npx esbuild .\/reward.ts .* --outfile=.\/reward.mjs/,
    ],
    ['a:b:c', /'a:b:c' is none/],
  ])('%j is refused', (spec, message) => {
    expect(() => parseRewardSpec(spec)).toThrow(message)
  })

  test('what is written is read: any weights, names, arguments and networks', () => {
    const name = fc.stringMatching(/^[a-z]([a-z-]{0,8}[a-z])?$/)
    const term = fc.record(
      {
        weight: fc.double({ noNaN: true, noDefaultInfinity: true }),
        name,
        argument: name,
        network: fc.constantFrom('features' as const, 'judge' as const),
      },
      { requiredKeys: ['weight', 'name'] },
    )
    const text = ({ weight, name: word, argument, network }: Omit<RewardTerm, 'kind'>) =>
      `${weight}*${word}${argument === undefined ? '' : `:${argument}`}${network === undefined ? '' : `@${network}`}`
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 4 }), fc.constantFrom('+', ' + ', '+ '), (terms, plus) => {
        const read = parseRewardSpec(terms.map(text).join(plus))
        expect(read).toEqual(terms.map((given) => ({ ...given, weight: Number(String(given.weight)), kind: 'name' })))
      }),
    )
  })
})
