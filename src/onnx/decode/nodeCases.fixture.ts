/** Test support: calls of operators as files write them, by family. */
import type { NodeCase } from './nodeModel.fixture.ts'
import { activationCases } from './operators/activation.cases.ts'
import { arithmeticCases } from './operators/arithmetic.cases.ts'
import { attentionCases } from './operators/attention.cases.ts'
import { choiceCases } from './operators/choice.cases.ts'
import { convolutionCases } from './operators/convolution.cases.ts'
import { gridSamplingCases } from './operators/gridSampling.cases.ts'
import { indexingCases } from './operators/indexing.cases.ts'
import { placingCases } from './operators/placing.cases.ts'
import { productCases } from './operators/product.cases.ts'
import { reductionCases } from './operators/reduction.cases.ts'
import { resizingCases } from './operators/resizing.cases.ts'
import { scalingCases } from './operators/scaling.cases.ts'

export const nodeCases: readonly NodeCase[] = [
  ...activationCases,
  ...arithmeticCases,
  ...attentionCases,
  ...choiceCases,
  ...convolutionCases,
  ...gridSamplingCases,
  ...indexingCases,
  ...placingCases,
  ...productCases,
  ...reductionCases,
  ...resizingCases,
  ...scalingCases,
]
