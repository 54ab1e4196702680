/** Cases of the activations and their derivatives. */
import type { CaseInput, OperatorCase } from '../caseType.fixture.ts'
import { exactly } from '../caseType.fixture.ts'
import { vjp } from '../gradient.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { gelu, geluTanh, silu } from './activation.ts'

const ends: CaseInput = { shape: [7], draw: exactly(-30, -8, -1.5, 0, 0.3, 5, 30) }

function casesOf(name: string, activation: (x: SymbolicTensor) => SymbolicTensor): OperatorCase[] {
  return [
    { operator: `composite:${name}`, title: 'images', inputs: { x: [2, 3, 4, 5] }, call: ({ x }) => [activation(x)] },
    { operator: `composite:${name}`, title: 'from end to end', inputs: { x: ends }, call: ({ x }) => [activation(x)] },
    {
      operator: `composite:${name}Gradient`,
      title: 'images',
      inputs: { x: [2, 3, 4, 5], g: [2, 3, 4, 5] },
      call: ({ x, g }) => vjp([activation(x)], [g], [x]),
      differentiable: [],
    },
    {
      operator: `composite:${name}Gradient`,
      title: 'from end to end',
      inputs: { x: ends, g: [7] },
      call: ({ x, g }) => vjp([activation(x)], [g], [x]),
      differentiable: [],
    },
  ]
}

export const activationCases: readonly OperatorCase[] = [
  ...casesOf('Silu', silu),
  ...casesOf('Gelu', gelu),
  ...casesOf('GeluTanh', geluTanh),
]
