/**
 * Which files of a repository are needed: of a model those that are read of it, of a CLIP folder its towers and tokenizer, else the file that is named with
 * the data beside it. Weights as pickles are refused: reading one can run code.
 */
import { inputError } from '../base/index.ts'

/** What is wanted of a repository: a model, a CLIP model, or the one file that is named. */
export type HubWanted = 'model' | 'clip' | 'file'

/** `model.onnx`, and its weights where they lie beside it as Optimum and torch call them. */
const ONNX = String.raw`model\.onnx(\.data|_data(_\d+)?)?`
const CONFIGS = [/^(model_index|config|scheduler_config|model)\.json$/, /^scheduler\/scheduler_config\.json$/]

/** An Optimum pipeline. */
const PIPELINE = [
  ...CONFIGS,
  new RegExp(`^(unet|text_encoder|vae_decoder|vae_encoder)/(${ONNX}|config\\.json)$`),
  /^tokenizer\/(tokenizer|tokenizer_config|vocab|special_tokens_map|added_tokens)\.json$/,
  /^tokenizer\/merges\.txt$/,
]

/** A folder of diffusers, or of this project. */
const FOLDER = [
  ...CONFIGS,
  /^(unet\/)?(config\.json|diffusion_pytorch_model(-\d+-of-\d+)?\.safetensors(\.index\.json)?)$/,
  /^schedules\/.*\.json$/,
  /^(seen_images|record)\.json$/,
]

/** The parts of a CLIP model, as `findTowers` looks for them. */
const CLIP = [
  /^(onnx\/)?(vision_model|image_encoder|visual|text_model|text_encoder|textual|model)\.onnx(\.data|_data)?$/,
  /^(tokenizer\/)?(tokenizer|tokenizer_config|vocab|special_tokens_map|added_tokens)\.json$/,
  /^(tokenizer\/)?merges\.txt$/,
  /^((feature_extractor|image_processor)\/)?(preprocessor_config|config)\.json$/,
]

/** What may be named: data, no code. */
const DATA = /\.(onnx|onnx[._]data|safetensors|json|txt|npz)$/i
const PICKLE = /\.(bin|ckpt|pt|pth|pkl|pickle)$/i
const CONVERT =
  'save it again in Python with diffusers (pipeline.save_pretrained(folder, safe_serialization=True)) or as ONNX with Optimum (optimum-cli export onnx --model org/name folder)'

/**
 * @param paths of all files of the repository
 * @param path the file or folder that is meant; empty: all
 * @param source what errors call it
 * @returns those that are needed, as paths of the repository, at least one
 * @throws `hub.pickle` where weights are there as pickles only, `hub.files` naming what is there
 */
export function neededFiles(
  paths: readonly string[],
  path: string,
  wanted: HubWanted,
  source: string,
): readonly string[] {
  if (PICKLE.test(path)) throw pickleOf(source, path)
  if (path.includes('.') && paths.includes(path) && !DATA.test(path)) {
    const rule = 'a file of the hub must be an ONNX file, safetensors, JSON or text'
    throw inputError('hub.files', `${rule}, got ${path} of ${source}; code is not fetched`)
  }
  const ofFile = fileWithData(paths, path)
  if (ofFile.length > 0) return ofFile
  const inside = path === '' ? '' : `${path}/`
  const names = paths.filter((one) => one.startsWith(inside)).map((one) => one.slice(inside.length))
  const found = wanted === 'file' || names.length === 0 ? [] : ofFolder(names, wanted)
  if (found.some((name) => /\.(onnx|safetensors)$/.test(name))) return found.map((name) => inside + name)
  const pickle = names.find((name) => PICKLE.test(name))
  if (pickle) throw pickleOf(source, inside + pickle)
  const there = paths.slice(0, 12).join(', ') + (paths.length > 12 ? `, and ${paths.length - 12} more` : '')
  const rule = {
    model:
      'a model of the hub must hold unet/model.onnx with scheduler/, a UNet of diffusers as safetensors, or be named with the path of an ONNX file',
    clip: 'a CLIP model of the hub must hold its towers as ONNX (vision_model.onnx and text_model.onnx, there or in onnx/)',
    file: 'a file of the hub must be named with its path (hf:org/name/model.onnx)',
  }[wanted]
  throw inputError('hub.files', `${rule}; ${source} holds ${there || 'nothing'}`)
}

const pickleOf = (source: string, path: string): Error =>
  inputError(
    'hub.pickle',
    `weights must be safetensors or ONNX, ${source} has them as the pickle ${path}, which can run code when it is read; ${CONVERT}`,
  )

/** A named file with what lies beside it and belongs to it. */
function fileWithData(paths: readonly string[], path: string): readonly string[] {
  if (!paths.includes(path)) return []
  const stem = path.replace(/\.onnx$/, '')
  const beside = [`${path}.data`, `${path}_data`, `${stem}.model.json`]
  return [path, ...(path.endsWith('.onnx') ? beside.filter((one) => paths.includes(one)) : [])]
}

function ofFolder(names: readonly string[], wanted: 'model' | 'clip'): readonly string[] {
  const isPipeline =
    names.includes('unet/model.onnx') &&
    ['text_encoder/model.onnx', 'vae_decoder/model.onnx'].some((name) => names.includes(name))
  const rules = wanted === 'clip' ? CLIP : isPipeline ? PIPELINE : FOLDER
  return names.filter((name) => rules.some((rule) => rule.test(name)))
}
