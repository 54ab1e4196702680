/** What a case of `npm run interop` is: something of ours and the same by the real library, and how far apart they are. */

/** Where a case works: a folder of its own, our command, Python of the pinned environment. */
export interface Workplace {
  readonly folder: string
  /** Runs `bilevel …` in the folder; its standard output. @throws with its error output unless it exits with 0 */
  bilevel(args: readonly string[]): string
  /** Runs a command line as it is printed, in the folder. @throws with its error output unless it exits with 0 */
  shell(command: string): string
  /** Runs a Python file that lies beside this one, in the folder; what it prints, JSON. @throws with its error output unless it exits with 0 */
  python(file: string, args: readonly string[]): unknown
}

export interface Outcome {
  /** Largest difference, in units of the images ([-1, 1]) or whatever the case compares. */
  readonly largest: number
  /** Root of the mean squared difference, where there are many numbers. */
  readonly rms?: number
  /** What must be known to read the numbers. */
  readonly facts: Readonly<Record<string, unknown>>
  /** What the real library gave, to be held against in the tests that need none: `test/gold/interop.json`, under the case's name. */
  readonly measured?: Measured
}

export type Measured = Readonly<Record<string, unknown>>

export interface Case {
  readonly name: string
  /** What it shows, a sentence. */
  readonly about: string
  /** Largest difference that passes. */
  readonly bound: number
  /** Takes seconds: asked with --quick. Default: it takes whole runs of ours. */
  readonly quick?: true
  run(at: Workplace): Promise<Outcome>
}
