/** Every parser of files and words that come from elsewhere. */

import { readFileSync } from 'node:fs'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encode as encodePng } from 'fast-png'
import { zipSync } from 'fflate'
import { packTar } from 'modern-tar'
import { stringify as toYaml } from 'yaml'
import { tensor } from '../../src/base/index.ts'
import { parseIdx } from '../../src/data/arrays/idx.ts'
import { npyHeader } from '../../src/data/arrays/npy.ts'
import { encodeIdx, loadData } from '../../src/data/index.ts'
import { decodeImage } from '../../src/data/pictures/imageFile.ts'
import { readScheduler } from '../../src/diffusion/files/diffusersScheduler.ts'
import { loadModel, readGuidance, readSamplingSchedule, saveModel } from '../../src/diffusion/files/index.ts'
import { readTrainingScheduler } from '../../src/diffusion/files/modelFolderScheduler.ts'
import { readOwnClass } from '../../src/diffusion/files/ownClassFile.ts'
import { parsed } from '../../src/diffusion/files/stepsFile.ts'
import { kindOf, listedSteps, stepsListIn } from '../../src/diffusion/files/stepsList.ts'
import { noiseSchedule } from '../../src/diffusion/index.ts'
import { add, constant, mul, trace } from '../../src/graph/index.ts'
import { resolveEntropyConfig } from '../../src/jobs/entropy/settings.ts'
import { resolveEvaluateConfig } from '../../src/jobs/evaluate/settings.ts'
import { inputShapes } from '../../src/jobs/onnxCheck/feeds.ts'
import { variablesOf } from '../../src/jobs/onnxCheck/variables.ts'
import { resolveSampleConfig } from '../../src/jobs/sample/settings.ts'
import { resolveScheduleConfig } from '../../src/jobs/schedule/settings.ts'
import { referenceFromStatistics } from '../../src/metrics/frechetReference.ts'
import { encodeStatistics, parseStatistics } from '../../src/metrics/npz.ts'
import { decodeSafetensors, encodeSafetensors, initialState, unet } from '../../src/nn/index.ts'
import { checkModel, decode, encodeModel, readModel } from '../../src/onnx/index.ts'
import { parseRewardSpec } from '../../src/rewards/spec.ts'
import { loadCheckpoint, saveCheckpoint } from '../../src/runs/checkpoint.ts'
import { environmentLayer, parseSettings } from '../../src/runs/config.ts'
import { readEvents } from '../../src/runs/events.ts'
import { readManifest } from '../../src/runs/manifest.ts'
import { decodeState, encodeState } from '../../src/runs/stateCodec.ts'
import type { FuzzTarget } from './target.ts'
import { demand } from './target.ts'

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)
const jsonOf = (value: unknown): Uint8Array => bytesOf(JSON.stringify(value))

/** Files of a kind, of `src/data/fixtures/pictureKinds.json`. */
function picturesOf(kind: string): Uint8Array[] {
  const { kinds } = JSON.parse(readFileSync('src/data/fixtures/pictureKinds.json', 'utf8')) as {
    readonly kinds: Readonly<Record<string, { readonly file: string }>>
  }
  const files = Object.entries(kinds).filter(([name]) => name.startsWith(kind))
  return files.map(([, { file }]) => Buffer.from(file, 'base64'))
}

/** A target whose inputs are JSON text. */
const ofJson = (name: string, seeds: readonly unknown[], read: (text: string) => unknown): FuzzTarget => ({
  name,
  seeds: seeds.map(jsonOf),
  json: true,
  read: (bytes) => read(textOf(bytes)),
})

const ofBytes = (name: string, seeds: readonly Uint8Array[], read: FuzzTarget['read']): FuzzTarget => ({
  name,
  seeds,
  json: false,
  read,
})

const SHARED = {
  num_train_timesteps: 20,
  beta_start: 1e-4,
  beta_end: 0.02,
  beta_schedule: 'linear',
  trained_betas: null,
}
const SCHEDULERS = [
  { _class_name: 'DDIMScheduler', ...SHARED, clip_sample: true, set_alpha_to_one: false, steps_offset: 1 },
  {
    _class_name: 'DDPMScheduler',
    ...SHARED,
    variance_type: 'fixed_large',
    prediction_type: 'v_prediction',
    timestep_spacing: 'trailing',
  },
  {
    _class_name: 'DPMSolverMultistepScheduler',
    ...SHARED,
    beta_schedule: 'squaredcos_cap_v2',
    lambda_min_clipped: -5.1,
    use_karras_sigmas: true,
  },
  { _class_name: 'EulerDiscreteScheduler', ...SHARED, beta_schedule: 'scaled_linear', timestep_spacing: 'linspace' },
  { ...SHARED, num_train_timesteps: 4, trained_betas: [0.1, 0.2, 0.3, 0.4], rescale_betas_zero_snr: false },
  { betas: [0.1, 0.2, 0.3] },
]

function checkLevels({ schedule }: { readonly schedule: { readonly logSnr: Float64Array } }): void {
  demand(schedule.logSnr.length > 0, 'it has no levels')
  demand(!schedule.logSnr.some(Number.isNaN), 'a level is NaN')
}

const asset = (path: string): string => readFileSync(join('assets', 'models', 'digits-16', path), 'utf8')

/** A schedule as it is, and with numbers of the exponential step. */
function withSolver(file: Readonly<Record<string, readonly number[]>>): object[] {
  const between = file.levels.slice(1)
  const numbers = {
    sampler: 'exponential',
    tau: between.map(() => 0.3),
    weight: between.map((_, i) => 1 + 0.1 * i),
    scale: file.levels.map(() => 0.98),
    clipBounds: file.levels.map(() => 1.1),
    output: -0.16,
    history: between.map((_, i) => between.slice(0, i).map(() => 0.05)),
  }
  return [file, { ...file, ...numbers }]
}

const schedules: readonly FuzzTarget[] = [
  ofJson('scheduler', SCHEDULERS, (text) => checkLevels(readScheduler(text, 'the file'))),
  ofJson('training schedule', [JSON.parse(asset('scheduler/scheduler_config.json'))], (text) =>
    checkLevels(readTrainingScheduler(text, 'the file')),
  ),
  ofJson(
    'sampling schedule',
    [5, 10].map((n) => JSON.parse(asset(`schedules/dpm-solver++-${n}/sampling_schedule.json`))).flatMap(withSolver),
    (text) => {
      const { schedule } = readSamplingSchedule(text, 'the file')
      demand(
        schedule.levels.every(({ logSnr }) => Number.isFinite(logSnr)),
        'a level is not finite',
      )
      demand(schedule.times.length === schedule.levels.length, 'levels and times differ in number')
    },
  ),
]

const GUIDANCE = {
  version: 1,
  entropyStrength: { value: 0.5, low: 0.4, high: 0.6, resolved: true },
  scale: 2,
  target: 'guided',
  reward: 'ink',
  rewardHash: 'a'.repeat(64),
  judge: 'symmetry',
  through: 'network',
  minimumAlphaBar: 0.002,
  sampler: 'ddim',
  eta: 1,
  variance: 'small',
  noisyLastStep: false,
  clip: [-1, 1],
  clippedNoise: 'keep',
  samplingSchedule: { T: 10, levels: [-5, 0, 4], times: [9, 5, 1] },
  learnedFor: 'b'.repeat(64),
  class: 3,
  rewardSettings: { data: 'digits', features: 'auto', rewardRange: [0, 1] },
}

const tensors = encodeSafetensors(
  { a: tensor('float32', [2, 3], new Float32Array(6).fill(1.5)), b: tensor('int32', [], Int32Array.of(7)) },
  { made: 'here' },
)

/** The header of a safetensors file is JSON between two counts. */
function readHeader(text: string): void {
  const header = bytesOf(text)
  const bytes = new Uint8Array(8 + header.length + 28)
  new DataView(bytes.buffer).setBigUint64(0, BigInt(header.length), true)
  bytes.set(header, 8)
  decodeSafetensors(bytes, 'the file')
}

const pixels = Uint8Array.from({ length: 16 * 16 * 3 }, (_, i) => (i * 37) % 256)
const rgba = Uint8Array.from({ length: 16 * 16 * 4 }, (_, i) => (i * 41) % 256)
const network = unet({ size: 8, channels: [4], groups: 2, layersPerBlock: 1 })

const PICTURES = JSON.parse(readFileSync(join('src', 'data', 'fixtures', 'pictures.json'), 'utf8')) as Record<
  string,
  { readonly file: string }
>
const jpegNamed = (name: string): Uint8Array => Uint8Array.from(Buffer.from(PICTURES[name].file, 'base64'))

const binaries: readonly FuzzTarget[] = [
  ofBytes(
    'list of steps',
    [
      '14.6, 6.3, 0.5, 0.0',
      'sigmas = torch.tensor([14.6; 2 | 5e-1])  # a comment',
      '{"sigmas": [9, 1], "times": [9, 1]}',
    ].map(bytesOf),
    (bytes) => {
      const text = textOf(bytes)
      const list = stepsListIn(text, parsed(text))
      if (!list) return
      const { values } = listedSteps('the file', list, kindOf(list))
      demand(
        values.every((value, i) => Number.isFinite(value) && value >= 0 && (i === 0 || value < values[i - 1])),
        'the steps do not fall',
      )
    },
  ),
  ofJson(
    'scheduler of our own class',
    [
      {
        _class_name: 'BilevelScheduler',
        ...{ num_train_timesteps: 10, levels: [-5, 0, 4], times: [9, 5, 1], process: 'variance_preserving' },
        ...{ clip: [-1, 1], clipped_noise: 'recompute', tau: [0.5, 0], weight: null, output: -0.1, history: null },
      },
    ],
    (text) => {
      const json = parsed(text)
      if (json !== null && typeof json === 'object') readOwnClass(json, 'the file')
    },
  ),
  ofBytes('safetensors', [tensors], (bytes) => decodeSafetensors(bytes, 'the file')),
  ofJson(
    'safetensors header',
    [
      {
        a: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] },
        b: { dtype: 'I32', shape: [], data_offsets: [24, 28] },
      },
    ],
    readHeader,
  ),
  ofBytes(
    'statistics (npz)',
    [
      encodeStatistics(referenceFromStatistics(Float64Array.of(1, 2), Float64Array.of(2, 0, 0, 3))),
      encodeStatistics(referenceFromStatistics(Float64Array.of(1, 2), Float64Array.of(2, 1, 1, 3), 40), {
        name: 'net',
        hash: 'a'.repeat(64),
      }),
      Uint8Array.from(readFileSync(join('test', 'found', 'statistics', 'score-sde-pool3.npz'))),
    ],
    (bytes) => {
      const { mean, covariance } = parseStatistics(bytes, 'the file')
      demand(mean.every(Number.isFinite) && covariance.every(Number.isFinite), 'a moment is not finite')
    },
  ),
  ofBytes(
    'idx',
    [encodeIdx({ shape: [3, 4, 4], data: pixels.slice(0, 48) }), encodeIdx({ shape: [5], data: pixels.slice(0, 5) })],
    (bytes) => parseIdx(bytes, 'the file'),
  ),
  ofBytes(
    'png',
    [
      encodePng({ width: 16, height: 16, channels: 3, data: pixels }),
      encodePng({ width: 8, height: 8, channels: 1, data: pixels.slice(0, 64) }),
      encodePng({ width: 4, height: 4, channels: 4, data: rgba.slice(0, 64) }),
    ],
    (bytes) => decodeImage(bytes, 'the file'),
  ),
  ofBytes('jpeg', ['4:2:0', '4:4:0', 'progressive'].map(jpegNamed), (bytes) => decodeImage(bytes, 'the file')),
  ...['WebP', 'TIFF', 'BMP'].map((kind) => ofBytes(kind, picturesOf(kind), (bytes) => decodeImage(bytes, 'the file'))),
  ofBytes('npy header', [readFileSync('test/data/arrays/nchw01.npy').subarray(0, 160)], (bytes) =>
    npyHeader(bytes, 'the file'),
  ),
]

const LAYERS = [
  [
    'schedule',
    resolveScheduleConfig,
    {
      preset: 'tiny',
      trainSteps: 7,
      network: { groups: 2, channels: [8, 8] },
      training: { tau: 1.2 },
      clip: [-1, 1],
      samplingSeeds: [1, 2],
      through: 'all',
    },
  ],
  [
    'entropy',
    resolveEntropyConfig,
    {
      preset: 'tiny',
      reward: 'ink',
      judge: 'symmetry',
      lambdaRange: [0.1, 5],
      target: 'guided',
      eta: 1,
      maxEvaluations: 1000,
    },
  ],
  ['sample', resolveSampleConfig, { schedule: 'cosine:tau=1.4', steps: 5, eta: 0.5, class: 3, count: 4, chunk: 2 }],
  [
    'evaluate',
    resolveEvaluateConfig,
    { schedule: 'default', samples: 100, samplingSeeds: [1, 2, 3], features: 'pixels', featuresRange: [0, 1] },
  ],
] as const

const settings: readonly FuzzTarget[] = LAYERS.flatMap(([name, resolve, values]): FuzzTarget[] => [
  {
    ...ofJson(`settings of ${name} (YAML)`, [values], (text) =>
      resolve([{ source: 'the file', values: parseSettings(text, 'the file') }]),
    ),
    seeds: [jsonOf(values), bytesOf(toYaml(values))],
  },
  ofJson(`settings of ${name} (environment)`, [wordsOf(values)], (text) => {
    const words = safeRecord(text)
    return words && resolve([environmentLayer(words)])
  }),
])

/** Settings as the environment holds them. */
function wordsOf(values: object): Record<string, string> {
  const snake = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()
  return Object.fromEntries(
    Object.entries(values).map(([key, value]) => [
      `BILEVEL_${snake(key)}`,
      typeof value === 'string' ? value : JSON.stringify(value),
    ]),
  )
}

/** Words by name; null for text that is none, which no environment can hold. */
function safeRecord(text: string): Record<string, string> | null {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null) return null
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, typeof item === 'string' ? item : JSON.stringify(item)]),
    )
  } catch {
    return null
  }
}

const words: readonly FuzzTarget[] = [
  ofJson('guidance', [GUIDANCE], (text) => {
    const { entropyStrength } = readGuidance(text, 'the file')
    demand(entropyStrength.value > 0 && Number.isFinite(entropyStrength.value), 'lambda is no positive number')
  }),
  ofBytes(
    'reward in words',
    [
      'log-probability:3@judge + 5*typicality@features',
      '-2e+3*ink',
      'a b.onnx:score + 0.5*./reward.js',
      'fidelity',
    ].map(bytesOf),
    (bytes) => {
      for (const { weight } of parseRewardSpec(textOf(bytes))) demand(Number.isFinite(weight), 'a weight is not finite')
    },
  ),
]

/** All targets. Those that read folders do so in one that `close` removes. */
export async function openTargets(): Promise<{ readonly targets: readonly FuzzTarget[]; close(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'bilevel-fuzz-'))
  const targets = [
    ...schedules,
    ...words,
    ...binaries,
    onnxTarget(),
    decodedTarget(),
    ...settings,
    ...(await folderTargets(folder)),
  ]
  return { targets, close: () => rm(folder, { recursive: true, force: true }) }
}

/** Files of others as graphs with their derivatives, for random damage in operators, attributes, shapes and names. */
function decodedTarget(): FuzzTarget {
  const folder = join('test', 'found')
  const seeds = [
    'denoisers/plain',
    'denoisers/guidance',
    'denoisers/one-hot',
    'judges/imagenet',
    'onnx/vit-eager.dynamo-20',
  ].map((name) => new Uint8Array(readFileSync(join(folder, `${name}.onnx`))))
  return ofBytes('decoded onnx', seeds, (bytes) => {
    const model = readModel(bytes, 'the file')
    const { graph } = decode(model, { shapes: inputShapes(model, {}, {}) })
    const [output] = Object.values(graph.outputs)
    demand(output.shape.every(Number.isSafeInteger), 'its output has no shape')
    if (output.dtype.startsWith('float')) variablesOf(graph, output)
  })
}

function onnxTarget(): FuzzTarget {
  return ofBytes(
    'onnx',
    [
      encodeModel(
        trace({ x: { dtype: 'float32', shape: [2, 3] } }, ({ x }) => ({
          y: add(mul(x, 2), constant(tensor('float32', [3], Float32Array.of(1, 2, 3)))),
        })),
      ),
    ],
    (bytes) => checkModel(bytes),
  )
}

async function folderTargets(folder: string): Promise<FuzzTarget[]> {
  const model = join(folder, 'model')
  const noise = noiseSchedule({ family: 'cosine', timesteps: 8 })
  await saveModel(model, { network, state: initialState(network, 0), noiseSchedule: noise, samplingSchedules: [] }, {})
  const inModel = (file: string): FuzzTarget => {
    const path = join(model, file)
    const whole = Uint8Array.from(readFileSync(path))
    return {
      name: `model folder: ${file}`,
      seeds: [whole],
      json: file.endsWith('.json'),
      async read(bytes) {
        await writeFile(path, bytes)
        try {
          await loadModel(model)
        } finally {
          await writeFile(path, whole)
        }
      },
    }
  }
  return [
    ...[
      'model_index.json',
      'unet/config.json',
      'scheduler/scheduler_config.json',
      'unet/diffusion_pytorch_model.safetensors',
    ].map(inModel),
    ...(await runTargets(join(folder, 'run'))),
    ...(await dataTargets(join(folder, 'data'))),
  ]
}

/** Files of many images, read whole. */
async function dataTargets(folder: string): Promise<FuzzTarget[]> {
  await mkdir(folder)
  const png = encodePng({ width: 4, height: 4, channels: 1, data: pixels.slice(0, 16) })
  const files = Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`a/${i}.png`, png]))
  const entries = Object.entries(files).map(([name, body]) => ({ header: { name, size: body.length }, body }))
  const seeds = {
    'x.tar': await packTar(entries),
    'x.zip': zipSync(files),
    'x.npz': readFileSync('test/data/arrays/keras.npz'),
    'x.parquet': readFileSync('test/data/parquet/test-00000-of-00001.parquet'),
  }
  return Object.entries(seeds).map(([name, seed]) =>
    ofBytes(`data: ${name}`, [seed], async (bytes) => {
      const path = join(folder, name)
      await writeFile(path, bytes)
      await loadData(path, { needs: { train: 0, tuning: 0, heldOut: 0 } })
    }),
  )
}

async function runTargets(run: string): Promise<FuzzTarget[]> {
  const checkpoints = join(run, 'checkpoints')
  await mkdir(checkpoints, { recursive: true })
  const state = {
    phase: 'train',
    loss: Number.NaN,
    weights: Float32Array.of(1, 2, 3),
    history: [{ iteration: 1, fid: -0 }],
  }
  const lines = bytesOf(
    '{"type":"train","step":1,"loss":0.5,"time":"2026-01-01T00:00:00.000Z"}\n{"type":"tune","step":1,"fid":"NaN","time":"2026-01-01T00:00:00.000Z"}\n',
  )
  await saveCheckpoint(
    checkpoints,
    { step: 3, events: 2, log: textOf(lines), ...encodeState(state) },
    { version: '0.1.0' },
  )
  const at = (name: string) => join(checkpoints, '3', name)
  // As earlier releases wrote it, without a hash that would end the reading of anything changed.
  const { version: _, log: __, sha256: ___, ...before } = JSON.parse(readFileSync(at('state.json'), 'utf8'))
  const stateOfBefore = jsonOf({ ...before, format: 1 })
  await writeFile(at('state.json'), stateOfBefore)
  const damaged = (name: string, path: string, json: boolean, seed: Uint8Array, read: () => unknown): FuzzTarget => ({
    name,
    seeds: [seed],
    json,
    async read(bytes) {
      await writeFile(path, bytes)
      try {
        await read()
      } finally {
        await writeFile(path, seed)
      }
    },
  })
  const load = async () => decodeState(await loadCheckpoint(checkpoints, 3))
  const events = join(run, 'events.jsonl')
  const manifest = join(run, 'manifest.json')
  await writeFile(join(run, 'config.yaml'), 'seed: 1\n')
  const written = jsonOf({ format: 1, name: 'run', version: '0.1.0', status: 'running', resumed: [], ended: null })
  await writeFile(manifest, written)
  return [
    damaged('checkpoint: state.json', at('state.json'), true, stateOfBefore, load),
    damaged(
      'checkpoint: tensors',
      at('tensors.safetensors'),
      false,
      Uint8Array.from(readFileSync(at('tensors.safetensors'))),
      load,
    ),
    damaged('events', events, false, lines, () => readEvents(events)),
    damaged('manifest', manifest, true, written, () => readManifest(run)),
  ]
}
