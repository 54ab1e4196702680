/** A method in a comparison, and what is kept of its run: plain data, as a checkpoint holds it. S: what a method ends with. */
import type { Budget, Spent } from './budget.ts'

/** Something that was measured on the way. */
export interface ComparedTrial {
  /** Values by name. */
  readonly parameters: Readonly<Record<string, number>>
  /** Share of a whole measurement. */
  readonly share: number
  /** As it is minimised; null: it could not be measured. */
  readonly value: number | null
  readonly standardError: number | null
  /** Network evaluations up to its end. */
  readonly evaluations: number
  /** What else was seen, by name. */
  readonly seen?: Readonly<Record<string, number>>
}

/** What a method would have ended with, from so many evaluations on. */
export interface Incumbent<S> extends Spent {
  readonly solution: S
  /** As the method saw it; null: it measures nothing of its own there. */
  readonly value: number | null
}

/** How far one method is with one seed. */
export interface Standing<S> extends Spent {
  /** Of the method's own, plain data; null: nothing yet. */
  readonly state: unknown
  readonly trials: readonly ComparedTrial[]
  readonly incumbents: readonly Incumbent<S>[]
}

export const NOT_STARTED: Standing<never> = { state: null, trials: [], incumbents: [], evaluations: 0, seconds: 0 }

/** One run of a method. */
export interface Turn<S> {
  readonly seed: number
  readonly budget: Budget
  readonly signal?: AbortSignal
  /** Where it stands now. */
  readonly at: Standing<S>
  /** Whether so much more fits. */
  affords(evaluations: number): boolean
  /** Takes note of work that was done: adds what it cost and what came of it. Everything up to here is kept. */
  done(step: Step<S>): Promise<void>
}

export interface Step<S> {
  /** Network evaluations of this step. */
  readonly cost: number
  readonly state: unknown
  readonly trials?: readonly ComparedTrial[]
  /** A new best so far. */
  readonly incumbent?: { readonly solution: S; readonly value: number | null }
}

/** A method. */
export interface Contestant<S> {
  readonly name: string
  /** What it does here, in words. */
  readonly words: string
  /** Network evaluations below which it has nothing to end with. */
  readonly minimum: number
  /** Runs to the end of its budget, from where it stands. Equal seeds give equal runs. */
  run(turn: Turn<S>): Promise<void>
}
