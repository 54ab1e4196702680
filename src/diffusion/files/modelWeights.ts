/** The weights of a model folder: safetensors, in one file or in shards with an index beside them. A pickle can run code and is not read. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { NamedTensors } from '../../base/index.ts'
import { inputError, parseJson, standInError } from '../../base/index.ts'
import { readSafetensors } from '../../files/index.ts'
import { withoutPrefix } from '../../nn/index.ts'
import { MODEL_FILES } from './modelFolder.ts'

const WEIGHTS = basename(MODEL_FILES.weights)
const SHARD_INDEX = `${WEIGHTS}.index.json`

export const PICKLE = /\.(bin|ckpt|pt|pth|pkl|pickle)$/i

const CONVERT =
  `convert it in Python with safetensors.torch.save_file(torch.load(path, weights_only=True), "${WEIGHTS}"), ` +
  'or with diffusers: pipeline.save_pretrained(folder, safe_serialization=True)'

export function pickleError(path: string): Error {
  const why = 'which can run code when it is read'
  return inputError('model.pickle', `weights must be safetensors, '${path}' is a PyTorch pickle, ${why}; ${CONVERT}`)
}

/**
 * Reads the tensors of a network by name.
 * @param folder that of the network's config
 * @param prefix of the names, taken off; null: none. Tensors without it are left out
 * @returns the tensors, and the file they are from
 * @throws `model.pickle`, `model.open` saying what is there instead, `model.shards`, `nn.prefix`; what reading safetensors throws
 */
export async function readWeights(
  folder: string,
  prefix: string | null,
): Promise<{ readonly tensors: NamedTensors; readonly source: string }> {
  const names = await readdir(folder)
  const source = join(folder, names.includes(WEIGHTS) ? WEIGHTS : SHARD_INDEX)
  if (!names.includes(basename(source))) throw missingWeights(folder, names)
  const tensors = source.endsWith(WEIGHTS) ? (await readSafetensors(source)).tensors : await readShards(folder, names)
  return { tensors: prefix === null ? tensors : withoutPrefix(tensors, prefix), source }
}

function missingWeights(folder: string, names: readonly string[]): Error {
  const pickle = names.find((name) => PICKLE.test(name))
  if (pickle) return pickleError(join(folder, pickle))
  const rule = `a model folder needs ${WEIGHTS}, '${folder}' has none`
  if (names.includes(basename(MODEL_FILES.onnx))) {
    const fix = `its ${basename(MODEL_FILES.onnx)} can be opened by itself, with the scheduler_config.json as its schedule`
    return inputError('model.open', `${rule}; ${fix}`)
  }
  const fix = `save it again without a variant, or rename the file that is meant to ${WEIGHTS}`
  return inputError('model.open', `${rule} (it holds: ${names.toSorted().join(', ')}); ${fix}`)
}

/** {"weight_map": {tensor: file}}, each tensor in its file. @throws `model.shards` */
async function readShards(folder: string, names: readonly string[]): Promise<NamedTensors> {
  const map = await readShardIndex(join(folder, SHARD_INDEX))
  const files = [...new Set(map.values())]
  const fault = (what: string) =>
    inputError('model.shards', `the files that ${SHARD_INDEX} names must be beside it and hold what it says: ${what}`)
  const absent = files.filter((file) => !names.includes(file))
  if (absent.length > 0) throw fault(`'${folder}' has no ${absent.join(', ')}; download all of them`)
  const shards = new Map<string, NamedTensors>()
  for (const file of files) shards.set(file, (await readSafetensors(join(folder, file))).tensors)
  const entries = [...map].map(([name, file]) => {
    const tensors = shards.get(file) ?? {}
    if (!Object.hasOwn(tensors, name)) throw fault(`${file} has no tensor '${name}'; download it again`)
    return [name, tensors[name]] as const
  })
  return Object.fromEntries(entries)
}

async function readShardIndex(path: string): Promise<ReadonlyMap<string, string>> {
  const bytes = await readFile(path)
  const standIn = standInError(bytes, path)
  if (standIn) throw standIn
  const rule = `${path} must hold {"weight_map": {tensor: file, ...}}`
  let value: { readonly weight_map?: unknown } | null
  try {
    value = parseJson(bytes.toString('utf8')) as typeof value
  } catch (cause) {
    throw inputError('model.shards', `${rule}: ${(cause as Error).message}; download it again`, { cause })
  }
  const map = value?.weight_map
  const entries = typeof map === 'object' && map !== null ? Object.entries(map) : []
  // Plain names: an index must not lead out of its folder.
  const odd = entries.find(([, file]) => typeof file !== 'string' || basename(file) !== file)
  if (entries.length > 0 && !odd) return new Map(entries as [string, string][])
  const came = odd ? `'${odd[0]}' in ${JSON.stringify(odd[1])}` : JSON.stringify(map)?.slice(0, 40)
  throw inputError('model.shards', `${rule} with the names of files beside it, got ${came}; download it again`)
}
