/** Test support: calls that choose the largest elements. */
import type { OperatorCase } from '../caseType.fixture.ts'
import { distinct, exactly } from '../caseType.fixture.ts'
import { topK } from './topK.ts'

export const topKCases: readonly OperatorCase[] = [
  {
    operator: 'TopK',
    title: 'last axis',
    inputs: { x: { shape: [3, 6], draw: distinct } },
    call: ({ x }) => Object.values(topK(x, 4)),
  },
  {
    operator: 'TopK',
    title: 'smallest along the middle axis',
    inputs: { x: { shape: [2, 5, 3], draw: distinct } },
    call: ({ x }) => Object.values(topK(x, 2, { axis: 1, largest: false })),
  },
  {
    operator: 'TopK',
    title: 'integers with ties, all of them',
    inputs: { x: { shape: [6], dtype: 'int64', draw: exactly(3, -1, 3, 7, -1, 3) } },
    call: ({ x }) => Object.values(topK(x, 6, { axis: 0 })),
  },
]
