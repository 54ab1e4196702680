/** A result as a run of the `quick` preset gives it, and the same with other outcomes: for the tests of the report. */
import { randomStream } from '../../../base/index.ts'
import { samplingSchedule } from '../../../diffusion/index.ts'
import type { MeanAndStandardError } from '../../../metrics/index.ts'
import type { SampleGrid, ScheduleResult, ScheduleRow, TuningRecord } from '../../../tuners/index.ts'
import type { ReportContext } from '../../reporting/context.ts'

export const CONTEXT: ReportContext = {
  run: 'runs/quick-3',
  preset: 'quick',
  config: {
    preset: 'quick',
    seed: 3,
    data: { name: 'digits', size: 16 },
    network: { channels: [16, 32, 64], normGroups: 8, attention: false },
    learn: { mode: 'sampling', iterations: 10, tuningSamples: 192, upperRate: 0.5, note: 'a < b & "c"' },
    clip: [-1, 1],
    device: 'cpu',
    resume: null,
  },
  peakMemoryMiB: 1843.4,
  versions: { 'bilevel-diffusion': '0.1.0', node: '20.19.5', 'onnxruntime-node': '1.30.0', platform: 'linux x64' },
}

const estimate = (mean: number, standardError: number | null, count = 3): MeanAndStandardError => ({
  mean,
  standardError,
  count,
})

const LABELS = {
  default: 'default DDIM, 10 steps',
  best: 'best default, 10 steps',
  start: 'start, not tuned, 10 steps',
  learned: 'learned, 10 steps',
  many: 'default DDIM, 50 steps',
}

const TIMES = [999, 899, 799, 699, 599, 499, 399, 299, 199, 99]
const LEARNED = [-7.9312, -3.8841, -2.4417, -1.3726, -0.4231, 0.5307, 1.5984, 2.9102, 4.8225, 7.8841]
const DEFAULT = [-19.9337, -3.7245, -2.2813, -1.2236, -0.2997, 0.5904, 1.5344, 2.6418, 4.1107, 6.6103]
const BEST_TIMES = [978, 880, 783, 685, 587, 489, 391, 294, 196, 98]
const BEST = [-7.0212, -3.4107, -2.0836, -1.0944, -0.1904, 0.6797, 1.6185, 2.7043, 4.1631, 6.6307]

const START = [-31.8939, -5.7411, -3.2814, -1.8236, -0.9471, 0.0904, 0.9344, 2.1418, 3.5107, 6.1103]

const sampling = samplingSchedule({ timesteps: 1000, logSnr: LEARNED, times: TIMES })

const rows: Record<keyof typeof LABELS, FidRow> = {
  default: row('default', 'ddim', 'trailing', 19.512, 0.214, 22.431, 0.709),
  best: row('best', 'dpm-solver++', 'trailing-clipped', 12.934, 0.127, 13.402, 0.7637),
  start: row('start', 'dpm-solver++', 'karras', 9.1021, 0.1105, 9.2013, 0.7902),
  learned: row('learned', 'dpm-solver++', 'learned', 7.6218, 0.0931, 7.4174, 0.8113),
  many: { ...row('many', 'ddim', 'trailing', 11.614, 0.149, 12.006, 0.7723), steps: 50 },
}

/** With data there is a distance to them. */
type FidRow = ScheduleRow & { readonly fid: MeanAndStandardError }

function row(
  name: keyof typeof LABELS,
  sampler: ScheduleRow['sampler'],
  stepList: string,
  fid: number,
  error: number,
  judge: number,
  recognised: number,
): FidRow {
  return {
    label: LABELS[name],
    sampler,
    steps: 10,
    stepList,
    fid: estimate(fid, error),
    judgeFid: estimate(judge, error * 1.3),
    recognised,
    inceptionScore: 6 + 3 * recognised,
    kid: 0.03 - 0.03 * recognised,
    precision: 0.2 + 0.7 * recognised,
    recall: 0.9 - 0.4 * recognised,
    diversity: 2.9 + 0.1 * recognised,
  }
}

/** Rings of strokes under noise: something to see, the same for a seed. */
function grid(label: string, noise: number, channels = 1): SampleGrid {
  const size = 16
  const shape = [channels, size, size]
  const images = new Float32Array(20 * channels * size * size)
  for (let item = 0; item < 20; item++) {
    const stream = randomStream({ seed: 3, purpose: 'fixture', item })
    const [x0, y0, radius] = Array.from(stream.normal(new Float64Array(3)), (value, i) =>
      i < 2 ? 7.5 + value : 4 + value / 2,
    )
    const z = stream.normal(new Float64Array(channels * size * size))
    for (let i = 0; i < z.length; i++) {
      const pixel = i % (size * size)
      const distance = Math.hypot((pixel % size) - x0, Math.floor(pixel / size) - y0)
      const value = 2 * Math.exp(-((distance - radius) ** 2) / 1.5) - 1 + noise * z[i]
      images[item * z.length + i] = Math.min(1, Math.max(-1, value))
    }
  }
  return { label, count: 20, shape, images }
}

const history: TuningRecord[] = Array.from({ length: 10 }, (_, before) => {
  const part = 1 - Math.exp(-before / 3)
  return {
    iteration: before + 1,
    value: 18.41 - 9.3 * part + 0.2 * Math.sin(5 * before),
    standardError: 1.31 - 0.4 * part,
    parameters: { start: 0.004 * part, end: 1 - 0.006 * part, tau: 1 + 0.43 * part, epsilon: 0.008 * (1 - part) },
    gradient: { start: 1.1 - part, end: -0.4, tau: -9.7 * (1 - part), epsilon: 31.5 * (1 - part) },
    loss: null,
    offsetConverged: null,
  }
})

const samplers = ['ddim', 'ddpm', 'dpm-solver++'] as const
const lists = [
  'trailing',
  'linspace',
  'leading',
  'quadratic',
  'log-snr',
  'trailing-clipped',
  'linspace-clipped',
  'log-snr-clipped',
]

/** Learned wins against all. */
export const WON: ScheduleResult = {
  seed: 3,
  learn: 'sampling',
  sampler: 'dpm-solver++',
  samplingSteps: 10,
  objective: 'fid',
  objectiveWords: null,
  comparedBy: 'fid',
  featureNetwork: 'lenet-digits16-features-1a2b3c4d',
  judgeNetwork: 'resnet-digits16-judge-9f8e7d6c',
  protocol: {
    data: 'digits (embedded, 10,000 images of MNIST at 16x16): 3 train, 1 tuning, 1 held-out of every 5, by content',
    heldOutImages: 2000,
    samplesPerSeed: 1000,
    samplingSeeds: [11, 12, 13],
    trainingSteps: { learned: 1000, default: 1300 },
    batch: 64,
    tuning: { iterations: 10, samples: 192, estimator: 'backpropagation' },
    bestDefaultChosenOn: '256 generated images against the tuning split',
    clip: [-1, 1],
    clippedNoise: 'keep',
    budget: 'per image: forward 1, derivative in the input 1, derivative in the weights 1, recomputed forward counts',
  },
  default: rows.default,
  bestDefault: rows.best,
  start: rows.start,
  manySteps: rows.many,
  learned: rows.learned,
  ceiling: null,
  gain: {
    overDefault: estimate(11.8902, 0.1633),
    overBestDefault: estimate(5.3122, 0.1204),
    overStart: estimate(1.4803, 0.0713),
    overManySteps: estimate(3.9922, 0.1411),
    judgeOverDefault: estimate(15.0136, 0.2071),
  },
  real: { fid: 0.4123, recognised: 0.9415 },
  candidates: samplers
    .flatMap((sampler, s) =>
      lists.map((stepList, l) => ({
        sampler,
        stepList,
        value: [21.3, 34.6, 14.9][s] + [0, 1.9, 6.1, 9.7, 4.4, -0.8, 0.9, 3.3][l],
        // DDPM was out after the first round.
        samples: s === 1 ? 64 : 256,
      })),
    )
    .toSorted((a, b) => b.samples - a.samples || a.value - b.value),
  schedule: {
    family: 'cosine',
    parameters: { start: 0.00391, end: 0.99412, tau: 1.43127, epsilon: 0.000398 },
    sampling,
  },
  settings: {
    sampler: 'dpm-solver++',
    clip: [-1, 1],
    clippedNoise: 'keep',
    eta: 0,
    variance: 'small',
    noisyLastStep: false,
  },
  history,
  curves: [
    { label: LABELS.default, logSnr: DEFAULT, times: TIMES },
    { label: LABELS.best, logSnr: BEST, times: BEST_TIMES },
    { label: LABELS.start, logSnr: START, times: TIMES },
    { label: LABELS.learned, logSnr: LEARNED, times: TIMES },
  ],
  bySteps: [
    {
      label: 'default DDIM',
      points: [
        { steps: 5, value: estimate(38.113, null, 1) },
        { steps: 10, value: rows.default.fid },
        { steps: 20, value: estimate(14.272, null, 1) },
        { steps: 50, value: rows.many.fid },
      ],
    },
    {
      label: 'learned',
      points: [
        { steps: 5, value: estimate(15.481, null, 1) },
        { steps: 10, value: rows.learned.fid },
        { steps: 20, value: estimate(7.114, null, 1) },
      ],
    },
  ],
  starts: [
    { name: 'log-SNR -6 to 5, bend 1', value: 17.2, samples: 192 },
    { name: 'karras', value: 18.41, samples: 192 },
    { name: 'trailing', value: 33.7, samples: 48 },
  ],
  tuned: [
    { name: 'log-SNR -6 to 5, bend 1', values: [16.1, 14.2, 13.9], won: false },
    { name: 'karras', values: history.map(({ value }) => value), won: true },
  ],
  decision: { kept: 'learned', difference: estimate(4.817, 0.2313, 4), images: 1024 },
  stillMoving: false,
  grids: [
    grid(LABELS.default, 0.35),
    grid(LABELS.best, 0.2),
    grid(LABELS.start, 0.1),
    grid(LABELS.learned, 0.05),
    grid(LABELS.many, 0.15),
  ],
  networkEvaluations: { default: 249_600, learned: 249_600 },
  seconds: { training: 171.2, tuning: 61.7, evaluation: 94.4, total: 327.3 },
}

/** Learned beats the default, but not the best default. */
export const LOST: ScheduleResult = {
  ...WON,
  learned: { ...WON.learned, fid: estimate(13.4087, 0.1502) },
  gain: {
    ...WON.gain,
    overDefault: estimate(6.1033, 0.1718),
    overBestDefault: estimate(-0.4747, 0.0913),
    overStart: estimate(-4.3066, 0.0713),
    overManySteps: estimate(-1.7947, 0.1411),
  },
}

/** Differences within two standard errors of the best default. */
export const OPEN: ScheduleResult = {
  ...WON,
  learned: { ...WON.learned, fid: estimate(12.8087, 0.1502) },
  gain: {
    ...WON.gain,
    overDefault: estimate(6.7033, 0.1718),
    overBestDefault: estimate(0.1253, 0.0913),
    overStart: estimate(-0.1066, 0.0713),
    overManySteps: estimate(-1.1947, 0.1411),
  },
}

/** A run of everything that can be absent: no judge, one sampling seed, pretrained colour model, free levels and times, `both`'s record. */
export const BARE: ScheduleResult = {
  ...WON,
  learn: 'both',
  judgeNetwork: null,
  protocol: { ...WON.protocol, samplingSeeds: [11], trainingSteps: { learned: 0, default: 0 }, clip: null },
  ...bareRows(),
  gain: {
    overDefault: estimate(11.8902, null, 1),
    overBestDefault: estimate(5.3122, null, 1),
    overStart: estimate(1.4803, null, 1),
    overManySteps: estimate(3.9922, null, 1),
    judgeOverDefault: null,
  },
  real: { fid: 0.4123, recognised: null },
  candidates: [],
  schedule: {
    family: 'levels+times',
    parameters: { 'logSnr 1': -7.9312, 'log gap 2': 1.3981, 'time 1': 981.237 },
    sampling: samplingSchedule({ timesteps: 1000, logSnr: LEARNED, times: TIMES.map((time) => time - 17.763) }),
  },
  starts: [],
  tuned: [],
  decision: null,
  history: history.map((record) => ({
    ...record,
    value: record.iteration === 1 ? null : record.value,
    standardError: record.iteration === 1 ? null : record.standardError,
    parameters: { 'training.tau': 1.2, 'training.start': 0, 'sampling.logSnr 1': -6.9 - record.iteration },
    gradient: { 'training.tau': 0.3, 'training.start': 1e-9, 'sampling.logSnr 1': -0.00012 },
    loss: 0.0431,
    offsetConverged: 0.874,
  })),
  bySteps: [
    {
      label: 'default DDIM',
      points: [
        { steps: 5, value: estimate(188.2, null, 1) },
        { steps: 10, value: estimate(19.512, null, 1) },
      ],
    },
  ],
  grids: [grid(LABELS.default, 0.3, 3)],
}

function bareRows() {
  const bare = (full: FidRow): FidRow => ({
    ...full,
    fid: estimate(full.fid.mean, null, 1),
    judgeFid: null,
    recognised: null,
    inceptionScore: null,
    kid: null,
    precision: null,
    recall: null,
    diversity: null,
  })
  return {
    default: bare(rows.default),
    bestDefault: bare(rows.best),
    start: bare(rows.start),
    manySteps: bare(rows.many),
    learned: bare(rows.learned),
  }
}
