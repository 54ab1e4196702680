/** Images and noise that a network's prediction is right about, at the inputs that it was given. */
import type { TrainingTarget } from '../denoiser.ts'

/** Clean images and noise [b,c,h,w], flat. */
interface Drawn {
  readonly images: Float32Array
  readonly noise: Float32Array
}

/** By image. */
interface Levels {
  readonly signal: ArrayLike<number>
  readonly noise: ArrayLike<number>
}

/**
 * x0 and eps with x = signal x0 + noise eps as it was, and the prediction for the loss's target of them.
 * @param prediction [b,c,h,w] flat; where it is of the noise the signal must not be 0, where it is of the image the noise
 */
export function targetsOfPrediction(
  target: TrainingTarget,
  prediction: Float32Array,
  { images, noise }: Drawn,
  levels: Levels,
): Drawn {
  const size = images.length / levels.signal.length
  const own = { images: new Float32Array(images.length), noise: new Float32Array(images.length) }
  for (let i = 0; i < images.length; i++) {
    const [s, n] = [levels.signal[Math.floor(i / size)], levels.noise[Math.floor(i / size)]]
    const [x, p] = [s * images[i] + n * noise[i], prediction[i]]
    const [x0, eps] = solved(target, x, p, s, n)
    own.images[i] = x0
    own.noise[i] = eps
  }
  return own
}

/** x0 and eps from x and the prediction. What is divided by is never 0: a schedule that ends without signal trains no noise prediction. */
function solved(target: TrainingTarget, x: number, p: number, s: number, n: number): readonly [number, number] {
  switch (target) {
    case 'noise':
      return [(x - n * p) / s, p]
    case 'sample':
      return [p, (x - s * p) / n]
    case 'velocity': {
      const square = s * s + n * n
      return [(s * x - n * p) / square, (n * x + s * p) / square]
    }
    case 'flow':
      return [(x - n * p) / (s + n), (x + s * p) / (s + n)]
  }
}
