/**
 * Some neighbouring classes of a loaded file as if it knew no others. What is told apart by classes alone, such as several sets of prompts in one table,
 * then shares one file with its weights, and each is used as if it had a file of its own.
 */
import { inputError, internalError } from '../../base/index.ts'
import type { Images, Pullback } from '../denoiser.ts'
import type { ForeignDenoiser } from './foreignDenoiser.ts'

/**
 * Classes 0 to `count` - 1 are the file's from `first` on, and class `count` is its null class.
 * @param file with a null class; what is made of it must not be used once it is freed, and frees nothing itself
 */
export function classesAmong(file: ForeignDenoiser, first: number, count: number): ForeignDenoiser {
  const { nullClass } = file
  if (nullClass === undefined) throw internalError('classes were to be taken from a file without a null class')
  const rowOf = (label: number): number => {
    if (label === count) return nullClass
    if (label >= 0 && label < count) return first + label
    throw inputError(
      'model.condition',
      `the model takes classes 0 to ${count - 1}, and ${count} for none, got ${label}`,
    )
  }
  const rows = (condition?: Int32Array) => condition?.map(rowOf)
  const { pullback, decoder, dtype, batch, batchStep, timeDerivative, evaluationsEach } = file
  return {
    prediction: file.prediction,
    times: file.times,
    imageShape: file.imageShape,
    differentiable: file.differentiable,
    missingDerivative: file.missingDerivative,
    conditional: file.conditional,
    notes: file.notes,
    inputs: file.inputs,
    evaluations: file.evaluations,
    secondsPerEvaluation: file.secondsPerEvaluation,
    ...(decoder && { decoder }),
    ...(dtype && { dtype }),
    ...(batch !== undefined && { batch }),
    ...(batchStep !== undefined && { batchStep }),
    ...(timeDerivative !== undefined && { timeDerivative }),
    ...(evaluationsEach !== undefined && { evaluationsEach }),
    classes: count,
    nullClass: count,
    classRows: count + 1,
    predict: async (x, time, condition) => file.predict(x, time, rows(condition)),
    vjp: async (x, time, condition, ...rest) => file.vjp(x, time, rows(condition), ...rest),
    ...(pullback && {
      pullback: async (x: Images, time: number, condition?: Int32Array): Promise<Pullback> =>
        pullback.call(file, x, time, rows(condition)),
    }),
    predictTold: async (x, told, condition) => file.predictTold(x, told, rows(condition)),
    vjpTold: async (x, told, condition, cotangent) => file.vjpTold(x, told, rows(condition), cotangent),
    bytes: (images, checkpoints) => file.bytes(images, checkpoints),
    dispose: async () => undefined,
  }
}
