/** Timing of one action: a run that is not counted, then some that are, by the clock and in processor time. */
import type { Clock } from './settings.ts'

/** Seconds of each run. Processor time is of all threads, system included. */
export interface Timing {
  readonly wall: readonly number[]
  readonly cpu: readonly number[]
}

/** Seconds by the clock and of processor time up to now. */
export function mark(): { readonly wall: number; readonly cpu: number } {
  const { user, system } = process.cpuUsage()
  return { wall: performance.now() / 1000, cpu: (user + system) / 1e6 }
}

/** @param runs timed runs, at least 1, after a first one that compiles, loads and warms caches */
export async function timed(action: () => unknown, runs: number): Promise<Timing> {
  await action()
  const wall: number[] = []
  const cpu: number[] = []
  for (let run = 0; run < runs; run++) {
    const before = mark()
    await action()
    const after = mark()
    wall.push(after.wall - before.wall)
    cpu.push(after.cpu - before.cpu)
  }
  return { wall, cpu }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** The figure of a timing: the median by the clock; of processor time, which others on the machine only ever lengthen, the least. */
export const secondsOf = ({ wall, cpu }: Timing, clock: Clock): number =>
  clock === 'wall' ? median(wall) : Math.min(...cpu)
