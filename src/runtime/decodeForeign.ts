/** The network in somebody else's ONNX file as a graph, and its derivative, which no engine gives. */
import type { Shape } from '../base/index.ts'
import { inputError } from '../base/index.ts'
import type { Graph, SymbolicTensor } from '../graph/index.ts'
import { input } from '../graph/index.ts'
import type { OnnxModel } from '../onnx/index.ts'
import { decode, decodedVjp, elementTypeName, readModel } from '../onnx/index.ts'
import type { DeclaredValue, ModelFiles } from './engine.ts'
import type { ForeignModel } from './foreign.ts'

/**
 * Bytes of a model and the files beside it, together, up to which they are read: with its derivative a model's weights are in memory several times, and
 * what is written anew must stay below ONNX's 2 GiB.
 */
export const MOST_MODEL_BYTES = 2 ** 30

/** The error of a model that is too large to be read. @param bytes with those of the files beside it */
export function tooLarge(path: string, bytes: number): Error {
  const gib = (count: number) => `${Number((count / 2 ** 30).toPrecision(3))} GiB`
  return inputError(
    'onnx.open',
    `'${path}' must have at most ${gib(MOST_MODEL_BYTES)}, with the weights beside it, to be read for its operators and its derivative, it has ${gib(bytes)}: a larger model is run as it is, ` +
      'without a derivative; export it in float16 if that is small enough',
  )
}

/** A decoded file. */
export interface DecodedForeign {
  readonly inputs: readonly DeclaredValue[]
  readonly outputs: readonly DeclaredValue[]
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
  return decodeFiles(await model.files(), source)
}

/** The same of bytes. @throws `onnx.*` */
export function decodeFiles({ bytes, files }: ModelFiles, source?: string): DecodedForeign {
  const read = readModel(bytes, source)
  const { graph } = read
  return {
    halved: read.halved,
    inputs: graph.inputs.filter(({ name }) => !graph.initializers.has(name)).map(declared),
    outputs: graph.outputs.map(declared),
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

/** As engines give it. */
const declared = ({ name, dataType, axes }: OnnxModel['graph']['inputs'][number]): DeclaredValue => ({
  name,
  dtype: dataType === undefined ? '' : elementTypeName(dataType),
  shape: axes ?? [],
})
