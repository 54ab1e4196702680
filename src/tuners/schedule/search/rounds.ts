/** The rounds in which several starts are tuned, the better half going on after each. */

/** Rounds that so many starts take until one is left. */
const roundsLeft = (starts: number): number => Math.ceil(Math.log2(Math.max(1, starts)))

/** The iteration to which each of so many starts that are left is tuned: half as far, at each halving before the last. */
export function roundEnd(alive: number, iterations: number): number {
  if (alive <= 1) return iterations
  return Math.min(iterations, Math.max(1, Math.round(iterations / 2 ** roundsLeft(alive))))
}

/** Iterations of all starts together. */
export function iterationsOfStarts(starts: number, iterations: number): number {
  let [alive, done, sum] = [starts, 0, 0]
  for (;;) {
    const until = roundEnd(alive, iterations)
    sum += alive * (until - done)
    done = until
    if (alive <= 1) return sum
    alive = Math.ceil(alive / 2)
  }
}
