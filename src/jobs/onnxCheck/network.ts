/** A decoded network with its derivative, as one program. */
import type { Tensor } from '../../base/index.ts'
import { randomStream, sizeOf } from '../../base/index.ts'
import type { Graph, Named, SymbolicTensor } from '../../graph/index.ts'
import { input, tensorOf, vjp } from '../../graph/index.ts'
import { compile } from '../../runtime/index.ts'

/** One output of a network, <cotangent, output>, and its derivatives. */
export interface CheckedNetwork {
  readonly output: SymbolicTensor
  /** Like the output. */
  readonly cotangent: Tensor
  /** Names of the inputs that there are derivatives in. */
  readonly variables: readonly string[]
  /** The output, and the derivative of <cotangent, output> in each variable. */
  run(
    feeds: Readonly<Record<string, Tensor>>,
  ): Promise<{ readonly output: Tensor; readonly gradients: Readonly<Record<string, Tensor>> }>
  dispose(): Promise<void>
}

/** Compiles an output with its derivatives. @param cotangent of the output's shape */
export async function checkedNetwork(
  graph: Graph,
  outputName: string,
  variables: readonly string[],
  cotangent: Tensor,
): Promise<CheckedNetwork> {
  const output = graph.outputs[outputName]
  const weightName = freshName(graph)
  const weight: Named = variables.length > 0 ? { [weightName]: input(weightName, output.shape, output.dtype) } : {}
  const wanted = variables.map((name) => graph.inputs[name])
  const derivatives = wanted.length > 0 ? vjp([output], [weight[weightName]], wanted) : []
  const program = await compile({
    inputs: { ...graph.inputs, ...weight },
    outputs: { output, ...Object.fromEntries(derivatives.map((derivative, i) => [`gradient${i}`, derivative])) },
  })
  return {
    output,
    cotangent,
    variables,
    async run(feeds) {
      const fed = variables.length > 0 ? { ...feeds, [weightName]: cotangent } : feeds
      const results: Record<string, Tensor> = await program.run(fed)
      const gradients = Object.fromEntries(variables.map((name, i) => [name, results[`gradient${i}`]]))
      return { output: results.output, gradients }
    },
    dispose: () => program.dispose(),
  }
}

function freshName({ inputs }: Graph): string {
  let name = 'cotangent'
  while (Object.hasOwn(inputs, name)) name += '_'
  return name
}

/** Standard normal numbers like an output. */
export const randomCotangent = ({ dtype, shape }: SymbolicTensor, seed: number): Tensor =>
  tensorOf(dtype, shape, randomStream({ seed, purpose: 'onnx cotangent' }).normal(new Float64Array(sizeOf(shape))))
