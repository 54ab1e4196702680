/**
 * Test support: the table of all operator cases. Every registered operator must have at least one; the derivative test and the
 * parity tests of the runtimes go through all of them.
 */
import type { OperatorCase } from './caseType.fixture.ts'
import { activationCases } from './ops/activation.cases.ts'
import { compareCases } from './ops/compare.cases.ts'
import { convCases } from './ops/conv.cases.ts'
import { elementwiseCases } from './ops/elementwise.cases.ts'
import { gatherCases } from './ops/gather.cases.ts'
import { gridSampleCases } from './ops/gridSample.cases.ts'
import { matmulCases } from './ops/matmul.cases.ts'
import { modCases } from './ops/mod.cases.ts'
import { normCases } from './ops/norm.cases.ts'
import { poolCases } from './ops/pool.cases.ts'
import { reduceCases } from './ops/reduce.cases.ts'
import { resizeCases } from './ops/resize.cases.ts'
import { shapeCases } from './ops/shape.cases.ts'
import { topKCases } from './ops/topK.cases.ts'
import { trigonometryCases } from './ops/trigonometry.cases.ts'

export const operatorCases: readonly OperatorCase[] = [
  ...elementwiseCases,
  ...compareCases,
  ...reduceCases,
  ...shapeCases,
  ...gatherCases,
  ...matmulCases,
  ...resizeCases,
  ...gridSampleCases,
  ...poolCases,
  ...normCases,
  ...convCases,
  ...activationCases,
  ...trigonometryCases,
  ...modCases,
  ...topKCases,
]
