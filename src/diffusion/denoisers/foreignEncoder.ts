/**
 * Latents of pictures by the encoder of an autoencoder in an ONNX file (`vae_encoder/model.onnx` of Optimum), at the sampler's scale. Where it gives mean and
 * log-variance (twice the channels), the mean is taken: the middle of what diffusers draws.
 */
import type { Shape } from '../../base/index.ts'
import { inputError, sizeOf, tensor } from '../../base/index.ts'
import type { DeviceOptions } from '../../runtime/index.ts'
import { openModel } from '../../runtime/index.ts'
import type { Images } from '../denoiser.ts'
import type { LatentScale } from './latentScale.ts'
import { samplersLatents } from './latentScale.ts'

export interface EncodeOptions extends DeviceOptions {
  /** [channels, height, width] of the latents. */
  readonly latentShape: Shape
  readonly scale: LatentScale
}

/**
 * Latents [n, ...latentShape] of pictures [n, 3, height, width] in [-1, 1].
 * @param model path of the file
 * @throws `onnx.open`; `model.encoder` where it does not take the pictures or gives no such latents
 */
export async function encodePictures(model: string, pictures: Images, options: EncodeOptions): Promise<Images> {
  const { latentShape, scale, ...device } = options
  const opened = await openModel(model, device)
  try {
    const [count, ...pictureShape] = pictures.shape
    const [pixels, size] = [sizeOf(pictureShape), sizeOf(latentShape)]
    const latents = new Float32Array(count * size)
    const { inputs, outputs } = opened
    const each = typeof inputs[0].shape[0] === 'number' ? inputs[0].shape[0] : 1
    for (let first = 0; first < count; first += each) {
      const fed = new Float32Array(each * pixels)
      fed.set(pictures.data.subarray(first * pixels, Math.min(count, first + each) * pixels))
      const feeds = { [inputs[0].name]: tensor('float32', [each, ...pictureShape], fed) }
      const result = await opened.run(feeds, [outputs[0].name]).catch((cause: Error) => {
        throw inputError(
          'model.encoder',
          `the encoder ${model} must take pictures [${pictureShape}], but: ${cause.message}`,
          { cause },
        )
      })
      const { shape, data } = result[outputs[0].name]
      const given = sizeOf(shape.slice(1))
      if (shape[0] !== each || (given !== size && given !== 2 * size)) {
        throw inputError(
          'model.encoder',
          `an encoder must give latents [${latentShape}] of pictures [${pictureShape}], or twice the channels, ${model} gave [${shape}]`,
        )
      }
      for (let i = 0; i < Math.min(each, count - first); i++) {
        latents.set((data as Float32Array).subarray(i * given, i * given + size), (first + i) * size)
      }
    }
    return tensor('float32', [count, ...latentShape], samplersLatents(latents, latentShape, scale))
  } finally {
    await opened.dispose()
  }
}
