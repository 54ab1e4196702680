/** Event files of ours, read by TensorBoard itself: a log with numbers that are none, one that takes its place, and a run's. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TimedEvent } from '../../src/runs/index.ts'
import { encodeTensorBoard, nextTensorBoardFile, scalarsOf } from '../../src/runs/tensorboard.ts'
import type { Case } from './case.ts'

/** As TensorBoard's reader gives them: by tag, steps and float32 values; what is no number in words. */
type Curves = Readonly<Record<string, readonly (readonly [step: number, value: number | string])[]>>

const time = '2026-01-02T03:04:05.000Z'
/** What a run wrote before it was cut off, and after it went on from its second event. */
const BEFORE: readonly TimedEvent[] = [
  { type: 'train', step: 1, loss: 1.25, time },
  { type: 'train', step: 2, loss: 0.5, time },
  { type: 'train', step: 3, loss: 0.375, time },
]
const AFTER: readonly TimedEvent[] = [
  ...BEFORE.slice(0, 2),
  { type: 'train', step: 3, loss: 0.1, time },
  { type: 'tune', step: 0, fid: 12.5, parameters: { tau: 1.2, 'log gap 1': -0.3 }, time },
  { type: 'tune', step: 1, fid: 'NaN', time },
  { type: 'row', step: 10, label: 'learned', fid: { mean: 3.5, standardError: 1e-30 }, time },
]
const WALL_TIME = Date.parse(time) / 1000

/** The files of a run that went on, by name. */
export const eventFiles = (): Readonly<Record<string, Uint8Array>> => {
  const first = nextTensorBoardFile([], 0)
  return {
    [first]: encodeTensorBoard(WALL_TIME, BEFORE),
    [nextTensorBoardFile([first], 1)]: encodeTensorBoard(WALL_TIME + 1, AFTER, true),
  }
}

export function eventsCase(): Case {
  return {
    name: 'TensorBoard',
    about:
      "scalars that its EventAccumulator finds in a log, in one that went on, and in a run's folder; largest: wrong ones",
    bound: 0,
    quick: true,
    async run(at) {
      await mkdir(join(at.folder, 'log'))
      const files = eventFiles()
      for (const [name, bytes] of Object.entries(files)) await writeFile(join(at.folder, 'log', name), bytes)
      const curves = at.python('read_events.py', ['log']) as Curves
      at.bilevel(['schedule', '--preset', 'tiny', '--iterations', '1', '--out', 'run'])
      const lines = (await readFile(join(at.folder, 'run', 'events.jsonl'), 'utf8')).trim().split('\n')
      const ofRun = at.python('read_events.py', [join('run', 'tensorboard')]) as Curves
      const events = lines.map((line) => JSON.parse(line) as TimedEvent)
      const wrong = wrongOf(curves, AFTER) + wrongOf(ofRun, events)
      const points = Object.values(ofRun).reduce((sum, curve) => sum + curve.length, 0)
      const bytes = Object.fromEntries(
        Object.entries(files).map(([name, one]) => [name, Buffer.from(one).toString('hex')]),
      )
      return { largest: wrong, facts: { curves: Object.keys(ofRun).length, points }, measured: { bytes, curves } }
    },
  }
}

/** How many numbers of the events are not there as float32, or there and no event's. */
function wrongOf(curves: Curves, events: readonly TimedEvent[]): number {
  const wanted = new Map<string, (readonly [number, number])[]>()
  for (const event of events) {
    for (const [tag, value] of Object.entries(scalarsOf(event))) {
      wanted.set(tag, [...(wanted.get(tag) ?? []), [event.step, Math.fround(value)]])
    }
  }
  const missing = [...wanted].filter(
    ([tag, points]) => JSON.stringify(curves[tag]?.map(read)) !== JSON.stringify(points.map(said)),
  )
  const more = Object.keys(curves).filter((tag) => !wanted.has(tag) && !tag.startsWith('_hparams_'))
  for (const [tag, points] of missing) console.error(tag, JSON.stringify(curves[tag]), JSON.stringify(points))
  return missing.length + more.length
}

const said = ([step, value]: readonly [number, number]) => [step, String(value)]
const read = ([step, value]: readonly [number, number | string]) => [step, String(Number(value))]
