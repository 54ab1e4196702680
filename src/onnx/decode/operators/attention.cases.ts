/** Test support: attention and rotary embeddings as files call them. */

import type { NodeAttribute, NodeCase, NodeInput } from '../nodeModel.fixture.ts'
import { fedIntegers, floats } from '../nodeModel.fixture.ts'

const microsoft = 'com.microsoft'

const ints = (values: Readonly<Record<string, number>>): Record<string, NodeAttribute> =>
  Object.fromEntries(Object.entries(values).map(([name, int]) => [name, { int }]))

const attention = (
  title: string,
  inputs: readonly (NodeInput | null)[],
  attributes: NodeCase['attributes'] = {},
  rest: Partial<NodeCase> = {},
): NodeCase => ({ operator: 'Attention', opset: 23, title, inputs, attributes, ...rest })

const [q, k, v] = [floats([2, 3, 4, 5]), floats([2, 3, 6, 5]), floats([2, 3, 6, 2])]
const seen = (shape: readonly number[], ...values: number[]): NodeInput => ({
  shape,
  dtype: 'bool',
  draw: () => values,
})

const angles = (shape: readonly number[]): NodeInput => floats(shape)

export const attentionCases: readonly NodeCase[] = [
  attention('heads apart', [q, k, v]),
  attention(
    'heads together, keys for two heads each',
    [floats([2, 4, 12]), floats([2, 5, 6]), floats([2, 5, 4])],
    ints({ q_num_heads: 4, kv_num_heads: 2 }),
  ),
  attention('scaled', [q, k, v], { scale: { float: 0.3 } }),
  attention('capped', [q, k, v], { softcap: { float: 0.7 } }),
  attention('causal', [q, floats([2, 3, 4, 5]), floats([2, 3, 4, 2])], ints({ is_causal: 1 })),
  attention('an added mask', [q, k, v, floats([4, 6])]),
  attention('an added mask for each head', [q, k, v, floats([2, 1, 4, 6])]),
  attention('a mask of truths', [
    q,
    k,
    v,
    seen([4, 6], ...Array.from({ length: 24 }, (_, i) => Number(i % 3 !== 1 || i === 1))),
  ]),
  attention(
    'keys of the past, all outputs',
    [q, k, v, null, floats([2, 3, 2, 5]), floats([2, 3, 2, 2])],
    {},
    { outputs: [true, true, true, true] },
  ),
  attention('weights as an output', [q, k, v], ints({ qk_matmul_output_mode: 3 }), {
    outputs: [true, false, false, true],
  }),
  ...[0, 1].flatMap((interleaved): NodeCase[] => [
    {
      operator: 'RotaryEmbedding',
      opset: 23,
      title: `tables by place, ${interleaved ? 'neighbours' : 'halves'}`,
      attributes: ints({ interleaved }),
      inputs: [floats([2, 3, 4, 6]), angles([8, 3]), angles([8, 3]), fedIntegers([2, 4], 0, 1, 2, 3, 4, 2, 7, 7)],
    },
    {
      operator: 'RotaryEmbedding',
      opset: 23,
      title: `part of the features, heads together, ${interleaved ? 'neighbours' : 'halves'}`,
      attributes: ints({ interleaved, num_heads: 2, rotary_embedding_dim: 4 }),
      inputs: [floats([2, 3, 12]), angles([2, 3, 2]), angles([2, 3, 2])],
    },
  ]),
  {
    operator: 'RotaryEmbedding',
    domain: microsoft,
    opset: 17,
    title: 'of the optimizer, from a first place',
    inputs: [floats([2, 3, 12]), fedIntegers([1], 2), angles([8, 3]), angles([8, 3])],
  },
  {
    operator: 'RotaryEmbedding',
    domain: microsoft,
    opset: 17,
    title: 'of the optimizer, places given, neighbours',
    attributes: ints({ interleaved: 1 }),
    inputs: [floats([2, 2, 3, 6]), fedIntegers([2, 3], 0, 1, 2, 5, 4, 3), angles([8, 3]), angles([8, 3])],
  },
  {
    operator: 'MultiHeadAttention',
    domain: microsoft,
    opset: 17,
    title: 'with bias',
    attributes: ints({ num_heads: 2 }),
    inputs: [floats([2, 3, 8]), floats([2, 4, 8]), floats([2, 4, 6]), floats([22])],
  },
  {
    operator: 'MultiHeadAttention',
    domain: microsoft,
    opset: 17,
    title: 'scores added, scaled',
    attributes: { num_heads: { int: 2 }, scale: { float: 0.9 } },
    inputs: [floats([2, 3, 8]), floats([2, 4, 8]), floats([2, 4, 8]), null, null, floats([2, 2, 3, 4])],
  },
  {
    operator: 'MultiHeadAttention',
    domain: microsoft,
    opset: 17,
    title: 'causal',
    attributes: ints({ num_heads: 2, unidirectional: 1 }),
    inputs: [floats([2, 3, 8]), floats([2, 3, 8]), floats([2, 3, 8])],
  },
  {
    operator: 'Attention',
    domain: microsoft,
    opset: 17,
    title: 'of the optimizer, from one input',
    attributes: ints({ num_heads: 2 }),
    inputs: [floats([2, 3, 6]), floats([6, 24]), floats([24])],
  },
  {
    operator: 'Attention',
    domain: microsoft,
    opset: 17,
    title: 'of the optimizer, causal, narrow values',
    attributes: { num_heads: { int: 2 }, unidirectional: { int: 1 }, qkv_hidden_sizes: { ints: [8, 8, 4] } },
    inputs: [floats([1, 4, 6]), floats([6, 20]), floats([20])],
  },
  attention(
    'nothing to be seen',
    [q, k, v, seen([4, 6], ...new Array<number>(6).fill(0), ...new Array<number>(18).fill(1))],
    {},
    {
      noEngine: 'engines differ in what a query gets that sees nothing; ONNX says 0',
    },
  ),
  attention(
    'real keys by number, causal',
    [floats([2, 1, 2, 3]), floats([2, 1, 4, 3]), floats([2, 1, 4, 3]), null, null, null, fedIntegers([2], 3, 4)],
    ints({ is_causal: 1 }),
    {
      opset: 24,
    },
  ),
]
