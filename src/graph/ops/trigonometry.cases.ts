/** Test support: calls of circular and hyperbolic functions and their inverses. */
import type { Draw, OperatorCase } from '../caseType.fixture.ts'
import { exactly } from '../caseType.fixture.ts'
import type { SymbolicTensor } from '../symbolic.ts'
import { acos, acosh, asin, asinh, atan, atanh, cosh, sinh, tan } from './trigonometry.ts'

const anywhere = exactly(-2.5, -0.7, -0.01, 0, 0.4, 1.2, 3.5, 2)
const betweenOnes = exactly(-0.95, -0.7, -0.01, 0, 0.4, 0.5, 0.9, 0.2)
const aboveOne = exactly(1.05, 1.2, 1.7, 2.5, 10, 3, 1.1, 5)

function calls(operator: string, call: (x: SymbolicTensor) => SymbolicTensor, draw: Draw): OperatorCase {
  return { operator, title: 'a tensor', inputs: { x: { shape: [2, 4], draw } }, call: ({ x }) => [call(x)] }
}

export const trigonometryCases: readonly OperatorCase[] = [
  calls('Tan', tan, betweenOnes),
  calls('Asin', asin, betweenOnes),
  calls('Acos', acos, betweenOnes),
  calls('Atan', atan, anywhere),
  calls('Sinh', sinh, anywhere),
  calls('Cosh', cosh, anywhere),
  calls('Asinh', asinh, anywhere),
  calls('Acosh', acosh, aboveOne),
  calls('Atanh', atanh, betweenOnes),
]
