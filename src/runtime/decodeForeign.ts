/** The network in somebody else's ONNX file as a graph, and its derivative, which no engine gives. */
import type { Shape } from '../base/index.ts'
import { inputError } from '../base/index.ts'
import type { Graph, SymbolicTensor } from '../graph/index.ts'
import { input } from '../graph/index.ts'
import { decode, decodedVjp, readModel } from '../onnx/index.ts'
import type { ForeignModel } from './foreign.ts'

/** A decoded file. */
export interface DecodedForeign {
  /** Whether it computes in 16 bits somewhere, which is 32 bits here. */
  readonly halved: boolean
  /**
   * What the file computes, with the derivative: inputs as the file's, of the types that `ForeignModel.run` takes, and `cotangent`, of the output's
   * shape; outputs `prediction`, and `d NAME`, the gradient of sum(output cotangent) in each input of `wrt`.
   * @throws `onnx.operators`, `onnx.derivatives` listing every node that stands in the way; `graph.derivative`
   */
  derivativeGraph(shapes: Readonly<Record<string, Shape>>, of: DerivativeOf): Graph
}

export interface DerivativeOf {
  readonly output: string
  readonly wrt: readonly string[]
}

/** The name of an input for the cotangent of the output. */
export const COTANGENT = 'cotangent'
/** The name of the output with a derivative. */
export const derivativeName = (name: string): string => `d ${name}`

/** @throws `onnx.*` on a file that is not read */
export async function decodeForeign(model: Pick<ForeignModel, 'files'>, source?: string): Promise<DecodedForeign> {
  const { bytes, files } = await model.files()
  const read = readModel(bytes, source)
  return {
    halved: read.halved,
    derivativeGraph(shapes, { output, wrt }) {
      const decoded = decode(read, { shapes, files, outputs: [output] })
      const { inputs, outputs } = decoded.graph
      if (COTANGENT in inputs)
        throw inputError('onnx.inputs', `an input named '${COTANGENT}' is in the way of the derivative's own`)
      const prediction = outputs[output]
      const cotangent = input(COTANGENT, prediction.shape, prediction.dtype)
      const variables = wrt.map((name): SymbolicTensor => inputs[name])
      const gradients = decodedVjp(decoded, [prediction], [cotangent], variables)
      return {
        inputs: { ...inputs, [COTANGENT]: cotangent },
        outputs: { prediction, ...Object.fromEntries(wrt.map((name, i) => [derivativeName(name), gradients[i]])) },
      }
    },
  }
}
