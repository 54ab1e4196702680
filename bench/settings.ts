/** What is measured and at which sizes: the flags of `npm run bench`, checked. */
import { parseArgs } from 'node:util'
import { inputError, nearestOf } from '../src/base/index.ts'

/** The parts of the benchmark. The last seven take long, or need a file, and run only where they are asked for. */
export const SECTIONS = [
  'sample',
  'trainStep',
  'tuneIteration',
  'smallSample',
  'smallTrainStep',
  'guided',
  'curve',
  'frechet',
  'compile',
  'upperIteration',
  'realForward',
  'realDerivative',
  'realTrainStep',
  'exportForward',
  'exportDerivative',
  'job',
] as const
export type Section = (typeof SECTIONS)[number]

/** `wall`: seconds by the clock, median. `cpu`: seconds of processor time, all threads, minimum: what a shared machine can still tell. */
export type Clock = 'wall' | 'cpu'

export interface BenchSettings {
  readonly only: readonly Section[]
  /** Channels of the first level of the paper's UNet; even. */
  readonly base: number
  /** Height and width of its images. */
  readonly size: number
  /** Its images per training step, per call while sampling, and per compiled program. */
  readonly batch: number
  /** DDIM steps of `sample` and `smallSample`, and of nothing else. */
  readonly samplingSteps: number
  readonly runs: number
  /** The ONNX file of the parts that measure one. */
  readonly file: string | null
  readonly clock: Clock
  readonly json: boolean
  /** Sizes at which everything runs in seconds and no number means anything. */
  readonly tiny: boolean
}

/** The sizes that have no flag: those of the `quick` preset's network, and of what is measured on the host. */
export interface FixedSizes {
  /** Channels of the paper's UNet beyond the first level, in units of the base. */
  readonly paperMultiples: readonly [number, ...number[]]
  readonly smallChannels: readonly number[]
  readonly smallGroups: number
  readonly smallSize: number
  readonly smallSampleImages: number
  readonly smallTrainBatch: number
  readonly tuneImages: number
  readonly tuneSteps: number
  readonly tuneChunk: number
  readonly guidedSteps: number
  /** Images of a tuning iteration of the paper's UNet; steps and program batch are those of the other. */
  readonly upperImages: number
  /** Of the network of a real size: channels by level, height and width of its images, and how many. */
  readonly realChannels: readonly number[]
  readonly realSize: number
  readonly realBatch: number
  /** Images of a call of the ONNX file. */
  readonly exportBatch: number
  readonly jobTrainSteps: number
  readonly jobIterations: number
  readonly jobImages: number
  readonly curvePaths: number
  readonly curveScales: number
  /** Rows and dimensions of the two Fréchet distances: fewer and more dimensions than rows. */
  readonly frechet: { readonly d64: readonly [number, number]; readonly d2048: readonly [number, number] }
}

export const FIXED_SIZES: FixedSizes = {
  paperMultiples: [2, 4],
  smallChannels: [16, 32, 64],
  smallGroups: 8,
  smallSize: 16,
  smallSampleImages: 100,
  smallTrainBatch: 64,
  tuneImages: 256,
  tuneSteps: 10,
  tuneChunk: 64,
  guidedSteps: 10,
  upperImages: 96,
  realChannels: [128, 256, 256, 256],
  realSize: 32,
  realBatch: 8,
  exportBatch: 64,
  jobTrainSteps: 1000,
  jobIterations: 10,
  jobImages: 192,
  curvePaths: 5000,
  curveScales: 50,
  frechet: { d64: [10_000, 64], d2048: [500, 2048] },
}

export const TINY_SIZES: FixedSizes = {
  paperMultiples: [2],
  smallChannels: [8, 8],
  smallGroups: 4,
  smallSize: 16,
  smallSampleImages: 4,
  smallTrainBatch: 4,
  tuneImages: 66,
  tuneSteps: 2,
  tuneChunk: 33,
  guidedSteps: 4,
  upperImages: 66,
  realChannels: [32, 32, 32, 32],
  realSize: 8,
  realBatch: 2,
  exportBatch: 4,
  jobTrainSteps: 3,
  jobIterations: 2,
  jobImages: 66,
  curvePaths: 200,
  curveScales: 4,
  frechet: { d64: [100, 8], d2048: [12, 40] },
}

/** Sizes that go with the settings. */
export const fixedSizes = ({ tiny }: Pick<BenchSettings, 'tiny'>): FixedSizes => (tiny ? TINY_SIZES : FIXED_SIZES)

const OF_A_FILE: readonly Section[] = ['exportForward', 'exportDerivative']
const ON_DEMAND: readonly Section[] = [
  ...(['upperIteration', 'realForward', 'realDerivative', 'realTrainStep', 'job'] as const),
  ...OF_A_FILE,
]
const USUAL = SECTIONS.filter((section) => !ON_DEMAND.includes(section))

const DEFAULTS: BenchSettings = {
  only: USUAL,
  base: 64,
  size: 28,
  batch: 64,
  samplingSteps: 20,
  runs: 5,
  file: null,
  clock: 'wall',
  json: false,
  tiny: false,
}

const TINY: Partial<BenchSettings> = { base: 8, size: 8, batch: 4, samplingSteps: 2, runs: 1 }

const FLAGS = {
  only: { type: 'string' },
  base: { type: 'string' },
  size: { type: 'string' },
  batch: { type: 'string' },
  'sampling-steps': { type: 'string' },
  runs: { type: 'string' },
  file: { type: 'string' },
  clock: { type: 'string' },
  json: { type: 'boolean' },
  tiny: { type: 'boolean' },
  help: { type: 'boolean' },
} as const

export const USAGE = `npm run bench -- [flags]

  --only LIST           parts to measure: ${SECTIONS.join(',')} [all but the last seven]
  --base N              channels of the first level of the paper's UNet [64]
  --size N              height and width of its images [28]
  --batch N             its images per training step and per call while sampling [64]
  --sampling-steps N    DDIM steps of the sampling parts, of no other [20]
  --runs N              timed runs of each part, after one that is not timed [5]
  --file FILE.onnx      a denoiser: images and a time in, for exportForward and exportDerivative, which need it
  --clock wall|cpu      seconds by the clock (median), or of processor time (minimum) on a machine that is shared [wall]
  --tiny                smallest sizes, for a smoke test: the numbers mean nothing
  --json                one JSON object on one line on stdout (npm run --silent bench -- --json)
`

/**
 * Settings of the command line, or null where help is asked for.
 * @throws `bench.flag` naming the flag, its rule and what came
 */
export function benchSettings(argv: readonly string[]): BenchSettings | null {
  const values = parsed(argv)
  if (values.help) return null
  const defaults = { ...DEFAULTS, ...(values.tiny && TINY) }
  const settings: BenchSettings = {
    only: values.only === undefined ? defaults.only : sections(values.only),
    base: whole('base', values.base, defaults.base),
    size: whole('size', values.size, defaults.size),
    batch: whole('batch', values.batch, defaults.batch),
    samplingSteps: whole('sampling-steps', values['sampling-steps'], defaults.samplingSteps),
    runs: whole('runs', values.runs, defaults.runs),
    file: values.file ?? null,
    clock: clock(values.clock),
    json: values.json ?? false,
    tiny: values.tiny ?? false,
  }
  if (settings.base % 2 !== 0) throw refused('base', 'an even number', settings.base)
  if (settings.size % 4 !== 0)
    throw refused('size', 'a multiple of 4: the network halves its images twice', settings.size)
  if (settings.samplingSteps > 1000)
    throw refused('sampling-steps', 'at most the 1000 timesteps', settings.samplingSteps)
  const asked = settings.only.find((section) => OF_A_FILE.includes(section))
  if (asked !== undefined && settings.file === null)
    throw refused('file', `an ONNX file, which ${asked} measures`, 'none')
  return settings
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({ args: [...argv], options: FLAGS }).values
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw inputError(
      'bench.flag',
      `${reason}; flags are ${Object.keys(FLAGS)
        .map((name) => `--${name}`)
        .join(', ')}`,
    )
  }
}

const refused = (flag: string, rule: string, came: unknown) =>
  inputError('bench.flag', `--${flag} must be ${rule}, got ${came}`)

function whole(flag: string, given: string | undefined, usual: number): number {
  if (given === undefined) return usual
  if (/^\d+$/.test(given) && Number(given) >= 1 && Number.isSafeInteger(Number(given))) return Number(given)
  throw refused(flag, 'a whole number from 1', given)
}

function clock(given: string | undefined): Clock {
  if (given === undefined || given === 'wall') return 'wall'
  if (given === 'cpu') return 'cpu'
  throw refused('clock', 'wall or cpu', given)
}

function sections(given: string): Section[] {
  return given.split(',').map((name) => {
    const known = SECTIONS.find((section) => section === name)
    if (known) return known
    const nearest = nearestOf(name, SECTIONS)
    const hint = nearest ? `; did you mean ${nearest}?` : ''
    throw refused('only', `a list of ${SECTIONS.join(', ')}`, `${name}${hint}`)
  })
}
