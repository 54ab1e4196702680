/**
 * Memory of a file's derivative against what plans expect, with all activations kept and with activations computed again:
 *
 *     node scripts/bundle.js bench/memory/derivative.ts FILE.onnx IMAGES on|off SIDE
 *
 * FILE predicts noise, T = 1000. One way a process, as the peak of a process never falls. Prints an object: MiB expected and at the peak, seconds of a second
 * call, and the sum of absolute derivatives.
 */
import '../../src/runtime/node/index.ts'
import { randomStream, sizeOf, tensor } from '../../src/base/index.ts'
import type { GradientCheckpointing } from '../../src/diffusion/index.ts'
import { memoryOfPrograms, noiseSchedule, openForeignDenoiser } from '../../src/diffusion/index.ts'

const [model, images, way, side] = process.argv.slice(2)
const count = Number(images)
const denoiser = await openForeignDenoiser({
  model,
  noiseSchedule: noiseSchedule({ family: 'linear', timesteps: 1000 }),
  batch: count,
  imageShape: [null, Number(side), Number(side)],
  gradientCheckpointing: way as GradientCheckpointing,
})
const shape = [count, ...denoiser.imageShape]
const normal = (purpose: string) =>
  tensor('float32', shape, randomStream({ seed: 0, purpose }).normal(new Float32Array(sizeOf(shape))))
const [x, cotangent] = [normal('x'), normal('cotangent')]
await denoiser.vjp(x, 500, undefined, cotangent)
const began = performance.now()
const { dx } = await denoiser.vjp(x, 500, undefined, cotangent)
const seconds = (performance.now() - began) / 1000
const bytes = denoiser.bytes(count)
const expected = bytes && memoryOfPrograms([{ bytes: bytes.predict }, { bytes: bytes.derivative }])
const sum = Array.from(dx.data).reduce((all, value) => all + Math.abs(value), 0)
const figures = {
  model,
  images: count,
  way,
  ...bytes,
  expected,
  peak: process.resourceUsage().maxRSS / 1024,
  seconds,
  sum,
}
process.stdout.write(`${JSON.stringify(figures)}\n`)
