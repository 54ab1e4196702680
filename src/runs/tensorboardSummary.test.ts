/** Images and hyperparameters as TensorBoard's messages, taken apart field by field. TensorBoard 2.21 itself reads them alike. */
import { expect, test } from 'vitest'
import { readFields } from '../onnx/protobuf.ts'
import { summaryRecords } from './tensorboardSummary.ts'

const SUMMARY = {
  images: [{ tag: 'samples/learned', step: 3, png: Uint8Array.of(137, 80), width: 20, height: 10, channels: 1 }],
  settings: { seed: 7, preset: 'quick', z: false, clip: [-1, 1], model: null, network: { groups: 4 } },
  metrics: ['done/fid'],
}

type Tree = Map<number, (Uint8Array | number)[]>

/** Fields of a message by number. */
function fieldsOf(bytes: Uint8Array): Tree {
  const tree: Tree = new Map()
  for (const { field, value } of readFields(bytes)) {
    const plain = value instanceof Uint8Array ? value : Number(value)
    tree.set(field, [...(tree.get(field) ?? []), plain])
  }
  return tree
}

const inside = (tree: Tree, ...path: readonly number[]): Tree =>
  path.reduce((at, field) => fieldsOf(at.get(field)?.[0] as Uint8Array), tree)
const text = (tree: Tree, field: number): string => new TextDecoder().decode(tree.get(field)?.[0] as Uint8Array)

/** Values of all records, by tag, with their steps. */
function valuesOf(bytes: Uint8Array) {
  const found = new Map<string, { readonly step: number; readonly value: Tree }>()
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  for (let at = 0; at < bytes.length; ) {
    const length = view.getUint32(at, true)
    const event = fieldsOf(bytes.subarray(at + 12, at + 12 + length))
    const value = inside(event, 5, 1)
    found.set(text(value, 1), { step: Number(event.get(2)?.[0]), value })
    at += 16 + length
  }
  return found
}

test('images with their sizes, settings by path with their kinds, the tags that runs are compared by', () => {
  const values = valuesOf(summaryRecords(1e9, 'one', SUMMARY))
  expect([...values.keys()]).toEqual([
    'samples/learned',
    '_hparams_/experiment',
    '_hparams_/session_start_info',
    '_hparams_/session_end_info',
  ])
  const { step, value } = values.get('samples/learned')!
  const image = inside(value, 4)
  expect([step, image.get(1), image.get(2), image.get(3)]).toEqual([3, [10], [20], [1]])
  expect(image.get(4)).toEqual([SUMMARY.images[0].png])

  const contentOf = (name: string) => {
    const { value: whole } = values.get(`_hparams_/${name}`)!
    const plugin = inside(whole, 9, 1)
    expect(text(plugin, 1)).toBe('hparams')
    return inside(plugin, 2)
  }
  const experiment = inside(contentOf('experiment'), 2)
  const infos = (experiment.get(4) as Uint8Array[]).map((info) => fieldsOf(info))
  expect(infos.map((info) => [text(info, 1), info.get(4)?.[0]])).toEqual([
    ['seed', 3],
    ['preset', 1],
    ['z', 2],
    ['clip', 1],
    ['model', 1],
    ['network.groups', 3],
  ])
  expect(text(inside(experiment, 5, 1), 2)).toBe('done/fid')
  const start = inside(contentOf('session_start_info'), 3)
  const entries = (start.get(1) as Uint8Array[]).map((entry) => fieldsOf(entry))
  const clip = entries.find((entry) => text(entry, 1) === 'clip')!
  expect(text(inside(clip, 2), 3)).toBe('[-1,1]')
  expect(text(start, 4)).toBe('one')
  expect(inside(contentOf('session_end_info'), 4).get(1)).toEqual([1])
})
