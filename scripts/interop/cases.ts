/** The cases of `npm run interop`, one line each; more are added here. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Case } from './case.ts'
import { eventsCase } from './eventsCase.ts'
import { fidCase } from './fidCase.ts'
import { foreignFile, onnxPrompts, ownFile } from './foreignFiles.ts'
import { goldCase } from './goldCase.ts'
import { printedCase } from './printedCase.ts'
import { reportCase } from './reportCase.ts'
import { sigmasCase } from './sigmasCase.ts'
import { toldTimesCase } from './toldTimesCase.ts'
import { vectorsCase } from './vectorsCase.ts'

const CLASSES = ['--class-conditional']
const FREE = 'levels,times,tau,weights,scale,output,clip'
const WITHOUT_HISTORY = ['--sampler', 'exponential', '--free', FREE]
const EVERYTHING = ['--sampler', 'exponential', '--free', `${FREE},history`]
const SHUFFLE = [
  '--network-kind',
  'shuffle',
  '--network-channels',
  '8,16',
  '--network-layers-per-block',
  'none',
  '--network-groups',
  'none',
]
const THEIRS = [
  '--model',
  'theirs.onnx',
  '--scheduler',
  'theirs.json',
  '--estimator',
  'coordinate',
  '--iterations',
  '1',
]
const DIGITS = ['--model', 'digits-16', '--timesteps', '1000', '--iterations', '1', '--tuning-samples', '80']

/** What `bilevel sample digits-16` prints for a sampler of N steps, which the named class must run. */
function bySampler(
  scheduler: string,
  about: string,
  [sampler, steps, ...flags]: readonly [string, number, ...string[]],
): Case {
  const told = flags.map((flag) => flag.replace('--', '')).join(' ')
  return printedCase({
    name: `${sampler} of ${steps}${told && `, ${told}`}`,
    about,
    scheduler,
    args: ['digits-16', '--schedule', 'default', '--sampler', sampler, '--steps', String(steps), ...flags],
    steps,
    imageShape: [1, 16, 16],
  })
}

/** The same for levels with real-valued times, from a file. */
function byTimes(scheduler: string, sampler: string, settings: Readonly<Record<string, unknown>>): Case {
  const schedule = {
    ...{ T: 1000, sampler, levels: [-7.1, -3.2, -1.4, 0.3, 2.6], times: [921.3, 742.8, 577.25, 400.5, 201.125] },
    ...{
      clip: [-1, 1],
      clippedNoise: 'keep',
      eta: 0,
      variance: 'small',
      noisyLastStep: false,
      learnedFor: null,
      ...settings,
    },
  }
  return printedCase({
    name: `${sampler}, real-valued times${Object.keys(settings)
      .map((key) => `, ${key}`)
      .join('')}`,
    about: 'levels and told times from a file',
    scheduler,
    args: ['digits-16', '--schedule', 'times.json'],
    steps: schedule.levels.length,
    imageShape: [1, 16, 16],
    prepare: ({ folder }) => writeFile(join(folder, 'times.json'), JSON.stringify(schedule)),
  })
}

export const CASES: readonly Case[] = [
  toldTimesCase(),
  vectorsCase(),
  sigmasCase(),
  goldCase(),
  fidCase(),
  eventsCase(),
  reportCase({
    name: 'a report',
    about: 'the best default of a run, whatever it is; also in a pipeline',
    flags: [],
    pipeline: true,
  }),
  reportCase({
    name: 'a report, classes',
    about: 'the network takes class labels, N does not divide T',
    flags: ['--sampling-steps', '7', ...CLASSES],
  }),
  reportCase({
    name: 'a report, unclipped',
    about: 'no clipping; also in a pipeline',
    flags: ['--clip', 'none', '--sampling-steps', '4'],
    pipeline: true,
  }),
  reportCase({
    name: 'bilevel_scheduler.py, everything free',
    about:
      'told times, tau, weights, scale, output rule, clip bounds and history; also in DDPMPipeline and DDIMPipeline, and saved',
    flags: [...EVERYTHING, '--sampling-steps', '4'],
    scheduler: 'BilevelScheduler',
    pipeline: true,
  }),
  reportCase({
    name: 'bilevel_scheduler.py, classes',
    about: 'the same with class labels, without history',
    flags: [...WITHOUT_HISTORY, '--sampling-steps', '3', ...CLASSES],
    scheduler: 'BilevelScheduler',
  }),
  reportCase({
    name: "the paper's network",
    about: 'a network without a class in diffusers, from its ONNX file',
    flags: SHUFFLE,
  }),
  reportCase({
    name: 'shipped model',
    about: 'digits-16 with its classes, T = 1000, 10 steps',
    flags: [...DIGITS, '--sampler', 'dpm-solver++', '--sampling-family', 'levels', '--sampling-steps', '10'],
  }),
  ...[
    bySampler('DDIMScheduler', 'plain DDIM', ['ddim', 5]),
    bySampler('DDIMScheduler', 'N does not divide T', ['ddim', 7]),
    bySampler('DDIMScheduler', 'noise at each step, an argument of step', ['ddim', 5, '--eta', '.5']),
    bySampler('DDIMScheduler', 'eta 1 from next to no signal, where a root of what is below 0 is near', [
      'ddim',
      5,
      '--eta',
      '1',
    ]),
    bySampler('DDPMScheduler', 'the posterior of the clipped image, T divisible by N', ['ddpm', 5]),
    bySampler('DDPMScheduler', 'the same with explicit timesteps', ['ddpm', 7]),
    bySampler('DPMSolverMultistepScheduler', 'trailing times', ['dpm-solver++', 5]),
    bySampler('DPMSolverMultistepScheduler', 'explicit timesteps', ['dpm-solver++', 7]),
    bySampler('DPMSolverMultistepScheduler', 'the count that numpy makes 62 of', ['dpm-solver++', 61]),
    bySampler('DPMSolverMultistepScheduler', 'noise at each step', ['sde-dpm-solver++', 5]),
    bySampler('UniPCMultistepScheduler', 'order 2, bh2', ['unipc', 5]),
  ],
  ...[
    byTimes('DDIMScheduler', 'ddim', {}),
    byTimes('DDIMScheduler', 'ddim', { clip: null }),
    byTimes('DDIMScheduler', 'ddim', { eta: 0.5, clippedNoise: 'recompute' }),
    byTimes('DDIMScheduler', 'ddpm', { clippedNoise: 'keep' }),
    byTimes('DDPMScheduler', 'ddpm', { clippedNoise: 'recompute' }),
    byTimes('DPMSolverMultistepScheduler', 'dpm-solver++', {}),
    byTimes('UniPCMultistepScheduler', 'unipc', {}),
  ],
  printedCase({
    name: 'printed, shipped model',
    about: 'bilevel sample digits-16 --print python: a learned schedule from its folder, classes in turn',
    args: ['digits-16', '--schedule', 'dpm-solver++-5'],
    steps: 5,
    imageShape: [1, 16, 16],
  }),
  printedCase({
    name: 'printed, null class, not saved',
    about: 'the learned levels under DDIM, in the code itself; the null class by its index',
    args: ['digits-16', '--schedule', 'dpm-solver++-5', '--sampler', 'ddim', '--class', 'unconditional'],
    steps: 5,
    imageShape: [1, 16, 16],
  }),
  printedCase({
    name: 'printed, everything free',
    about: 'a run by bilevel_scheduler.py',
    args: ['run'],
    steps: 3,
    imageShape: [1, 16, 16],
    prepare: async (at) => {
      at.bilevel(['schedule', '--preset', 'tiny', ...WITHOUT_HISTORY, '--sampling-steps', '3', '--out', 'run'])
    },
  }),
  printedCase({
    name: 'printed, prompts',
    about: 'captioned-digits: each part by its own class, guided DDIM; also in StableDiffusionPipeline',
    quick: true,
    args: ['captioned-digits', '--prompts', 'captioned-digits/prompts.txt', '--guidance-scale', '1.5', '--steps', '5'],
    steps: 5,
    imageShape: [3, 16, 16],
    pipeline: { scale: 1.5 },
  }),
  printedCase({
    name: 'printed, prompts, one of them',
    about: 'the empty prompt of a folder of ONNX files alone, without guidance, by DPM-Solver++',
    quick: true,
    args: [
      'model',
      '--prompts',
      'prompts.txt',
      '--class',
      'unconditional',
      '--sampler',
      'dpm-solver++',
      '--steps',
      '6',
      '--trust-convention',
    ],
    steps: 6,
    imageShape: [3, 8, 8],
    prepare: onnxPrompts,
  }),
  printedCase({
    name: 'printed, latents',
    about: "prompts, guidance and an autoencoder's decoder, of ONNX files",
    quick: true,
    args: ['latents', '--prompts', 'prompts.txt', '--guidance-scale', '2.5', '--steps', '7', '--trust-convention'],
    steps: 7,
    imageShape: [4, 4, 4],
    prepare: onnxPrompts,
  }),
  reportCase({
    name: 'ONNX file',
    about: 'a file with classes, by values alone',
    flags: [...THEIRS, '--sampling-steps', '4'],
    prepare: ownFile,
  }),
  reportCase({
    name: 'ONNX file, names of its own',
    about: 'other names, a fixed batch, the time as a fraction, shape [b,1]',
    flags: [...THEIRS, '--time-scale', '.05', '--chunk', '24', '--sampler', 'dpm-solver++', '--sampling-steps', '3'],
    prepare: foreignFile,
  }),
]
