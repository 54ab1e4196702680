/**
 * One interface for all searches, by asking and telling. A method is a pure function of what was asked and told so far, so the list of trials is the whole
 * state of a search: written down it goes on to the same points, and several trials may be open at once.
 */
import { inputError, internalError } from '../base/index.ts'
import type { SearchSpace } from './space.ts'
import { checkSpace } from './space.ts'

/** What a point was found to be worth: smaller is better; infinity: it cannot be measured there. */
export interface Outcome {
  readonly value: number
  /** Null: not known. */
  readonly standardError: number | null
}

/** What is to be measured. */
export interface Proposal {
  /** A value for each dimension, within its range. */
  readonly point: readonly number[]
  /** Share of a whole measurement, of which all else is proportional, in (0, 1]. Default 1. */
  readonly share?: number
}

/** A point that was asked for. */
export interface Trial {
  /** 0, 1, … in the order in which they were asked for. */
  readonly id: number
  readonly point: readonly number[]
  readonly share: number
  /** Null: not told yet. */
  readonly outcome: Outcome | null
}

/** All that a method may look at. */
export interface Study {
  readonly space: SearchSpace
  /** Of everything random, a whole number from 0. */
  readonly seed: number
  /** What would be used without any search; a value for each dimension. */
  readonly start: readonly number[]
  readonly trials: readonly Trial[]
}

/** A way to search. */
export interface SearchMethod {
  readonly name: string
  /**
   * The next point; `wait`: not before a trial that is open is told; null: there is no other. Equal studies must give equal answers.
   * @param study its trials in the order of their ids
   */
  propose(study: Study): Proposal | 'wait' | null | Promise<Proposal | 'wait' | null>
  /** The trial that it would end with, among those told. Default: the least value of those with the largest share. */
  best?(study: Study): Trial | null
}

/** A trial with what came of it. */
export type ToldTrial = Trial & { readonly outcome: Outcome }

/** Trials of which the outcome is known. */
export const toldOf = (trials: readonly Trial[]): ToldTrial[] =>
  trials.filter((trial): trial is ToldTrial => trial.outcome !== null)

/** The least value among trials of the largest share; null: none can be had. */
export function leastOf(trials: readonly Trial[]): Trial | null {
  const told = toldOf(trials).filter(({ outcome }) => Number.isFinite(outcome.value))
  const most = Math.max(...told.map(({ share }) => share))
  return told
    .filter(({ share }) => share === most)
    .reduce<ToldTrial | null>((best, one) => (best && best.outcome.value <= one.outcome.value ? best : one), null)
}

/** A search that is under way. Its state is its trials. */
export class Search {
  readonly method: SearchMethod
  readonly #setting: Omit<Study, 'trials'>
  #trials: Trial[]
  /** Trials of the state that were begun and never told: given out once more before anything new. */
  #again: number[]

  /**
   * @param trials where it goes on; default: from the start
   * @throws `search.space`, `search.start` on a start outside of the space
   */
  constructor(method: SearchMethod, setting: Omit<Study, 'trials'>, trials: readonly Trial[] = []) {
    checkSpace(setting.space)
    requireInside(setting.space, setting.start, 'search.start', 'the start')
    this.method = method
    this.#setting = setting
    this.#trials = [...trials]
    this.#again = trials.flatMap(({ id, outcome }) => (outcome === null ? id : []))
  }

  get study(): Study {
    return { ...this.#setting, trials: [...this.#trials] }
  }

  /**
   * The next trial; `wait`: another that is open must be told first; null: the method has no other.
   * @throws `search.proposal` on a point outside of the space, or a share that is none
   */
  async ask(): Promise<Trial | 'wait' | null> {
    const [before, ...rest] = this.#again
    if (before !== undefined) {
      this.#again = rest
      return this.#trials[before]
    }
    const proposal = await this.method.propose(this.study)
    if (proposal === null || proposal === 'wait') return proposal
    const { point, share = 1 } = proposal
    requireInside(this.#setting.space, point, 'search.proposal', `method ${this.method.name} proposed a point that`)
    if (!(share > 0 && share <= 1)) {
      throw inputError(
        'search.proposal',
        `a share is above 0 and at most 1, method ${this.method.name} proposed ${share}`,
      )
    }
    const trial: Trial = { id: this.#trials.length, point: [...point], share, outcome: null }
    this.#trials.push(trial)
    return trial
  }

  /** @throws an internal error on what was not asked for, or is told already; `search.outcome` on no number */
  tell(id: number, { value, standardError }: Outcome): void {
    const trial = this.#trials[id]
    if (!trial || trial.outcome) throw internalError(`trial ${id} is not open`)
    if (Number.isNaN(value))
      throw inputError('search.outcome', 'what is told must be a number, or infinity where there is none, got NaN')
    this.#trials[id] = { ...trial, outcome: { value, standardError } }
  }

  /** What it would end with now; null: nothing was measured yet. */
  get best(): Trial | null {
    const { best } = this.method
    return best ? best(this.study) : leastOf(this.#trials)
  }
}

function requireInside(space: SearchSpace, point: readonly number[], code: string, what: string): void {
  const outside =
    !Array.isArray(point) || point.length !== space.length
      ? `${space.length} numbers`
      : space.find(({ low, high }, i) => !(point[i] >= low && point[i] <= high))
  if (!outside) return
  const rule = typeof outside === 'string' ? outside : `${outside.name} from ${outside.low} to ${outside.high}`
  throw inputError(code, `${what} must have ${rule}, got ${JSON.stringify(point)}`)
}
