/** One case, in turn: ours, then each form of theirs, and again. */
import { spawnSync } from 'node:child_process'
import { failure } from '../../src/base/index.ts'
import { machine } from '../report.ts'
import type { Clock } from '../settings.ts'
import type { Timing } from '../timing.ts'
import { median, secondsOf } from '../timing.ts'
import type { Case, Form } from './cases.ts'
import { FORMS } from './cases.ts'
import type { Python } from './python.ts'
import { runPeer } from './python.ts'

/** Of one side in one round: seconds, and the most memory that its process had. */
export interface Turn {
  readonly seconds: number
  readonly peakMemoryMiB: number
}

export interface Round {
  readonly ours: Turn
  /** By form. */
  readonly peer: Readonly<Partial<Record<Form, Turn>>>
}

export interface Raced {
  readonly name: string
  readonly what: string
  readonly required: number
  readonly aim: number
  /** The form of theirs that was fastest by the median of all rounds; what follows is against it. */
  readonly best: Form
  /** Median over rounds of theirs over ours, so above 1 ours is faster; and the least and the largest. */
  readonly ratio: number
  readonly spread: readonly [number, number]
  /** The same against each form. */
  readonly ratios: Readonly<Partial<Record<Form, number>>>
  /** Our peak memory over theirs, medians. */
  readonly memory: number
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
  /** The file that torch's exporter made; needed where a case is about it. */
  readonly exported?: string
  readonly rounds: number
  readonly clock: Clock
  /** Forms that are raced, where a case does not say. Default all. */
  readonly forms?: readonly Form[]
}

/** What our benchmark and the PyTorch programs say, as far as it is read. */
type Runs = { readonly runs: Timing }
type Job = Readonly<Record<'train' | 'tune', Readonly<Record<Clock, number>>>>
type Memory = { readonly peakMemoryMiB: number }

export function race(one: Case, options: RaceOptions): Raced {
  const { script, data, exported, clock } = options
  const file = one.exported && exported ? ['--file', exported] : []
  const command = [script, '--json', '--only', one.section, ...one.ours, '--clock', clock]
  const ours = [...command, ...file]
  const peer = [...one.peer, ...(one.data ? ['--data', data] : [])]
  const { name, what, required, aim } = one
  const rounds = roundsOf(one, ours, peer, options)
  const forms = Object.keys(rounds[0].peer) as Form[]
  const turn = (round: Round, form: Form) => round.peer[form] as Turn
  const best = forms.toSorted((a, b) => medianOf(rounds, (one) => turn(one, a).seconds - turn(one, b).seconds))[0]
  const ratiosTo = (form: Form) => rounds.map((round) => turn(round, form).seconds / round.ours.seconds)
  const ratios = Object.fromEntries(forms.map((form) => [form, median(ratiosTo(form))]))
  const all = ratiosTo(best)
  return {
    name,
    what,
    required,
    aim,
    best,
    ratio: ratios[best],
    spread: [Math.min(...all), Math.max(...all)],
    ratios,
    memory:
      medianOf(rounds, (round) => round.ours.peakMemoryMiB) /
      medianOf(rounds, (round) => turn(round, best).peakMemoryMiB),
    holds: ratios[best] >= required,
    clock,
    commit: machine().commit,
    rounds,
    commands: {
      ours: `npm run bench -- ${[...command.slice(1), ...(file.length > 0 ? ['--file', 'FILE.onnx'] : [])].join(' ')}`,
      peer: `python3 ${peer.join(' ')} --form ${best}`.replace(data, 'DATA'),
    },
  }
}

const medianOf = (rounds: readonly Round[], of: (round: Round) => number): number => median(rounds.map(of))

function roundsOf(one: Case, ours: readonly string[], peer: readonly string[], options: RaceOptions): Round[] {
  const { python, rounds, clock, forms = FORMS } = options
  const raced = (one.forms ?? FORMS).filter((form) => forms.includes(form))
  return Array.from({ length: Math.min(rounds, one.mostRounds ?? rounds) }, () => ({
    ours: ourTurn(one, ours, clock),
    peer: Object.fromEntries(
      raced.map((form) => [form, peerTurn(one, python, [...peer, '--form', form], clock)]),
    ) as Round['peer'],
  }))
}

function ourTurn({ name, section }: Case, argv: readonly string[], clock: Clock): Turn {
  const { status, stdout, stderr } = spawnSync(process.execPath, argv, { encoding: 'utf8' })
  if (status !== 0) throw failure('bench.peer', `our side of ${name} must end with 0, got ${status}: ${stderr.trim()}`)
  const json = JSON.parse(stdout)
  const peakMemoryMiB = json.residentMiB as number
  if (section === 'job') return { seconds: json.job.trainSeconds + json.job.tuneSeconds, peakMemoryMiB }
  const figure: Runs = section.startsWith('small')
    ? json.small[section === 'smallSample' ? 'sample' : 'trainStep']
    : json[section]
  return { seconds: secondsOf(figure.runs, clock), peakMemoryMiB }
}

function peerTurn({ section }: Case, python: Python, argv: readonly string[], clock: Clock): Turn {
  if (section !== 'job') {
    const { peakMemoryMiB, ...timing } = runPeer<Timing & Memory>(python, argv)
    return { seconds: secondsOf(timing, clock), peakMemoryMiB }
  }
  const { train, tune, peakMemoryMiB } = runPeer<Job & Memory>(python, argv)
  return { seconds: train[clock] + tune[clock], peakMemoryMiB }
}
