/** A decoder in closed form: of latents [1, 2, 2] pictures [1, 1, 2], tanh of a weighted sum of two latents each. */
import { tensor } from '../base/index.ts'
import type { Images, PictureDecoder } from './denoiser.ts'
import { imagesOf } from './samplers/anyBatch.ts'

const WEIGHTS = [1, 0.5, -0.7, 1.2]

const inner = (data: Images['data'], picture: number) =>
  [0, 1].map((pixel) => {
    const at = 4 * picture + 2 * pixel
    return WEIGHTS[2 * pixel] * data[at] + WEIGHTS[2 * pixel + 1] * data[at + 1]
  })

/** D(z)_p = tanh(w_2p z_2p + w_2p+1 z_2p+1). */
export const tanhDecoder: PictureDecoder = {
  pictureShape: [1, 1, 2],
  differentiable: true,
  async decode({ data, shape: [count] }) {
    const pictures = Array.from({ length: count }, (_, i) => inner(data, i).map(Math.tanh)).flat()
    return tensor('float64', [count, 1, 1, 2], Float64Array.from(pictures))
  },
  async vjp({ data, shape: [count, ...latentShape] }, cotangent) {
    const back = Array.from({ length: count }, (_, i) =>
      inner(data, i).flatMap((value, pixel) =>
        [0, 1].map((j) => cotangent.data[2 * i + pixel] * (1 - Math.tanh(value) ** 2) * WEIGHTS[2 * pixel + j]),
      ),
    ).flat()
    return imagesOf(Float64Array.from(back), count, latentShape)
  },
}
