/**
 * A head on the vectors of a CLIP model as a reward: an aesthetic score and its like. From safetensors a chain of linear layers, as LAION's aesthetic
 * predictors are (linear alone, or several layers without anything between), from ONNX any network; it is given vectors of length 1.
 */
import { basename } from 'node:path'
import { inputError, sameShape } from '../../base/index.ts'
import { modelFileHash, readSafetensors } from '../../files/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { constant, gelu, linear, relu, reshape, rewrite, silu, tanh } from '../../graph/index.ts'
import { decode, readModel } from '../../onnx/index.ts'
import { openModel } from '../../runtime/index.ts'
import { hashOf } from '../hash.ts'
import type { Reward } from '../reward.ts'
import { tracedReward } from '../traced.ts'
import type { ClipRewardOptions } from './clipScore.ts'
import { sharedOptions } from './clipScore.ts'

export interface ClipHeadOptions extends ClipRewardOptions {
  /** Path of the head, `.safetensors` or `.onnx`. */
  readonly head: string
}

/** Vectors [b, dimensions] to a number each: [b], [b, 1]. */
type Head = (embeds: SymbolicTensor) => SymbolicTensor

/** @throws `reward.head` on a head of another form; `safetensors.*`, `onnx.*` on files that are not read; `reward.clip` as `clipScore` */
export async function clipHead(options: ClipHeadOptions): Promise<Reward> {
  const { head: path, towers } = options
  const head = /\.onnx$/i.test(path) ? await onnxHead(path) : await linearHead(path, towers.dimensions)
  return tracedReward({
    ...sharedOptions(options),
    name: `clip-head:${basename(path)}[${towers.name}]`,
    hash: hashOf('clip-head', towers.hash, await modelFileHash(path), String(options.imageShape)),
    f(images) {
      const values = head(towers.embedImages(images))
      const [batch] = images.shape
      if (sameShape(values.shape, [batch]) || sameShape(values.shape, [batch, 1])) return reshape(values, [batch])
      throw inputError(
        'reward.head',
        `a head must give one number for each vector, '${path}' gives [${values.shape}] for ${batch}`,
      )
    },
  })
}

/** What may stand between the layers, by its word in the file's metadata. */
const ACTIVATIONS: Readonly<Record<string, (x: SymbolicTensor) => SymbolicTensor>> = {
  none: (x) => x,
  relu,
  gelu,
  silu,
  tanh,
}

/** Linear layers in the order of their names; between them what the metadata name as `activation`, by default nothing. */
async function linearHead(path: string, dimensions: number): Promise<Head> {
  const { tensors, metadata } = await readSafetensors(path)
  const refuse = (why: string) =>
    inputError(
      'reward.head',
      `a head in safetensors is linear layers, weight [out,in] and bias [out], from ${dimensions} numbers to 1; '${path}' ${why}`,
    )
  const names = Object.keys(tensors).filter((name) => name === 'weight' || name.endsWith('.weight'))
  names.sort((a, b) => a.localeCompare(b, 'en', { numeric: true }))
  if (names.length === 0) throw refuse(`holds ${Object.keys(tensors).slice(0, 6).join(', ') || 'nothing'}`)
  let extent = dimensions
  const layers = names.map((name) => {
    const weight = tensors[name]
    const bias = tensors[name.replace(/weight$/, 'bias')]
    const fits = weight.dtype === 'float32' && weight.shape.length === 2 && weight.shape[1] === extent
    if (!fits) throw refuse(`has ${name} ${weight.dtype}[${weight.shape}] where [out,${extent}] is due`)
    extent = weight.shape[0]
    if (bias && !sameShape(bias.shape, [extent]))
      throw refuse(`has a bias [${bias.shape}] beside ${name} [${weight.shape}]`)
    return { weight: constant(weight), ...(bias && { bias: constant(bias) }) }
  })
  const between = metadata.activation ?? 'none'
  if (!Object.hasOwn(ACTIVATIONS, between)) {
    throw refuse(`has the activation '${between}'; ${Object.keys(ACTIVATIONS).join(', ')} are known`)
  }
  return (embeds) =>
    layers.reduce((x, { weight, bias }, i) => linear(i === 0 ? x : ACTIVATIONS[between](x), weight, bias), embeds)
}

async function onnxHead(path: string): Promise<Head> {
  const model = await openModel(path)
  const { bytes, files } = await model.files().finally(() => model.dispose())
  const [input, ...others] = model.inputs
  const [output, ...more] = model.outputs
  if (others.length > 0 || more.length > 0) {
    throw inputError(
      'reward.head',
      `a head has one input and one output, '${path}' has ${model.inputs.length} and ${model.outputs.length}`,
    )
  }
  const read = readModel(bytes, `'${path}'`)
  return (embeds) => {
    const { graph } = decode(read, { shapes: { [input.name]: embeds.shape }, files })
    const taken = graph.inputs[input.name]
    return rewrite(
      graph,
      () => undefined,
      (value) => (value === taken ? embeds : value),
    ).outputs[output.name]
  }
}
