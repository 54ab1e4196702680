/** A trained classifier as a feature network: features, class probabilities and the derivative in the pixels, compiled. */
import type { NamedTensors, Tensor } from '../base/index.ts'
import { inputError, sameShape, tensor } from '../base/index.ts'
import type { Graph, Named, SymbolicTensor } from '../graph/index.ts'
import { frozenWeights, softmax, trace, vjp } from '../graph/index.ts'
import type { Device, Program } from '../runtime/index.ts'
import { compile } from '../runtime/index.ts'
import type { ClassifierConfig } from './classifier.ts'
import { applyClassifier, classifierParameters } from './classifier.ts'
import type { FeatureNetwork, ImageBatch } from './featureNetwork.ts'
import { imageCount, inChunks } from './featureNetwork.ts'

/** A feature network that is a classifier with a derivative. */
type Asked = 'notes' | 'normalised' | 'missingDerivative' | 'logProbabilitiesVjp'
export interface ClassifierFeatures extends Required<Omit<FeatureNetwork, Asked>> {
  /** Number of classes. */
  readonly classes: number
  /**
   * The classifier inside somebody else's graph, its weights constants: features [b, dimensions] and logits [b, classes] of float32 images
   * [b, ...imageShape] in [-1, 1].
   * @throws `metrics.images` on images of another shape
   */
  trace(images: SymbolicTensor): { readonly features: SymbolicTensor; readonly logits: SymbolicTensor }
}

export interface ClassifierFeaturesOptions {
  readonly config: ClassifierConfig
  /** Weights by the names of `classifierParameters`. */
  readonly weights: NamedTensors
  readonly name: string
  /** SHA-256 of the weights. */
  readonly hash: string
  /** Images per program run; any number may be given to the network. Default 100. */
  readonly batch?: number
  readonly device?: Device
}

/**
 * Compiles a classifier with its weights as constants; the derivative at first use.
 * @throws `metrics.classifier` if a weight is missing or misshapen
 */
export async function classifierFeatures(options: ClassifierFeaturesOptions): Promise<ClassifierFeatures> {
  const { config, name, hash, batch = 100, device } = options
  const weights = constantWeights(config, options.weights)
  const where = device ? { device } : {}
  const forward = await compile(forwardGraph(config, weights, batch), where)
  let backward: Promise<Program<'images' | 'dFeatures', 'dImages'>> | undefined
  const rows = async (images: ImageBatch, output: 'features' | 'probabilities') => {
    imageCount(images, config.imageShape)
    return inChunks([single(images)], batch, async ([chunk]) => {
      const outputs = await forward.run({ images: chunk })
      return outputs[output] as Tensor<'float32'>
    })
  }
  return {
    name,
    hash,
    dimensions: config.features,
    imageShape: config.imageShape,
    range: [-1, 1],
    classes: config.classes,
    trace(images) {
      imageCount(images, config.imageShape)
      return applyClassifier(config, weights, images)
    },
    features: (images) => rows(images, 'features'),
    probabilities: (images) => rows(images, 'probabilities'),
    async vjp(images, dFeatures) {
      const count = imageCount(images, config.imageShape)
      if (!sameShape(dFeatures.shape, [count, config.features])) {
        const wanted = `[${count},${config.features}]`
        throw inputError('metrics.shape', `the cotangent of the features must be ${wanted}, got [${dFeatures.shape}]`)
      }
      backward ??= compile(backwardGraph(config, weights, batch), where)
      const program = await backward
      return inChunks([single(images), single(dFeatures)], batch, async ([chunk, cotangent]) => {
        const { dImages } = await program.run({ images: chunk, dFeatures: cotangent })
        return dImages as Tensor<'float32'>
      })
    },
    async dispose() {
      await Promise.all([forward.dispose(), backward?.then((program) => program.dispose())])
    },
  }
}

function constantWeights(config: ClassifierConfig, weights: NamedTensors): Named {
  const entries = classifierParameters(config).map(({ name, shape }) => {
    const value = weights[name] as Tensor | undefined
    if (value?.dtype !== 'float32' || !sameShape(value.shape, shape)) {
      const came = value ? `${value.dtype}[${value.shape}]` : 'nothing'
      throw inputError('metrics.classifier', `classifier weight '${name}' must be float32[${shape}], got ${came}`)
    }
    return [name, frozenWeights(value)] as const
  })
  return Object.fromEntries(entries)
}

const imagesType = ({ imageShape }: ClassifierConfig, batch: number) =>
  ({ dtype: 'float32', shape: [batch, ...imageShape] }) as const

function forwardGraph(
  config: ClassifierConfig,
  weights: Named,
  batch: number,
): Graph<'images', 'features' | 'probabilities'> {
  return trace({ images: imagesType(config, batch) }, ({ images }) => {
    const { features, logits } = applyClassifier(config, weights, images)
    return { features, probabilities: softmax(logits, 1) }
  })
}

function backwardGraph(
  config: ClassifierConfig,
  weights: Named,
  batch: number,
): Graph<'images' | 'dFeatures', 'dImages'> {
  const types = {
    images: imagesType(config, batch),
    dFeatures: { dtype: 'float32', shape: [batch, config.features] },
  } as const
  return trace(types, ({ images, dFeatures }) => {
    const [dImages] = vjp([applyClassifier(config, weights, images).features], [dFeatures], [images])
    return { dImages }
  })
}

/** Values in float32, the element type of compiled programs. */
function single(values: ImageBatch): Tensor<'float32'> {
  return values.dtype === 'float32' ? values : tensor('float32', values.shape, Float32Array.from(values.data))
}
