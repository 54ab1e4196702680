/** Settings that several jobs share: how a model is opened and sampled, what its images are measured in, where it runs. */
import { z } from 'zod'
import { MOST } from '../../base/index.ts'
import { STEP_LISTS } from '../../diffusion/index.ts'

const said = (group: string, description: string) => ({ group, description })
const count = (most: number) => z.int().min(1).max(most)
export const seed = () => z.int().min(0).max(Number.MAX_SAFE_INTEGER)
const pair = () => z.tuple([z.number(), z.number()])

/** A pixel range; the other way round it would turn images into their negatives. */
export const pixelRange = () =>
  pair()
    .refine(([low, high]) => low < high, {
      error: ({ input }) => `must be two numbers low,high with low < high, got ${String(input)}`,
    })
    .nullable()
export const dataSetting = z
  .string()
  .min(1)
  .meta(
    said(
      'Data and model',
      "'digits' (embedded), or a path: IDX file, folder of MNIST's files, folder of PNG or JPEG images",
    ),
  )

/** What a model that is given needs beside its path. */
export const modelShape = {
  scheduler: z
    .string()
    .min(1, "must not be empty; 'none', or leave it out, for none")
    .nullable()
    .meta(
      said(
        'Data and model',
        'training schedule of a model that comes without one (an ONNX file, a network saved alone), or in place of its own: a diffusers scheduler_config.json, or {"betas": [...]}',
      ),
    ),
  weightsPrefix: z
    .string()
    .min(1)
    .nullable()
    .meta(
      said(
        'Data and model',
        "what stands before the names of a model folder's tensors and is taken off: 'module.' (DistributedDataParallel), '_orig_mod.' (torch.compile), 'unet.' (Lightning)",
      ),
    ),
  timeScale: z
    .number()
    .positive()
    .meta(said('Data and model', 'an ONNX model is told this times the timestep (1/T for one that takes a fraction)')),
}

/** What images are measured in. */
export const measuringShape = {
  features: z
    .string()
    .min(1)
    .meta(
      said(
        'Data and model',
        "what distances are measured in: 'digits', 'pixels', an ONNX file, or 'auto' (digits where the data are digits, else pixels)",
      ),
    ),
  featuresOutput: z
    .string()
    .min(1, "must not be empty; 'none', or leave it out, for none")
    .nullable()
    .meta(said('Data and model', 'output of an ONNX feature network, where it has several')),
  featuresRange: pixelRange().meta(
    said(
      'Data and model',
      'pixel range of ONNX feature networks; none: the one their classifier is right with most often',
    ),
  ),
  judge: z
    .string()
    .min(1)
    .meta(
      said('Data and model', "the network that judges: 'digits', an ONNX classifier with logits, 'none', or 'auto'"),
    ),
}

export const runningShape = {
  chunk: count(MOST.batch).meta(said('Running', 'images a program run while sampling')),
  device: z
    .enum(['auto', 'cpu', 'webgpu', 'cuda'])
    .transform((device) => (device === 'auto' ? 'cpu' : device))
    .meta(said('Running', 'where programs run; auto: cpu, the one device that is always there')),
}

export const seedSetting = seed().meta(said('Running', 'seed of everything random'))

export const rewardTimeoutSetting = z
  .number()
  .positive()
  .nullable()
  .meta(said('Running', 'seconds that a reward in JavaScript may take for loading and for each call; none: no limit'))

/** How a model is opened and sampled. */
export const samplingShape = {
  schedule: z
    .string()
    .min(1)
    .nullable()
    .meta(
      said(
        'Sampling',
        "'default', a learned schedule of the model by name (dpm-solver++-10), a family with parameters (cosine:tau=1.4), or a sampling_schedule.json; none: the learned one that fits, else the default",
      ),
    ),
  sampler: z
    .enum(['ddim', 'ddpm', 'dpm-solver++'])
    .nullable()
    .meta(said('Sampling', "sampler; none: the schedule's, by default ddim")),
  steps: z
    .int()
    .min(1)
    .max(MOST.timesteps)
    .nullable()
    .meta(said('Sampling', "sampling steps; none: the schedule's, by default 50")),
  stepList: z
    .enum(STEP_LISTS)
    .nullable()
    .meta(
      said(
        'Sampling',
        "times of the default schedule, or Karras' levels told as their times; none: those of the model's scheduler",
      ),
    ),
  side: z
    .enum(['learned', 'default'])
    .nullable()
    .meta(
      said(
        'Sampling',
        "of a run that trained its network: the learned side's, or the default side's, which trained on by what tuning cost; none: the default side's for the default schedule, else the learned side's",
      ),
    ),
  eta: z
    .number()
    .min(0)
    .max(1)
    .nullable()
    .meta(said('Sampling', "ddim: 0 deterministic to 1 ancestral; none: the schedule's")),
  class: z
    .union([z.int().min(0).max(MOST.classes), z.literal('unconditional')])
    .nullable()
    .meta(said('Sampling', "class of all images, or 'unconditional'; none: the classes in turn")),
  ...modelShape,
  size: z
    .int()
    .min(1)
    .max(MOST.side)
    .nullable()
    .meta(said('Data and model', 'side of the images of an ONNX model that leaves it open')),
  ...runningShape,
}

/** How a model is opened and sampled, resolved. */
export type SamplingConfig = Omit<z.output<typeof samplingSchema>, 'side'>
const samplingSchema = z.strictObject(samplingShape)

export const SAMPLING_DEFAULTS = {
  schedule: null,
  sampler: null,
  steps: null,
  stepList: null,
  side: null,
  eta: null,
  class: null,
  scheduler: null,
  weightsPrefix: null,
  timeScale: 1,
  size: null,
  chunk: 64,
  device: 'auto',
}

export const MODEL_DEFAULTS = { scheduler: null, weightsPrefix: null, timeScale: 1 } as const
export const MEASURING_DEFAULTS = {
  features: 'auto',
  featuresOutput: null,
  featuresRange: null,
  judge: 'auto',
} as const
