/** Test support: calls of remainders. */
import type { OperatorCase } from '../caseType.fixture.ts'
import { exactly } from '../caseType.fixture.ts'
import { floorMod, fmod } from './mod.ts'

const whole = {
  a: { shape: [2, 4], dtype: 'int64', draw: exactly(7, -7, 7, -7, 6, -6, 0, 5) },
  b: { shape: [4], dtype: 'int64', draw: exactly(3, 3, -3, -3) },
} as const

export const modCases: readonly OperatorCase[] = [
  {
    operator: 'Mod',
    title: 'floats of either sign, broadcast',
    inputs: {
      a: { shape: [2, 3], draw: exactly(5.3, -5.3, 0.4, 7.1, -0.2, 4.9) },
      b: { shape: [3], draw: exactly(2, 1.5, -3) },
    },
    call: ({ a, b }) => [fmod(a, b)],
  },
  { operator: 'Mod', title: 'integers, sign of the first', inputs: whole, call: ({ a, b }) => [fmod(a, b)] },
  { operator: 'Mod', title: 'integers, sign of the second', inputs: whole, call: ({ a, b }) => [floorMod(a, b)] },
]
