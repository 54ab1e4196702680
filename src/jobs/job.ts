/**
 * A job: what a command does, as a value. The command line makes flags, help and `--dry-run` of it, the working thread runs it by its name, and
 * resuming finds by its name what a run folder is of. A new command is one folder with one of these, and one line in `jobs.ts`.
 */
import type { z } from 'zod'
import type { HubWanted } from '../hub/index.ts'
import type { Caller, Settings, SettingsLayer, TimedEvent } from '../runs/index.ts'
import type { JobPlan } from './planning/forecast.ts'

/** The settings of a job: one schema, of which each key says its help group and description. */
export interface JobSettings<C extends Settings> {
  readonly schema: z.ZodObject
  /** Help groups in the order of the help. */
  readonly groups: readonly string[]
  /** Settings from layers, later ones win, over the job's own defaults. @throws `config.*` */
  resolve(layers: readonly SettingsLayer[]): C
  /**
   * What lies below the given layers, by the command's argument: a run's own settings, a guidance file's. Default: nothing.
   * @param given the layers, highest last, which may name it
   */
  below?(argument: string, given: readonly SettingsLayer[]): Promise<readonly SettingsLayer[]>
  /** Settings of earlier releases, each with what to use in its place: named where one is given. */
  readonly replaced?: Readonly<Record<string, string>>
  /** Settings that may name JavaScript, which a file may not do without `--allow-code`. Default none. */
  readonly code?: readonly string[]
}

/** What is asked of a job. Plain data: it goes to the working thread as it is. */
export interface JobRequest<C> {
  readonly config: C
  /** The command's argument; empty for jobs without one. */
  readonly argument: string
  /** The second argument; empty, or absent, for jobs without one. */
  readonly other?: string
  /** Where results go; empty for jobs that leave none. */
  readonly folder: string
  /** Go on with the run in that folder. */
  readonly resume: boolean
  /** Whether JavaScript that a file names may run. */
  readonly allowCode: boolean
  /** How the user called us, for the commands that are printed. */
  readonly caller: Caller
}

/** How far a job is, in network evaluations. */
export interface JobProgress {
  readonly phase: string
  readonly done: number
  /** 0: how much there is to do in this phase is not known. */
  readonly total: number
  readonly detail: string
  /** Evaluations a second that were forecast, where they were. */
  readonly forecastRate?: number
}

/** How a job is stopped and what it tells while it goes on. */
export interface JobTelling {
  readonly signal: AbortSignal
  readonly onProgress: (progress: JobProgress) => void
  /** What happened, in a line. */
  readonly onLine: (line: string) => void
  /** What the user must know, a sentence each. */
  readonly onNote: (note: string) => void
}

/** `json` is what `--json` prints, `text` what a person reads. */
export interface JobResult {
  readonly json: unknown
  readonly text: string
  /** That the text is what was asked for, and goes to standard output; default: of jobs that leave nothing but their answer. */
  readonly answers?: true
  /** That what was asked about is not as it must be, in a sentence: said after the answer, with exit code 1. */
  readonly failed?: string
}

/** What a job leaves: a run folder, to go on with and to report; a new folder of files; or nothing but its answer. */
export type JobLeaves = 'run' | 'files' | 'answer'

/** What a run is compared by, in a word and a number. */
export interface Best {
  readonly what: string
  readonly value: number
  /** Whether it is as certain as was asked for; null: not known yet. Absent: nobody asks. */
  readonly resolved?: boolean | null
}

/** The same of a run that has one for each of several sets. */
export interface BestOfSets extends Pick<Best, 'what'> {
  /** In the run's order. Value null: it was not begun, or there is nothing yet. */
  readonly sets: readonly (Required<Pick<Best, 'resolved'>> & { readonly set: string; readonly value: number | null })[]
}

/** A job with settings C. */
export interface Job<C extends Settings = Settings> {
  /** Name of the command, of one word or, in a group of `JOB_GROUPS`, two, and the manifest's `command` of its runs. */
  readonly name: string
  readonly summary: string
  readonly description: string
  /** What stands at the end of the help, as it is. */
  readonly example?: string
  /** What the command is called with besides settings; `[name]` in brackets where it may be left out. Default: nothing. */
  readonly argument?: {
    readonly name: string
    readonly description: string
    /** What it may name of the hub (`hf:org/name`). Default: nothing. */
    readonly hub?: HubWanted
  }
  /** A second argument. */
  readonly other?: { readonly name: string; readonly description: string }
  /** Help of `--json`. */
  readonly jsonHelp: string
  readonly settings: JobSettings<C>
  readonly leaves: JobLeaves
  /** Of jobs that leave runs: what a run's folder is called where nobody says, and in the help. Default: by preset and seed. */
  readonly folder?: { readonly words: string; named(config: C): string }
  /** Of jobs that leave files: the help of `--out`, and of `--allow-code` where code may be named. */
  readonly out?: { readonly stem: string; readonly help: string; readonly allowCode?: string }
  /** Of jobs that leave runs: the best value so far, by the run's events. */
  best?(events: readonly TimedEvent[]): Best | BestOfSets | null
  /** What it will cost at most. Absent: no network is evaluated, there is nothing to plan, and no thread is needed. */
  plan?(config: C, argument: string, other?: string): Promise<JobPlan>
  /** Does it, from beginning to end. */
  run(request: JobRequest<C>, telling: JobTelling): Promise<JobResult>
}

/** A run-making job's settings, as far as all have them. */
export type RunSettings = Settings & { readonly checkpointSeconds: number }

/**
 * A job among others, which knows its own settings. The list of jobs holds jobs of all kinds: what one is given back (its settings, a request
 * made of them) is only ever what came from itself.
 */
export const anyJob = <C extends Settings>(job: Job<C>): Job => job as unknown as Job

/** The same, for callers in a program, who need none of it. */
export type WorkHooks = Partial<Omit<JobTelling, 'onLine'>>
