/**
 * The full protocol of schedule learning on 16x16 digits, for several training seeds: 2,000 training steps, then tuning against
 * defaults that train on by as much, on held-out images. Slow, so a command of its own:
 *
 *     npm run proof:schedule -- --seeds 0-4 --variants steps10,steps5,steps20,tied,tied-without-z
 *
 * Writes docs/results/schedule-digits16/<variant>-seed<k>.json. The trained network of a seed is kept under runs/proof/ and serves all
 * variants.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { deserialize, serialize } from 'node:v8'
import '../src/runtime/node/index.ts'
import { digits } from '../src/data/index.ts'
import type { TrainedState } from '../src/diffusion/index.ts'
import { digitFeatures, digitJudge } from '../src/metrics/files/index.ts'
import { unet } from '../src/nn/index.ts'
import type { LearnSettings, ScheduleResult } from '../src/tuners/index.ts'
import { LEARN_DEFAULTS, LEARN_START, learnSchedule } from '../src/tuners/index.ts'

const RESULTS = 'docs/results/schedule-digits16'
const CACHE = 'runs/proof'
const SEEDS = [11, 12, 13, 14, 15]

/** Small samples, few iterations: what the published problem can do at a cost like that of the others. */
const TIED: Partial<LearnSettings> = {
  learn: 'tied',
  z: true,
  samplingFamily: 'cosine',
  iterations: 6,
  tuningSamples: 96,
  lowerSteps: 10,
  twinSteps: 3,
  upperRate: 0.5,
  evaluationSamples: 200,
}

/** Images a row over five sampling seeds: 5,000 for the main table, 2,000 for other numbers of steps, 1,000 for the published problem. */
const VARIANTS: Readonly<Record<string, Partial<LearnSettings>>> = {
  steps10: { evaluationSamples: 1000 },
  steps5: { samplingSteps: 5, evaluationSamples: 400 },
  steps20: { samplingSteps: 20, evaluationSamples: 400 },
  ddim10: { sampler: 'ddim', samplingFamily: 'cosine', upperRate: 1, evaluationSamples: 400 },
  tied: TIED,
  'tied-without-z': { ...TIED, z: false },
}

function settingsOf(variant: string, seed: number): LearnSettings {
  return { ...LEARN_DEFAULTS, trainSteps: 2000, samplingSeeds: SEEDS, ...VARIANTS[variant], seed }
}

function seedsOf(text: string): number[] {
  return text.split(',').flatMap((part) => {
    const [first, last = first] = part.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

const cachePath = (seed: number) => join(CACHE, `digits16-2000-seed${seed}.v8`)

async function prove(variant: string, seed: number): Promise<ScheduleResult> {
  const settings = settingsOf(variant, seed)
  const path = cachePath(seed)
  const shared = existsSync(path) ? (deserialize(readFileSync(path)) as TrainedState) : null
  let saved = shared !== null
  let said = Date.now()
  const features = await digitFeatures({ size: 16 })
  const judge = await digitJudge({ size: 16 })
  const { result } = await learnSchedule({
    subject: { kind: 'train', network: unet({ size: 16, channels: [16, 32, 64] }) },
    data: await digits({ size: 16 }),
    features,
    judge,
    settings,
    ...(shared && { from: { ...LEARN_START, phase: 'tune' as const, shared } }),
    onCheckpoint(checkpoint) {
      if (saved || checkpoint.phase === 'train' || !checkpoint.shared) return
      mkdirSync(CACHE, { recursive: true })
      writeFileSync(path, serialize(checkpoint.shared))
      saved = true
    },
    onProgress({ phase, done, total, detail }) {
      if (Date.now() - said < 30_000) return
      said = Date.now()
      console.error(`${variant} seed ${seed}: ${phase} ${((100 * done) / total).toFixed(0)} %, ${detail}`)
    },
  })
  await features.dispose()
  await judge.dispose()
  return result
}

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '0-4' },
    variants: { type: 'string', default: Object.keys(VARIANTS).join() },
  },
})
const commit = execFileSync('git', ['rev-parse', 'HEAD'], { encoding: 'utf8' }).trim()
mkdirSync(RESULTS, { recursive: true })
for (const variant of values.variants.split(',')) {
  if (!(variant in VARIANTS)) throw new Error(`variants are ${Object.keys(VARIANTS).join(', ')}; got ${variant}`)
  for (const seed of seedsOf(values.seeds)) {
    const { grids: _, ...result } = await prove(variant, seed)
    const record = {
      command: `npm run proof:schedule -- --seeds ${seed} --variants ${variant}`,
      commit,
      machine: `${cpus().length} x ${cpus()[0].model}, Node ${process.version}`,
      learnSettings: settingsOf(variant, seed),
      ...result,
    }
    writeFileSync(join(RESULTS, `${variant}-seed${seed}.json`), `${JSON.stringify(record, null, 1)}\n`)
    const { default: plain, bestDefault, manySteps, start, learned } = result
    const rows = [plain, bestDefault, manySteps, start, learned].map(({ fid }) => fid?.mean.toFixed(2))
    console.error(`${variant} seed ${seed}: default, best default, many steps, start, learned: ${rows.join(', ')}`)
  }
}
process.exit(0)
