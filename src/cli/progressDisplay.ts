/** Progress on stderr: a bar on a terminal, a plain line every so often elsewhere. */
import type { WriteStream } from 'node:tty'
import type { JobProgress } from '../jobs/index.ts'
import type { Progress } from '../runs/index.ts'
import { advanceProgress, durationText, rateOf, secondsLeft, startProgress } from '../runs/index.ts'

/** Where it is shown. */
export type Screen = Pick<WriteStream, 'write'> & { readonly isTTY?: boolean; readonly columns?: number }

export interface ProgressDisplay {
  show(progress: JobProgress): void
  /** A line that stays. */
  log(line: string): void
  /** Takes the bar away. */
  end(): void
}

/** Seconds between lines where there is no terminal. */
const LINE_EVERY = 15
const BAR_WIDTH = 24
const ERASE_LINE = '\r\u001b[2K'

/** @param clock seconds, of any fixed beginning */
export function progressDisplay(screen: Screen, clock: () => number = () => performance.now() / 1000): ProgressDisplay {
  let progress: Progress | undefined
  let drawn = ''
  let shownAt = clock()
  const redraw = (text: string) => {
    screen.write(`${ERASE_LINE}${text}`)
    drawn = text
  }
  return {
    show(now) {
      progress = progress
        ? advanceProgress({ ...progress, total: now.total }, now.done, clock())
        : startProgress(now.total, clock(), now.done, now.forecastRate)
      if (screen.isTTY) {
        redraw(fitted(`${bar(now)} ${statusText(now, progress)}`, screen.columns ?? 80))
      } else if (clock() - shownAt >= LINE_EVERY) {
        shownAt = clock()
        screen.write(`${statusText(now, progress)}\n`)
      }
    },
    log(line) {
      const below = drawn
      if (below !== '') redraw('')
      screen.write(`${line}\n`)
      if (below !== '') redraw(below)
    },
    end() {
      if (drawn !== '') redraw('')
    },
  }
}

function bar({ done, total }: JobProgress): string {
  const full = total > 0 ? Math.round((BAR_WIDTH * done) / total) : 0
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_WIDTH - full)}]`
}

/**
 * `12% train, 2 min 05 s left, 1203 evaluations/s: training step 40, loss 0.31`: what may be cut off stands last. Of a total of 0 nobody knows how far it
 * is: `read: photos`.
 */
export function statusText({ phase, done, total, detail }: JobProgress, progress: Progress): string {
  if (total === 0) return `${phase}: ${detail}`
  const percent = Math.floor((100 * done) / total)
  const rate = rateOf(progress)
  const left = secondsLeft(progress)
  const rest = left === null ? '' : `, ${durationText(left)} left`
  const pace = rate === null ? '' : `, ${rate.toFixed(rate < 10 ? 1 : 0)} evaluations/s`
  return `${percent}% ${phase}${rest}${pace}: ${detail}`
}

const fitted = (text: string, columns: number): string =>
  text.length < columns ? text : `${text.slice(0, columns - 2)}…`
