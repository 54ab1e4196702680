/** The cases of `npm run interop`, one line each; more are added here. */
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
const LEVELS_AND_TIMES = ['--sampling-family', 'levels+times']
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

/** Many steps take long only where much is measured. */
const QUICKLY = ['--iterations', '1', '--sampling-seeds', '11', '--estimator', 'one-point']

export const CASES: readonly Case[] = [
  toldTimesCase(),
  vectorsCase(),
  sigmasCase(),
  goldCase(),
  fidCase(),
  eventsCase(),
  reportCase({ name: 'ddim', about: 'plain DDIM; also in a pipeline', flags: [], pipeline: true }),
  reportCase({ name: 'ddim, classes', about: 'the network takes class labels', flags: CLASSES }),
  reportCase({
    name: 'ddim, 7 of 20 steps',
    about: 'N does not divide T',
    flags: ['--sampling-steps', '7', ...CLASSES],
  }),
  reportCase({
    name: 'ddim, eta .5',
    about: 'noise at each step, an argument of step',
    flags: ['--eta', '.5', '--sampling-steps', '5'],
  }),
  reportCase({
    name: 'ddim, eta 1',
    about: 'eta 1 with the predicted noise kept',
    flags: ['--eta', '1', '--sampling-steps', '5'],
  }),
  reportCase({
    name: 'ddim, eta .3, recompute',
    about: 'the noise of the clipped image',
    flags: ['--eta', '.3', '--clipped-noise', 'recompute', '--sampling-steps', '4'],
  }),
  reportCase({
    name: 'ddim, unclipped',
    about: 'no clipping',
    flags: ['--clip', 'none', '--sampling-steps', '4'],
    pipeline: true,
  }),
  reportCase({
    name: 'ddim, free times',
    about: 'real-valued told times',
    flags: [...LEVELS_AND_TIMES, '--sampling-steps', '6'],
  }),
  reportCase({
    name: 'ddpm, keep',
    about: 'the posterior with the predicted noise kept: DDIM of eta 1',
    flags: ['--sampler', 'ddpm', '--clipped-noise', 'keep', '--sampling-steps', '5'],
  }),
  reportCase({
    name: 'ddpm, recompute',
    about: 'the posterior of the clipped image, T divisible by N',
    flags: ['--sampler', 'ddpm', '--clipped-noise', 'recompute', '--sampling-steps', '5'],
  }),
  reportCase({
    name: 'ddpm, recompute, 7 steps',
    about: 'the same with explicit timesteps',
    flags: ['--sampler', 'ddpm', '--clipped-noise', 'recompute', '--sampling-steps', '7'],
  }),
  reportCase({
    name: 'dpm-solver++',
    about: 'trailing times; also in a pipeline',
    flags: ['--sampler', 'dpm-solver++', '--sampling-steps', '5'],
    pipeline: true,
  }),
  reportCase({
    name: 'dpm-solver++, 7 steps',
    about: 'explicit timesteps',
    flags: ['--sampler', 'dpm-solver++', '--sampling-steps', '7'],
  }),
  reportCase({
    name: 'dpm-solver++, free times',
    about: 'real-valued told times, classes',
    flags: ['--sampler', 'dpm-solver++', ...LEVELS_AND_TIMES, '--sampling-steps', '6', ...CLASSES],
  }),
  reportCase({
    name: 'unipc',
    about: 'order 2, bh2; DDPMPipeline passes its step a generator, which it does not take',
    flags: ['--sampler', 'unipc', '--sampling-steps', '5'],
  }),
  reportCase({
    name: 'unipc, free times',
    about: 'real-valued told times, a number of steps that does not divide T',
    flags: ['--sampler', 'unipc', ...LEVELS_AND_TIMES, '--sampling-steps', '7'],
  }),
  reportCase({
    name: 'sde-dpm-solver++',
    about: 'noise at each step',
    flags: ['--sampler', 'sde-dpm-solver++', '--sampling-steps', '5'],
  }),
  reportCase({
    name: 'bilevel_scheduler.py, everything free',
    about:
      'told times, tau, weights, scale, output rule, clip bounds and history; also in DDPMPipeline and DDIMPipeline, and saved',
    flags: [...EVERYTHING, '--sampling-steps', '4'],
    pipeline: true,
  }),
  reportCase({
    name: 'bilevel_scheduler.py, classes',
    about: 'the same with class labels, without history',
    flags: [...WITHOUT_HISTORY, '--sampling-steps', '3', ...CLASSES],
  }),
  reportCase({
    name: 'bilevel_scheduler.py, ddim',
    about: 'clipped noise recomputed, real-valued times and eta: no plain form; the loop, and a pipeline',
    flags: [...LEVELS_AND_TIMES, '--eta', '.5', '--clipped-noise', 'recompute', '--sampling-steps', '5'],
    pipeline: true,
  }),
  reportCase({
    name: "the paper's network",
    about: 'a network without a class in diffusers, from its ONNX file',
    flags: SHUFFLE,
  }),
  reportCase({
    name: "the paper's network, dpm-solver++",
    about: 'the same by another sampler',
    flags: [...SHUFFLE, '--sampler', 'dpm-solver++', '--sampling-steps', '7'],
  }),
  reportCase({
    name: 'shipped model',
    about: 'digits-16 with its classes, T = 1000, 10 steps',
    flags: [...DIGITS, '--sampler', 'dpm-solver++', '--sampling-family', 'levels', '--sampling-steps', '10'],
  }),
  reportCase({
    name: 'dpm-solver++, 61 of 1000',
    about: 'the count that numpy makes 62 of',
    flags: ['--timesteps', '1000', '--sampler', 'dpm-solver++', '--sampling-steps', '61', ...QUICKLY],
  }),
  reportCase({
    name: 'shipped model, ddim of 7',
    about: 'N does not divide T = 1000',
    flags: [...DIGITS, '--sampling-steps', '7'],
  }),
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
