/** One call of a network with frozen weights, of ours or in an ONNX file, or its derivative in x with the forward pass. */
import { randomStream, sizeOf, tensor } from '../../src/base/index.ts'
import { denoiseGraph, denoiseVjpGraph } from '../../src/diffusion/denoisers/programs.ts'
import type { Denoiser } from '../../src/diffusion/index.ts'
import { compileDenoiser, noiseSchedule, openForeignDenoiser } from '../../src/diffusion/index.ts'
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

export async function measureCall(network: DenoisingNetwork, options: CallOptions): Promise<Figure> {
  const { batch, derivative } = options
  const denoiser = await compileDenoiser({ network, state: initialState(network, 0), batch, binding: 'bound' })
  const graph = derivative ? denoiseVjpGraph(network, batch, { weights: false }) : denoiseGraph(network, batch)
  return figureOf(`${network.kind} of a real size`, denoiser, operationCount(graph), options)
}

/** The same of an ONNX file that takes images and a time. */
export async function measureFile(model: string, options: CallOptions): Promise<Figure> {
  const denoiser = await openForeignDenoiser({
    model,
    noiseSchedule: noiseSchedule({ family: 'cosine' }),
    batch: options.batch,
  })
  return figureOf('an ONNX file', denoiser, null, options)
}

async function figureOf(
  what: string,
  denoiser: Denoiser & { dispose(): Promise<void> },
  operations: number | null,
  { batch, runs, derivative }: CallOptions,
): Promise<Figure> {
  const shape = [batch, ...denoiser.imageShape]
  const stream = randomStream({ seed: 0, purpose: 'bench.call' })
  const images = () => tensor('float32', shape, stream.normal(new Float32Array(sizeOf(shape))))
  const [x, cotangent] = [images(), images()]
  const timing = await timed(
    () => (derivative ? denoiser.vjp(x, TIME, undefined, cotangent) : denoiser.predict(x, TIME)),
    runs,
  )
  await denoiser.dispose()
  return {
    what: `${what}: ${batch} images, ${derivative ? 'derivative in x' : 'forward'}`,
    timing,
    operations,
    images: batch,
  }
}
