/**
 * What TensorBoard shows of a finished run besides its curves: sample grids under Images, and the settings with the run's results under
 * HParams, where runs are compared. Protobuf messages, after Summary and the plugin data of TensorBoard's hparams plugin:
 *
 *     value     {1: tag, 4: image {1: height, 2: width, 3: channels, 4: PNG}, 8: tensor, 9: metadata {1: {1: plugin, 2: content}, 4: class}}
 *     content   {1: version, 2: experiment {4: hparam {1: name, 4: type}, 5: metric {1: {2: tag}}},
 *                3: start {1: hparams {1: name, 2: value}, 4: group, 5: seconds}, 4: end {1: status, 2: seconds}}
 */
import type { Json } from './json.ts'
import { isRecord } from './json.ts'
import { bytesField, doubleField, summaryRecord, varintField } from './tensorboard.ts'

export interface BoardImage {
  readonly tag: string
  readonly step: number
  readonly png: Uint8Array
  readonly width: number
  readonly height: number
  readonly channels: number
}

/** What is to be shown of a run. */
export interface RunSummary {
  readonly images: readonly BoardImage[]
  /** All settings; lists are shown as words. */
  readonly settings: { readonly [key: string]: Json }
  /** Tags of the scalars that runs are compared by, such as `done/fid`. */
  readonly metrics: readonly string[]
}

const words = (text: string): Uint8Array => new TextEncoder().encode(text)
const joined = (...parts: readonly Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((part) => [...part]))

/** The bytes that a summary adds to an event file. `wallTime`: seconds since 1970. */
export function summaryRecords(wallTime: number, name: string, { images, settings, metrics }: RunSummary): Uint8Array {
  const hparams = flattened(settings)
  return joined(
    ...images.map((image) => summaryRecord(wallTime, image.step, [imageValue(image)])),
    summaryRecord(wallTime, 0, [hparamsValue('experiment', experiment(hparams, metrics))]),
    summaryRecord(wallTime, 0, [hparamsValue('session_start_info', sessionStart(wallTime, name, hparams))]),
    summaryRecord(wallTime, 0, [hparamsValue('session_end_info', sessionEnd(wallTime))]),
  )
}

function imageValue({ tag, png, width, height, channels }: BoardImage): Uint8Array {
  const image = joined(varintField(1, height), varintField(2, width), varintField(3, channels), bytesField(4, png))
  return joined(bytesField(1, words(tag)), bytesField(4, image))
}

type Value = string | number | boolean

/** Settings by path, as words, numbers and switches: what the plugin can sort and filter by. */
function flattened(value: Json, path = ''): [string, Value][] {
  if (typeof value === 'string' || typeof value === 'boolean') return [[path, value]]
  if (typeof value === 'number') return [[path, value]]
  if (isRecord(value))
    return Object.entries(value).flatMap(([key, item]) => flattened(item as Json, path === '' ? key : `${path}.${key}`))
  return [[path, value === null ? 'none' : JSON.stringify(value)]]
}

/** Kinds of data: numbers of google.protobuf.Value's fields and of the plugin's DataType. */
const KINDS = {
  string: { field: (value: Value) => bytesField(3, words(String(value))), type: 1 },
  boolean: { field: (value: Value) => varintField(4, Number(value)), type: 2 },
  number: { field: (value: Value) => doubleField(2, Number(value)), type: 3 },
} as const

const kindOf = (value: Value) => KINDS[typeof value as keyof typeof KINDS]

function experiment(hparams: readonly [string, Value][], metrics: readonly string[]): Uint8Array {
  const infos = hparams.map(([name, value]) =>
    bytesField(4, joined(bytesField(1, words(name)), varintField(4, kindOf(value).type))),
  )
  const results = metrics.map((tag) => bytesField(5, bytesField(1, bytesField(2, words(tag)))))
  return bytesField(2, joined(...infos, ...results))
}

function sessionStart(wallTime: number, name: string, hparams: readonly [string, Value][]): Uint8Array {
  const entries = hparams.map(([key, value]) =>
    bytesField(1, joined(bytesField(1, words(key)), bytesField(2, kindOf(value).field(value)))),
  )
  return bytesField(3, joined(...entries, bytesField(4, words(name)), doubleField(5, wallTime)))
}

const SUCCESS = 1
const sessionEnd = (wallTime: number): Uint8Array =>
  bytesField(4, joined(varintField(1, SUCCESS), doubleField(2, wallTime)))

const DATA_CLASS_TENSOR = 2
const FLOAT = 1

/** The plugin reads its content from the metadata; the tensor beside it is empty: shape [0]. */
function hparamsValue(name: string, content: Uint8Array): Uint8Array {
  const plugin = joined(bytesField(1, words('hparams')), bytesField(2, content))
  const metadata = joined(bytesField(1, plugin), varintField(4, DATA_CLASS_TENSOR))
  const tensor = joined(varintField(1, FLOAT), bytesField(2, bytesField(2, varintField(1, 0))))
  return joined(bytesField(1, words(`_hparams_/${name}`)), bytesField(8, tensor), bytesField(9, metadata))
}
