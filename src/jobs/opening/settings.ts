/** Settings that several jobs share: how a model is opened and sampled, what its images are measured in, where it runs. */

import { z } from 'zod'
import { MOST, RESAMPLINGS } from '../../base/index.ts'
import { OWN_SAMPLER } from '../../diffusion/files/index.ts'
import { DEFAULT_SAMPLER, GRADIENT_CHECKPOINTING, SAMPLER_NAMES, STEP_LIST_NAMES } from '../../diffusion/index.ts'
import { MODULE_TIMEOUT } from '../../rewards/index.ts'
import { drawingShape, guidanceScaleSetting, setting } from '../../tuners/index.ts'
import { describingShape } from './modelSettings.ts'
import { pixelRange } from './pixelRange.ts'

/** What a model that is given needs beside its path. */
export const modelShape = {
  scheduler: setting(z.string().min(1, "must not be empty; 'none', or leave it out, for none").nullable(), {
    group: 'Data and model',
    description:
      'training schedule of a model that comes without one (an ONNX file, a network saved alone), or in place of its own: a diffusers scheduler_config.json, or {"betas": [...]}',
    default: null,
  }),
  weightsPrefix: setting(z.string().min(1).nullable(), {
    group: 'Data and model',
    description:
      "what stands before the names of a model folder's tensors and is taken off: 'module.' (DistributedDataParallel), '_orig_mod.' (torch.compile), 'unet.' (Lightning)",
    default: null,
  }),
  timeScale: setting(z.number().positive().nullable(), {
    group: 'Data and model',
    description:
      'an ONNX model is told this times the timestep (1/T for one that takes a fraction); none: what its JSON file says, else 1',
    default: null,
  }),
  ...describingShape,
}

const words = () => z.string().min(1, "must not be empty; 'none', or leave it out, for none").nullable()

/** Who looks at images through an ONNX file. */
type Role = 'features' | 'judge' | 'reward'

const OF_ROLE = {
  features: {
    networks: 'ONNX feature networks',
    take: 'take',
    output: 'output of ONNX feature networks, where there are several',
    range: 'pixel range of ONNX feature networks; none: the one their classifier is right with most often',
  },
  judge: {
    networks: 'an ONNX judge',
    take: 'takes',
    output: 'output of an ONNX judge that holds logits or probabilities; none: the one that is called so, or is alone',
    range: 'pixel range of an ONNX judge; none: features-range, else the one it is right with most often',
  },
  reward: {
    networks: 'ONNX rewards',
    take: 'take',
    range: 'pixel range that rewards of ONNX and JS files take; none: not stated',
  },
} as const

const namedFor = <R extends Role, S extends object>(role: R, own: S) =>
  Object.fromEntries(Object.entries(own).map(([name, value]) => [`${role}${name}`, value])) as {
    [K in keyof S as K extends string ? `${R}${K}` : never]: S[K]
  }

/** Which pixels somebody's network takes. */
function pixelsShape<R extends Role>(role: R) {
  const { networks, take, range } = OF_ROLE[role]
  return namedFor(role, {
    Range: setting(pixelRange(), { group: 'Data and model', description: range, default: null }),
    MeanStd: setting(words(), {
      group: 'Data and model',
      description: `mean and standard deviation by channel that ${networks} ${take} pixels with, in [0,1] if no range is given: imagenet, clip, numbers (.5,.5,.5/.2,.2,.2), or the JSON file beside it (preprocessor_config.json)`,
      default: null,
    }),
    Resize: setting(z.enum(RESAMPLINGS).nullable(), {
      group: 'Data and model',
      description: `how images are brought to the size of ${networks}, where it is another; none: as the file of its mean and standard deviation says`,
      default: null,
    }),
  })
}

/** How somebody's network is read: which output, and which pixels it takes. */
function networkShape<R extends 'features' | 'judge'>(role: R) {
  const output = setting(words(), { group: 'Data and model', description: OF_ROLE[role].output, default: null })
  return { ...namedFor(role, { Output: output }), ...pixelsShape(role) }
}

/** A judge that is wrong about every second real image judges nothing. */
export const LEAST_JUDGE_ACCURACY = 0.5

/** What distances are measured in. */
export const featuresShape = {
  features: setting(z.string().min(1), {
    group: 'Data and model',
    description:
      "what distances are measured in: 'digits', 'pixels' (at most 64 averages of blocks; pixels:N: at most N, for few images), an ONNX file, or 'auto' (digits where the data are digits, else pixels)",
    default: 'auto',
  }),
  ...networkShape('features'),
}

/** How a judge is read that somebody brings, and what it must know. */
export const judgeReadingShape = {
  ...networkShape('judge'),
  judgeAccuracy: setting(z.number().min(0).max(1), {
    group: 'Data and model',
    description: 'share of labelled real images that a judge must at least name rightly',
    default: LEAST_JUDGE_ACCURACY,
  }),
}

/** What images are measured in. */
export const measuringShape = {
  ...featuresShape,
  judge: setting(z.string().min(1), {
    group: 'Data and model',
    description: "the network that judges: 'digits', an ONNX classifier, 'none', or 'auto'",
    default: 'auto',
  }),
  ...judgeReadingShape,
}

export const MEASURING_KEYS = Object.keys(measuringShape) as (keyof typeof measuringShape)[]

export const runningShape = {
  chunk: drawingShape.chunk,
  device: setting(
    z.enum(['auto', 'cpu', 'webgpu', 'cuda']).transform((device) => (device === 'auto' ? 'cpu' : device)),
    {
      group: 'Running',
      description: 'where programs run; auto: cpu, the one device that is always there',
      default: 'auto',
    },
  ),
}

export const seedSetting = drawingShape.seed

/** What a reward may be, in the help of all commands that take one. */
export const REWARD_WORDS =
  "terms joined by '+', each [number*]NAME[:argument][@features|@judge], or FILE.onnx[:output], or FILE.js, or clip-score[:FOLDER], or clip-head:FILE"

export const clipSetting = setting(z.string().min(1).nullable(), {
  group: 'What is tuned',
  description:
    'folder of the CLIP model that the rewards clip-score (by --prompts) and clip-head:FILE look through: vision_model.onnx, text_model.onnx, tokenizer.json, preprocessor_config.json; none: none',
  default: null,
})

/** How rewards of files are read. */
export const rewardReadingShape = {
  ...pixelsShape('reward'),
  onBadReward: setting(z.enum(['stop', 'drop']), {
    group: 'Data and model',
    description:
      'what an image is that a reward of an ONNX or JS file gives NaN, an infinity or null: the end, or left out (entropy: drawn again), at most a tenth of them',
    default: 'stop',
  }),
}

/** Of jobs that take derivatives of a model that is a file. */
export const checkpointingSetting = setting(z.enum(GRADIENT_CHECKPOINTING), {
  group: 'Running',
  description:
    "whether the derivative of a model that is an ONNX file, and of its decoder, keeps only some activations and computes the others again, for less memory and the same numbers; auto: where all are expected not to fit into this machine's memory",
  default: 'auto',
})

export const rewardTimeoutSetting = setting(z.number().positive().nullable(), {
  group: 'Running',
  description: 'seconds that a reward in JavaScript may take for loading and for each call; none: no limit',
  default: MODULE_TIMEOUT,
})

/** A class by its number or its name. */
export const classType = () => z.union([z.int().min(0).max(MOST.classes), z.string().regex(/\D/)]).nullable()

/** How a model is opened and sampled. */
export const samplingShape = {
  schedule: setting(z.string().min(1).nullable(), {
    group: 'Sampling',
    description:
      "'default', a learned schedule of the model by name (dpm-solver++-10), a family with parameters (cosine:tau=1.4), or a file: a sampling_schedule.json, a list of sigmas or times, a scheduler file; none: the learned one that fits, else the default",
    default: null,
  }),
  sampler: setting(z.enum([...SAMPLER_NAMES, OWN_SAMPLER]).nullable(), {
    group: 'Sampling',
    description: `sampler; ${OWN_SAMPLER}: levels, times and steps of the scheduler file's own class, as that takes them; none: the schedule's, by default ${DEFAULT_SAMPLER}`,
    default: null,
  }),
  steps: setting(z.int().min(1).max(MOST.timesteps).nullable(), {
    group: 'Sampling',
    description: "sampling steps; none: the schedule's, by default 50",
    default: null,
  }),
  stepList: setting(z.enum(STEP_LIST_NAMES).nullable(), {
    group: 'Sampling',
    description:
      "times of the default schedule, or levels spaced in sigma (karras, exponential) told as their times; none: those of the model's scheduler",
    default: null,
  }),
  side: setting(z.enum(['learned', 'default']).nullable(), {
    group: 'Sampling',
    description:
      "of a run that trained its network: the learned side's, or the default side's, which trained on by what tuning cost; none: the default side's for the default schedule, else the learned side's",
    default: null,
  }),
  eta: setting(z.number().min(0).max(1).nullable(), {
    group: 'Sampling',
    description: "ddim: 0 deterministic to 1 ancestral; none: the schedule's",
    default: null,
  }),
  class: setting(classType(), {
    group: 'Sampling',
    description:
      "class of all images, by number or by its name in the data, as the model or --data has it, or 'unconditional'; none: the classes in turn",
    default: null,
  }),
  guidanceScale: guidanceScaleSetting('Sampling'),
  ...modelShape,
  size: setting(z.int().min(1).max(MOST.side).nullable(), {
    group: 'Data and model',
    description: 'side of the images of an ONNX model that leaves it open',
    default: null,
  }),
  ...runningShape,
}

/** How a model is opened and sampled, resolved. */
export type SamplingConfig = Omit<z.output<typeof samplingSchema>, 'side'>
const samplingSchema = z.strictObject(samplingShape)
