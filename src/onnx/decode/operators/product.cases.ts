/** Test support: products as files call them. */
import type { NodeCase } from '../nodeModel.fixture.ts'
import { floats } from '../nodeModel.fixture.ts'

const equation = (text: string, ...shapes: readonly (readonly number[])[]): NodeCase => ({
  operator: 'Einsum',
  opset: 12,
  title: text,
  attributes: { equation: { string: text } },
  inputs: shapes.map((shape) => floats(shape)),
})

const fused = (
  title: string,
  a: readonly number[],
  b: readonly number[],
  flags: Readonly<Record<string, number>>,
  alpha = 1,
): NodeCase => ({
  operator: 'FusedMatMul',
  domain: 'com.microsoft',
  opset: 17,
  title,
  attributes: {
    ...Object.fromEntries(Object.entries(flags).map(([name, int]) => [name, { int }])),
    alpha: { float: alpha },
  },
  inputs: [floats(a), floats(b)],
})

export const productCases: readonly NodeCase[] = [
  equation('ij,jk->ik', [2, 3], [3, 4]),
  equation('ij,jk', [2, 3], [3, 4]),
  equation('bhqd,bhkd->bhqk', [2, 3, 4, 5], [2, 3, 2, 5]),
  equation('bhqk,bhkd->bqhd', [2, 3, 4, 5], [2, 3, 5, 2]),
  equation('bij, bjk -> bik', [2, 3, 4], [2, 4, 5]),
  equation('...ij,...jk->...ik', [2, 5, 3, 4], [2, 5, 4, 2]),
  equation('...,...', [3, 2], [3, 2]),
  equation('a...b,...b->a...', [2, 3, 4], [3, 4]),
  equation('i,j->ij', [3], [4]),
  equation('i,i->', [5], [5]),
  equation('ii->i', [4, 4]),
  equation('bii->b', [2, 3, 3]),
  equation('iij->ji', [3, 3, 2]),
  equation('ijk->kj', [2, 3, 4]),
  equation('b...->...b', [2, 3, 4]),
  equation('nchw,nohw->nco', [2, 3, 2, 2], [2, 4, 2, 2]),
  equation('ab,bc,cd->ad', [2, 3], [3, 4], [4, 2]),
  equation('ij,ij,kj->k', [2, 3], [2, 3], [4, 3]),
  equation('bi,ij,bj->b', [2, 3], [3, 4], [2, 4]),
  equation('ij,kl->', [2, 2], [3, 2]),
  fused('plain, factor 0.5', [2, 3, 4], [2, 4, 5], {}, 0.5),
  fused('both transposed', [2, 4, 3], [2, 5, 4], { transA: 1, transB: 1 }),
  fused('one matrix for a stack, transposed', [2, 3, 4], [5, 4], { transB: 1 }),
  fused('the first with its stack last', [3, 2, 4], [2, 4, 5], { transBatchA: 1 }),
  fused('both with their stacks last, transposed', [4, 2, 3], [5, 2, 4], {
    transBatchA: 1,
    transBatchB: 1,
    transA: 1,
    transB: 1,
  }),
]
