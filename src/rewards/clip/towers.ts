/**
 * The two towers of a CLIP model (Radford et al. 2021, arXiv 2103.00020) from ONNX files: prompts and images as vectors of length 1 in one space. The
 * text tower is run, by the engine, for the prompts alone; the image tower is read as a graph, so that it has a derivative.
 */
import { basename, resolve } from 'node:path'
import type { Tensor } from '../../base/index.ts'
import { filled, inputError, tensor } from '../../base/index.ts'
import { fileHash, modelFileHash } from '../../files/index.ts'
import type { SymbolicTensor } from '../../graph/index.ts'
import { concat, div, reduceL2, rewrite, slice } from '../../graph/index.ts'
import type { OnnxModel } from '../../onnx/index.ts'
import { decode, readModel } from '../../onnx/index.ts'
import type { Device, ForeignModel, ForeignValue } from '../../runtime/index.ts'
import { openModel } from '../../runtime/index.ts'
import type { PromptTokens } from '../../text/index.ts'
import { openTokenizer } from '../../text/index.ts'
import { hashOf } from '../hash.ts'
import type { ClipPreprocessing } from './preprocessing.ts'
import { preprocessed, readPreprocessing } from './preprocessing.ts'
import type { TowerFiles } from './towerFiles.ts'
import { findTowers } from './towerFiles.ts'

/** An opened CLIP model. */
export interface ClipTowers {
  /** The folder's name. */
  readonly name: string
  /** SHA-256 of its files, hex. */
  readonly hash: string
  /** Length of the vectors. */
  readonly dimensions: number
  /** Images that the image tower takes at once, where its file says so. */
  readonly batch: number | null
  /** @throws `reward.clip`, `text.tokenizer`, `onnx.open` on the text tower's files */
  embedTexts(prompts: readonly string[]): Promise<TextEmbeds>
  /** Images [b, c, height, width] in [0, 1] as vectors [b, dimensions]. @throws `reward.clip`; `onnx.operators` listing what is not offered */
  embedImages(images: SymbolicTensor): SymbolicTensor
}

/** Prompts as vectors of length 1. */
export interface TextEmbeds {
  /** float32 [prompts, dimensions] */
  readonly embeds: Tensor<'float32'>
  /** Which prompts were too long and were cut. */
  readonly cut: readonly number[]
}

/** The embeddings' names, and inputs', in exports of transformers. */
const NAMES = {
  image: 'image_embeds',
  text: 'text_embeds',
  pixels: 'pixel_values',
  ids: 'input_ids',
  mask: 'attention_mask',
}

/**
 * Opens a folder: `vision_model.onnx` and `text_model.onnx` (or `model.onnx` of both) there or in `onnx/`, the tokenizer, `preprocessor_config.json`.
 * Without the latter images must come as the tower takes them, in [-1, 1].
 * @throws `reward.clip` where a part is missing or of another form; `text.tokenizer`, `onnx.open`, `onnx.parse`
 */
export async function openClip(folder: string, device?: Device): Promise<ClipTowers> {
  const place = device ? { device } : {}
  const files = await findTowers(folder)
  const how = files.preprocessor ? await readPreprocessing(files.preprocessor) : AS_IT_IS
  const { dimensions, batch, embed } = await imageTower(files.image, how, place)
  const hashes = [files.image, files.text].map(modelFileHash)
  if (files.preprocessor) hashes.push(fileHash(files.preprocessor))
  return {
    name: basename(resolve(folder)),
    hash: hashOf('clip', ...(await Promise.all(hashes))),
    dimensions,
    batch,
    embedImages: embed,
    async embedTexts(prompts) {
      const found = await textEmbeds(files, prompts, place)
      const [, length] = found.embeds.shape
      if (length === dimensions) return found
      throw inputError(
        'reward.clip',
        `both towers must give vectors of one length; '${files.image}' gives ${dimensions} numbers, '${files.text}' ${length}`,
      )
    },
  }
}

/** Pixels in [-1, 1], of the tower's size. */
const AS_IT_IS: ClipPreprocessing = {
  resize: null,
  kernel: 'bicubic',
  crop: null,
  factor: 1,
  mean: [0.5],
  deviation: [0.5],
}

/** A file's bytes, and those of the files beside it. */
type ModelFiles = Awaited<ReturnType<ForeignModel['files']>>

interface ImageTower {
  readonly dimensions: number
  readonly batch: number | null
  embed(images: SymbolicTensor): SymbolicTensor
}

async function imageTower(path: string, how: ClipPreprocessing, place: { device?: Device }): Promise<ImageTower> {
  const model = await openModel(path, place)
  let files: ModelFiles
  try {
    files = await model.files()
  } finally {
    await model.dispose()
  }
  const pixels = inputNamed(path, model.inputs, NAMES.pixels, 4)
  const output = outputNamed(path, model.outputs, NAMES.image)
  const others = model.inputs.filter(({ name }) => name !== pixels.name)
  const [batch, channels] = pixels.shape
  const fixed = typeof batch === 'number' ? batch : null
  if (fixed !== null && fixed !== 1) {
    throw inputError(
      'reward.clip',
      `the image tower must take any number of images, or one; '${path}' takes ${fixed}: export it with an open batch`,
    )
  }
  const read = readModel(files.bytes, `'${path}'`)
  const tower: Tower = { path, read, files: files.files, pixels: pixels.name, output, others }
  const taken = typeof channels === 'number' ? channels : 3
  const embed = (images: SymbolicTensor) => unit(applied(tower, preprocessed(images, how, taken), fixed))
  return { dimensions: dimensionsOf(path, model.outputs, output), batch: fixed, embed }
}

interface Tower {
  readonly path: string
  readonly read: OnnxModel
  readonly files: ModelFiles['files']
  readonly pixels: string
  readonly output: string
  /** Inputs of the other tower, where a file holds both. */
  readonly others: readonly ForeignValue[]
}

/** The tower's graph with images in the place of its input; image by image where it takes one. */
function applied(tower: Tower, images: SymbolicTensor, fixed: number | null): SymbolicTensor {
  const [count] = images.shape
  if (fixed === null || count === fixed) return whole(tower, images)
  return concat(
    Array.from({ length: count }, (_, i) => whole(tower, slice(images, { axis: 0, start: i, end: i + 1 }))),
    0,
  )
}

function whole({ path, read, files, pixels, output, others }: Tower, images: SymbolicTensor): SymbolicTensor {
  const shapes = Object.fromEntries(
    others.map(({ name, shape }) => [name, shape.map((extent) => (typeof extent === 'number' ? extent : 1))]),
  )
  const { graph } = decode(read, { shapes: { ...shapes, [pixels]: images.shape }, files, outputs: [output] })
  const input = graph.inputs[pixels]
  if (input.dtype !== images.dtype)
    throw inputError('reward.clip', `'${path}' must take float32 or float16 images, it takes ${input.dtype}`)
  return rewrite(
    graph,
    () => undefined,
    (value) => (value === input ? images : value),
  ).outputs[output]
}

/** Vectors [b, d] as of length 1. */
const unit = (embeds: SymbolicTensor): SymbolicTensor => div(embeds, reduceL2(embeds, [1], true))

/** An input by its name, or the only one of that many axes. @throws `reward.clip` */
function inputNamed(path: string, inputs: readonly ForeignValue[], name: string, rank: number): ForeignValue {
  const found = inputs.find((value) => value.name === name) ?? (inputs.length === 1 ? inputs[0] : undefined)
  if (found?.shape.length === rank) return found
  const listed = inputs.map((value) => `${value.name} ${value.dtype}[${value.shape}]`)
  throw inputError('reward.clip', `'${path}' must have an input ${name} of ${rank} axes; it has ${listed.join(', ')}`)
}

function outputNamed(path: string, outputs: ForeignModel['outputs'], name: string): string {
  const flat = outputs.filter(({ shape }) => shape.length === 2)
  const found = outputs.find((value) => value.name === name) ?? (flat.length === 1 ? flat[0] : undefined)
  if (found) return found.name
  const listed = outputs.map((value) => `${value.name} ${value.dtype}[${value.shape}]`)
  throw inputError(
    'reward.clip',
    `'${path}' must have an output ${name}, or one alone of two axes; it has ${listed.join(', ')}; export the tower with its projection`,
  )
}

function dimensionsOf(path: string, outputs: ForeignModel['outputs'], name: string): number {
  const extent = outputs.find((value) => value.name === name)?.shape[1]
  if (typeof extent === 'number') return extent
  throw inputError(
    'reward.clip',
    `'${path}' must say how long its vectors '${name}' are; export it with a fixed last axis`,
  )
}

/** Runs the text tower for each prompt by itself, whatever batch its file has. */
async function textEmbeds(
  { text: path, tokenizer: folder }: TowerFiles,
  prompts: readonly string[],
  place: { device?: Device },
): Promise<TextEmbeds> {
  const model = await openModel(path, place)
  try {
    const output = outputNamed(path, model.outputs, NAMES.text)
    const ids = inputNamed(path, model.inputs, NAMES.ids, 2)
    const length = typeof ids.shape[1] === 'number' ? { length: ids.shape[1] } : {}
    const tokenizer = await openTokenizer(folder, length)
    const rows: Float32Array[] = []
    for (const prompt of prompts) {
      const found = await model.run(textFeeds(path, model, ids.name, tokenizer.encode([prompt])), [output])
      rows.push(unitRow(path, found[output]))
    }
    const [{ length: dimensions }] = rows
    const embeds = tensor('float32', [rows.length, dimensions], Float32Array.from(rows.flatMap((row) => [...row])))
    return { embeds, cut: tokenizer.encode(prompts).cut }
  } finally {
    await model.dispose()
  }
}

/** What a text tower is fed; a file of both towers takes an image too, which does not matter. */
function textFeeds(path: string, model: ForeignModel, ids: string, tokens: PromptTokens): Record<string, Tensor> {
  const feeds = model.inputs.map(({ name, shape, dtype }): [string, Tensor] => {
    const rows = typeof shape[0] === 'number' ? shape[0] : 1
    if (name === ids) return [name, repeated(tokens.ids, rows, dtype)]
    if (name === NAMES.mask) return [name, repeated(tokens.mask, rows, dtype)]
    const anyImage = [1, 3, 224, 224].map((extent, axis) => (typeof shape[axis] === 'number' ? shape[axis] : extent))
    if (name === NAMES.pixels && shape.length === 4) return [name, filled(anyImage)]
    throw inputError(
      'reward.clip',
      `'${path}' must take ${NAMES.ids}, and perhaps ${NAMES.mask}; it has an input '${name}'`,
    )
  })
  return Object.fromEntries(feeds)
}

/** A row of token ids as often as wanted, in the element type that is declared. */
function repeated(row: Tensor, rows: number, dtype: string): Tensor {
  const values = Array.from(row.data as BigInt64Array)
  const all = Array.from({ length: rows }, () => values).flat()
  const shape = [rows, values.length]
  return dtype === 'int32'
    ? tensor('int32', shape, Int32Array.from(all, Number))
    : tensor('int64', shape, BigInt64Array.from(all))
}

/** The first row as a vector of length 1, by float64. */
function unitRow(path: string, { shape, data }: Tensor): Float32Array {
  const row = Float64Array.from(data.subarray(0, shape.at(-1)) as ArrayLike<number>)
  const norm = Math.hypot(...row)
  if (norm > 0 && Number.isFinite(norm)) return Float32Array.from(row, (value) => value / norm)
  throw inputError('reward.clip', `'${path}' must give a vector with a length, it gives one of length ${norm}`)
}
