/** One call of a network with frozen weights, or its derivative in x with the forward pass. */
import { randomStream, sizeOf, tensor } from '../../src/base/index.ts'
import { denoiseGraph, denoiseVjpGraph } from '../../src/diffusion/denoisers/programs.ts'
import { compileDenoiser } from '../../src/diffusion/index.ts'
import { operationCount } from '../../src/graph/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { initialState } from '../../src/nn/index.ts'
import type { Figure } from '../figure.ts'
import { timed } from '../timing.ts'

const TIME = 421

export interface CallOptions {
  readonly batch: number
  readonly runs: number
  readonly derivative: boolean
}

export async function measureCall(
  network: DenoisingNetwork,
  { batch, runs, derivative }: CallOptions,
): Promise<Figure> {
  const denoiser = await compileDenoiser({ network, state: initialState(network, 0), batch, binding: 'bound' })
  const shape = [batch, ...network.imageShape]
  const stream = randomStream({ seed: 0, purpose: 'bench.call' })
  const images = () => tensor('float32', shape, stream.normal(new Float32Array(sizeOf(shape))))
  const [x, cotangent] = [images(), images()]
  const timing = await timed(
    () => (derivative ? denoiser.vjp(x, TIME, undefined, cotangent) : denoiser.predict(x, TIME)),
    runs,
  )
  await denoiser.dispose()
  const graph = derivative ? denoiseVjpGraph(network, batch, { weights: false }) : denoiseGraph(network, batch)
  return {
    what: `${network.kind} of a real size: ${batch} images, ${derivative ? 'derivative in x' : 'forward'}`,
    timing,
    operations: operationCount(graph),
    images: batch,
  }
}
