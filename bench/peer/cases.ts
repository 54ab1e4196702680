/** What is raced: a part of our benchmark against a PyTorch program that does the same. */
import type { Section } from '../settings.ts'

export type CaseName =
  | 'paperSample'
  | 'paperTrainStep'
  | 'smallSample'
  | 'smallTrainStep'
  | 'tuneIteration'
  | 'upperIteration'
  | 'upperIterationLogged'
  | 'realForward'
  | 'realDerivative'
  | 'realTrainStep'
  | 'exportForward'
  | 'exportDerivative'
  | 'job'

/** How PyTorch is called: eager, channels last in memory, through torch.compile, and both. */
export const FORMS = ['eager', 'channels_last', 'compiled', 'compiled_channels_last'] as const
export type Form = (typeof FORMS)[number]

export interface Case {
  readonly name: CaseName
  readonly what: string
  readonly section: Section
  /** Flags of ours and of theirs. Where both time several runs, a round is the median of each. */
  readonly ours: readonly string[]
  readonly peer: readonly string[]
  /** Whether their program reads the job's data. */
  readonly data?: boolean
  /** Whether ours is given the file that torch's exporter made. */
  readonly exported?: boolean
  /** Forms of theirs that are raced; default all. */
  readonly forms?: readonly Form[]
  /** What must hold of the median of ratios to the best of their forms: peer's seconds over ours. */
  readonly required: number
  readonly aim: number
  /** Rounds, where minutes each are enough to tell. */
  readonly mostRounds?: number
}

const PAPER = 'bench/peer/pytorch/paper.py'
const SMALL = 'bench/peer/pytorch/small.py'
const REAL = 'bench/peer/pytorch/real.py'
const EXPORTED = 'bench/peer/pytorch/exported.py'
const EXPORT_CASES = [
  ['exportForward', 'forward', 'forward', 1.2, 1.5],
  ['exportDerivative', 'derivative', 'derivative in x', 1, 1.2],
] as const
const REAL_CASES = [
  ['realForward', 'forward', 'forward'],
  ['realDerivative', 'derivative', 'derivative in x'],
  ['realTrainStep', 'train', 'training step'],
] as const

/** A ratio of 2 means ours takes half of their time. */
export const CASES: readonly Case[] = [
  {
    name: 'paperSample',
    what: "the paper's UNet, base 64, 64 images 28x28: sampling",
    section: 'sample',
    ours: ['--sampling-steps', '10', '--runs', '3'],
    peer: [PAPER, 'sample', '--steps', '10', '--runs', '3'],
    required: 2.2,
    aim: 2.8,
  },
  {
    name: 'paperTrainStep',
    what: "the paper's UNet, base 64, 64 images 28x28: training step",
    section: 'trainStep',
    ours: ['--runs', '5'],
    peer: [PAPER, 'train', '--runs', '5'],
    required: 1.15,
    aim: 1.3,
  },
  {
    name: 'smallSample',
    what: 'UNet2DModel 16/32/64, 16x16: sampling, 100 images',
    section: 'smallSample',
    ours: ['--sampling-steps', '20', '--runs', '5'],
    peer: [SMALL, 'sample', '--batch', '100', '--steps', '20', '--runs', '5'],
    required: 1.4,
    aim: 1.7,
  },
  {
    name: 'smallTrainStep',
    what: 'UNet2DModel 16/32/64, 16x16: training step of 64',
    section: 'smallTrainStep',
    ours: ['--runs', '30'],
    peer: [SMALL, 'train', '--batch', '64', '--runs', '30'],
    required: 1.3,
    aim: 1.5,
  },
  {
    name: 'tuneIteration',
    what: 'UNet2DModel 16/32/64, 16x16: tuning iteration, 256 images, 10 DPM-Solver++ steps',
    section: 'tuneIteration',
    ours: ['--runs', '3'],
    peer: [SMALL, 'tune', '--images', '256', '--steps', '10', '--runs', '3'],
    data: true,
    required: 1.15,
    aim: 1.4,
  },
  {
    name: 'upperIteration',
    what: "the paper's UNet, base 64: tuning iteration by backpropagation, 96 images, against the published one without its logging samples",
    section: 'upperIteration',
    ours: ['--runs', '1'],
    peer: [PAPER, 'published', '--runs', '1'],
    required: 5,
    aim: 5,
    forms: ['eager', 'channels_last'],
    mostRounds: 2,
  },
  {
    name: 'upperIterationLogged',
    what: "the paper's UNet, base 64: tuning iteration by backpropagation, 96 images, against the published one",
    section: 'upperIteration',
    ours: ['--runs', '1'],
    peer: [PAPER, 'published', '--logging', '--runs', '1'],
    required: 20,
    aim: 20,
    forms: ['eager', 'channels_last'],
    mostRounds: 1,
  },
  ...REAL_CASES.map(
    ([name, what, words]): Case => ({
      name,
      what: `the architecture of google/ddpm-cifar10-32 (35.7M parameters), 8 images 32x32: ${words}`,
      section: name,
      ours: ['--runs', '3'],
      peer: [REAL, what, '--runs', '3'],
      required: 1.2,
      aim: 1.5,
    }),
  ),
  ...EXPORT_CASES.map(
    ([name, what, words, required, aim]): Case => ({
      name,
      what: `an export of UNet2DModel 16/32/64, 64 images 16x16: ${words}`,
      section: name,
      ours: ['--runs', '15'],
      peer: [EXPORTED, what, '--runs', '15'],
      exported: true,
      required,
      aim,
    }),
  ),
  {
    name: 'job',
    what: 'the main job: 1,000 training steps and 10 tuning iterations of 192 images',
    section: 'job',
    ours: [],
    peer: [SMALL, 'job', '--train-steps', '1000', '--iterations', '10', '--images', '192'],
    data: true,
    required: 1.2,
    aim: 1.4,
    mostRounds: 2,
  },
]

/** Smallest sizes of everything, for a smoke test. */
export const TINY_CASES: readonly Case[] = CASES.filter(({ name }) =>
  ['smallTrainStep', 'tuneIteration'].includes(name),
).map((one) => ({
  ...one,
  ours: ['--runs', '1', '--tiny'],
  peer: one.data
    ? [SMALL, 'tune', '--images', '66', '--steps', '2', '--runs', '1']
    : [SMALL, 'train', '--batch', '4', '--runs', '1'],
}))
