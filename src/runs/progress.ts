/**
 * How fast a job goes and how long it has to go. Pure: the time is an argument. The rate is items over seconds, both sums forgetting
 * exponentially, so it is exact at a constant pace and follows a change within the time constant.
 */

/** State of a progress: how much is done, when that was, and the two forgetting sums. */
export interface Progress {
  readonly total: number
  readonly done: number
  /** Seconds, of any fixed clock. */
  readonly now: number
  readonly started: number
  readonly items: number
  readonly seconds: number
  /** Items a second that were forecast, which count until there is a rate. */
  readonly forecast?: number
}

/** Seconds after which a pace counts 1/e. */
const MEMORY_SECONDS = 20

/** A job of `total` items at time `now` (seconds); `done` are there already (a resumed run) and count for no rate. */
export function startProgress(total: number, now: number, done = 0, forecast?: number): Progress {
  return { total, done, now, started: now, items: 0, seconds: 0, ...(forecast !== undefined && { forecast }) }
}

/**
 * The progress when `done` items are there at time `now` (seconds). A clock that goes back counts as standing still. Time in which nothing was done counts when something is: a machine
 * that sleeps says nothing of the pace before it wakes.
 */
export function advanceProgress(progress: Progress, done: number, now: number): Progress {
  if (done === progress.done) return progress
  const passed = Math.max(0, now - progress.now)
  const kept = Math.exp(-passed / MEMORY_SECONDS)
  return {
    ...progress,
    done,
    now: Math.max(now, progress.now),
    items: progress.items * kept + (done - progress.done),
    seconds: progress.seconds * kept + passed,
  }
}

/** Items a second; as forecast before anything was measured, null without a forecast. */
export function rateOf({ items, seconds, forecast }: Progress): number | null {
  return seconds > 0 && items > 0 ? items / seconds : (forecast ?? null)
}

/** Seconds to go at the present rate; null while there is no rate, 0 at the end. */
export function secondsLeft(progress: Progress): number | null {
  const left = progress.total - progress.done
  const rate = rateOf(progress)
  return left <= 0 ? 0 : rate === null ? null : left / rate
}

/** A duration in words of two units: `45 s`, `3 min 05 s`, `2 h 07 min`, `1 d 03 h`. */
export function durationText(seconds: number): string {
  const whole = Math.round(seconds)
  const two = (n: number): string => String(n).padStart(2, '0')
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`
  const minutes = Math.round(seconds / 60)
  if (minutes < 24 * 60) return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
  const hours = Math.round(seconds / 3600)
  return `${Math.floor(hours / 24)} d ${two(hours % 24)} h`
}
