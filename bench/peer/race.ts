/** One case, in turn: ours, theirs, ours, theirs. */
import { spawnSync } from 'node:child_process'
import { failure } from '../../src/base/index.ts'
import { machine } from '../report.ts'
import type { Clock } from '../settings.ts'
import type { Timing } from '../timing.ts'
import { median, secondsOf } from '../timing.ts'
import type { Case } from './cases.ts'
import type { Python } from './python.ts'
import { runPeer } from './python.ts'

/** Seconds of a round, and their ratio: theirs over ours, so above 1 ours is faster. */
export interface Round {
  readonly ours: number
  readonly peer: number
  readonly ratio: number
}

export interface Raced {
  readonly name: string
  readonly what: string
  readonly required: number
  readonly aim: number
  readonly ratio: number
  readonly holds: boolean
  readonly clock: Clock
  /** Of this project. */
  readonly commit: string | null
  readonly rounds: readonly Round[]
  readonly commands: { readonly ours: string; readonly peer: string }
}

export interface RaceOptions {
  readonly python: Python
  /** Our benchmark, bundled. */
  readonly script: string
  readonly data: string
  readonly rounds: number
  readonly clock: Clock
}

/** What our benchmark and the PyTorch programs say, as far as it is read. */
type Runs = { readonly runs: Timing }
type Job = Readonly<Record<'train' | 'tune', Readonly<Record<Clock, number>>>>

export function race(one: Case, { python, script, data, rounds, clock }: RaceOptions): Raced {
  const ours = [script, '--json', '--only', one.section, ...one.ours, '--clock', clock]
  const peer = [...one.peer, ...(one.data ? ['--data', data] : [])]
  const results: Round[] = []
  for (let k = 0; k < Math.min(rounds, one.mostRounds ?? rounds); k++) {
    const round = { ours: oursSeconds(one, ours, clock), peer: peerSeconds(one, python, peer, clock) }
    results.push({ ...round, ratio: round.peer / round.ours })
  }
  const ratio = median(results.map((round) => round.ratio))
  const { name, what, required, aim } = one
  const commands = {
    ours: `npm run bench -- ${ours.slice(1).join(' ')}`,
    peer: `python3 ${peer.join(' ')}`.replace(data, 'DATA'),
  }
  return {
    name,
    what,
    required,
    aim,
    ratio,
    holds: ratio >= required,
    clock,
    commit: machine().commit,
    rounds: results,
    commands,
  }
}

function oursSeconds({ name, section }: Case, argv: readonly string[], clock: Clock): number {
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status !== 0) throw failure('bench.peer', `our side of ${name} must end with 0, got ${status}: ${stderr.trim()}`)
  const json = JSON.parse(stdout)
  if (section === 'job') return json.job.trainSeconds + json.job.tuneSeconds
  const figure: Runs = section.startsWith('small')
    ? json.small[section === 'smallSample' ? 'sample' : 'trainStep']
    : json[section]
  return secondsOf(figure.runs, clock)
}

function peerSeconds({ section }: Case, python: Python, argv: readonly string[], clock: Clock): number {
  if (section !== 'job') return secondsOf(runPeer<Timing>(python, argv), clock)
  const { train, tune } = runPeer<Job>(python, argv)
  return train[clock] + tune[clock]
}
