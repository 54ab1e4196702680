/** What the PyTorch programs read: data and feature network of the main job, and networks with outputs that theirs must repeat. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NamedTensors } from '../../src/base/index.ts'
import { randomStream, sizeOf, tensor } from '../../src/base/index.ts'
import { digits } from '../../src/data/index.ts'
import { compileDenoiser } from '../../src/diffusion/index.ts'
import { writeSafetensors } from '../../src/files/index.ts'
import { digitClassifierPath } from '../../src/metrics/files/index.ts'
import type { DenoisingNetwork } from '../../src/nn/index.ts'
import { decodeSafetensors, flatSize, initialState, stateTensors } from '../../src/nn/index.ts'

const SIZE = 16

/** Training and tuning images, and the weights of the feature network under `features.`. @returns the path */
export async function writeJobData(folder: string): Promise<string> {
  const { splits } = await digits({ size: SIZE })
  const path = digitClassifierPath(SIZE, 'features', 'safetensors')
  const { tensors } = decodeSafetensors(await readFile(path), path)
  const images = ({ count, shape, images: data }: typeof splits.train) => tensor('float32', [count, ...shape], data)
  const named = Object.entries(tensors).map(([name, value]) => [`features.${name}`, value])
  const file = join(folder, 'job.safetensors')
  await writeSafetensors(file, {
    train: images(splits.train),
    tuning: images(splits.tuning),
    ...(Object.fromEntries(named) as NamedTensors),
  })
  return file
}

/** The time told in the check. */
const TIME = 421
const BATCH = 3

/** A network with weights off their start, an input, and what it and its derivative give here: for `check` of its PyTorch program. @returns the path */
export async function writeCheck(network: DenoisingNetwork, folder: string): Promise<string> {
  const start = initialState(network, 1)
  const noise = randomStream({ seed: 1, purpose: 'bench.check' })
  const moved = noise.normal(new Float32Array(flatSize(network.parameters)))
  // Running statistics hold means and variances: off their start, and above 0.
  const shift = noise.normal(new Float32Array(flatSize(network.statistics)))
  const state = {
    weights: start.weights.map((weight, i) => weight + 0.02 * moved[i]),
    statistics: start.statistics.map((value, i) => value + 0.1 * Math.abs(shift[i])),
  }
  const denoiser = await compileDenoiser({ network, state, batch: BATCH, binding: 'bound' })
  const shape = [BATCH, ...network.imageShape]
  const x = tensor('float32', shape, noise.normal(new Float32Array(sizeOf(shape))))
  const cotangent = tensor('float32', shape, noise.normal(new Float32Array(sizeOf(shape))))
  const out = await denoiser.predict(x, TIME)
  const { dx } = await denoiser.vjp(x, TIME, undefined, cotangent)
  await denoiser.dispose()
  const named = Object.entries(stateTensors(network, state)).map(([name, value]) => [`state.${name}`, value])
  const file = join(folder, `${network.kind}.safetensors`)
  const t = tensor('int64', [BATCH], new BigInt64Array(BATCH).fill(BigInt(TIME)))
  const tensors = { ...(Object.fromEntries(named) as NamedTensors), x, t, out, cotangent, dx }
  await writeSafetensors(file, tensors, { config: JSON.stringify(network.config) })
  return file
}
