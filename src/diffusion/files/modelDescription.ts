/**
 * The one JSON file that describes a model which does not describe itself: NAME.model.json beside NAME.onnx, or model.json in a model folder.
 * Its keys are those of the flags without `model`: {"prediction": "flow", "time": "fraction", "pixels": [0, 1], "scheduler": "scheduler_config.json"}.
 * Flags go before it, and it goes before what the scheduler file says.
 */
import { z } from 'zod'
import { didYouMean, inputError, MOST, parseJson } from '../../base/index.ts'
import type { ConventionPrediction, PixelRange } from '../conventions/convention.ts'
import { PREDICTION_WORDS, TOLD_TIMES } from '../conventions/convention.ts'
import { IMAGE_LAYOUTS } from '../denoisers/foreignDenoiserInputs.ts'

/** What a network predicts, in any of the words for it. */
export const predictionWord = (): z.ZodType<ConventionPrediction, string> =>
  z.enum(Object.keys(PREDICTION_WORDS)).transform((word) => PREDICTION_WORDS[word])

/** [low, high] of clean pixels. */
export const pixelPair = (): z.ZodType<PixelRange, readonly [number, number]> =>
  z.tuple([z.number(), z.number()]).refine(([low, high]) => low < high, {
    error: ({ input }) => `must be two numbers low,high with low < high, got ${String(input)}`,
  })

/** Every key of the file. A key that is added here is read from it, and is a setting of `opening/modelSettings.ts`. */
export const modelDescriptionSchema = z.strictObject({
  prediction: predictionWord().optional(),
  pixels: pixelPair().optional(),
  time: z.enum(TOLD_TIMES).optional(),
  timeScale: z.number().positive().optional(),
  sigmaData: z.number().positive().optional(),
  /** Path of its scheduler file, relative to this file. */
  scheduler: z.string().min(1).optional(),
  /** Its prediction, of several outputs. */
  output: z.string().min(1).optional(),
  /** Where its images have their channels. */
  layout: z.enum(IMAGE_LAYOUTS).optional(),
  /** Names of its inputs. */
  inputImage: z.string().min(1).optional(),
  inputTime: z.string().min(1).optional(),
  inputClass: z.string().min(1).optional(),
  /** Numbers for further inputs, by name. */
  input: z.record(z.string(), z.number()).optional(),
  /** How many classes it knows. */
  classes: z.int().min(1).max(MOST.classes).optional(),
  /** What stands for no class. */
  nullClass: z.int().min(0).max(MOST.classes).optional(),
})

/** What is said of a model beside it; what is absent is not said. */
export type ModelDescription = z.output<typeof modelDescriptionSchema>

/**
 * @param name where the text came from, for errors
 * @throws `model.description` naming the file and the key
 */
export function readModelDescription(text: string, name: string): ModelDescription {
  const refuse = (why: string, cause?: unknown) => {
    const keys = Object.keys(modelDescriptionSchema.shape).join(', ')
    const rule = `a JSON object that describes the model, with keys among ${keys}`
    return inputError('model.description', `${name} must hold ${rule}; ${why}`, { cause })
  }
  let json: unknown
  try {
    json = parseJson(text)
  } catch (error) {
    throw refuse((error as Error).message, error)
  }
  const result = modelDescriptionSchema.safeParse(json)
  if (result.success) return result.data
  const [issue] = result.error.issues
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(modelDescriptionSchema.shape)
    throw refuse(`it has '${issue.keys[0]}'${didYouMean(issue.keys[0], known)}`)
  }
  throw refuse(`${issue.path.join('.') || 'it'}: ${issue.message}`)
}
