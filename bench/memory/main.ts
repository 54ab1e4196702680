/**
 * Memory over a long run: 10,000 sampling steps and 1,000 tuning iterations of a tiny model, the resident memory of the process after every
 * twentieth of each. Slow, so a command of its own:
 *
 *     npm run proof:memory
 *
 * Writes docs/results/bench-memory.json. Exit code 1 if memory grows: by more than 2 % and 4 MiB from the third fifth to the last.
 */
import { writeFileSync } from 'node:fs'
import '../../src/runtime/node/index.ts'
import { tensor } from '../../src/base/index.ts'
import type { BilevelProblem, PenaltySettings } from '../../src/bilevel/index.ts'
import { PENALTY_DEFAULTS, penaltyInit, penaltyStep } from '../../src/bilevel/index.ts'
import { compileDenoiser, generate, levelsFamily, samplerSettings } from '../../src/diffusion/index.ts'
import { classifierFeatures, classifierParameters, referenceMoments } from '../../src/metrics/index.ts'
import { initialState, initialVector, unet, unflatten } from '../../src/nn/index.ts'
import { FrechetObjective } from '../../src/tuners/schedule/objectives/fid.ts'
import { samplingProblem } from '../../src/tuners/schedule/problem.ts'
import { machine } from '../report.ts'
import { steppedSchedule, syntheticImages } from '../subjects.ts'
import { median } from '../timing.ts'

const RESULT = 'docs/results/bench-memory.json'
const SIZE = 8
const SHAPE = [1, SIZE, SIZE] as const
const BATCH = 8
const PARTS = 20
const SAMPLING_STEPS = 100
const SAMPLINGS = 100
const ITERATIONS = 1000

const network = unet({ size: SIZE, channels: [8, 8], groups: 4 })
const state = initialState(network, 0)
const denoiser = await compileDenoiser({ network, state, batch: BATCH, binding: 'bound' })

/** Resident MiB after the collector has run, where it may be called (node --expose-gc). */
function resident(): number {
  globalThis.gc?.()
  return process.memoryUsage().rss / 2 ** 20
}

/** Does `work` `times` times and looks at the memory after every twentieth. */
async function watched(times: number, work: (index: number) => Promise<unknown>): Promise<number[]> {
  const seen: number[] = []
  for (let i = 0; i < times; i++) {
    await work(i)
    if ((i + 1) % (times / PARTS) === 0) seen.push(resident())
  }
  return seen
}

async function sampling(): Promise<number[]> {
  const schedule = steppedSchedule(SAMPLING_STEPS)
  const settings = samplerSettings({ sampler: 'ddim' })
  return watched(SAMPLINGS, (seed) => generate({ denoiser, schedule, settings, count: BATCH, seed }))
}

async function tuning(): Promise<number[]> {
  const config = { imageShape: SHAPE, widths: [3, 4], kernels: [3, 3], features: 5, classes: 2 } as const
  const parameters = classifierParameters(config)
  const weights = unflatten(parameters, initialVector(parameters, 3))
  const features = await classifierFeatures({ config, weights, name: 'random', hash: '0', batch: BATCH })
  const { images, count } = syntheticImages(SHAPE, 64)
  const real = tensor('float32', [count, ...SHAPE], images)
  const objective = new FrechetObjective({
    denoiser,
    features,
    reference: referenceMoments(await features.features(real)),
    settings: samplerSettings({ sampler: 'dpm-solver++' }),
    samples: 2 * BATCH,
    seed: 0,
  })
  const problem = samplingProblem(objective, levelsFamily(steppedSchedule(4))) as unknown as BilevelProblem<
    string,
    null,
    never
  >
  const settings: PenaltySettings = { ...PENALTY_DEFAULTS, adam: { ...PENALTY_DEFAULTS.adam, rate: 1e-3 } }
  let at = penaltyInit(problem, settings)
  const seen = await watched(ITERATIONS, async () => {
    at = (await penaltyStep(problem, settings, at)).state
  })
  await features.dispose()
  return seen
}

/** Growth in MiB from the third fifth to the last, by medians. Compiled code and the allocator settle before. */
function growth(seen: readonly number[]) {
  const fifth = seen.length / 5
  const [before, after] = [median(seen.slice(2 * fifth, 3 * fifth)), median(seen.slice(-fifth))]
  return { growthMiB: after - before, flat: after - before <= Math.max(4, 0.02 * before) }
}

const parts = {
  sampling: { what: `${SAMPLINGS * SAMPLING_STEPS} sampling steps of ${BATCH} images`, residentMiB: await sampling() },
  tuning: { what: `${ITERATIONS} tuning iterations of ${2 * BATCH} images, 4 steps`, residentMiB: await tuning() },
}
const record = {
  command: 'npm run proof:memory',
  machine: machine(),
  ...Object.fromEntries(
    Object.entries(parts).map(([name, part]) => [
      name,
      { ...part, ...growth(part.residentMiB), residentMiB: part.residentMiB.map((mib) => Number(mib.toFixed(1))) },
    ]),
  ),
}
writeFileSync(RESULT, `${JSON.stringify(record, null, 1)}\n`)
await denoiser.dispose()
for (const { what, residentMiB } of Object.values(parts)) {
  const { growthMiB, flat } = growth(residentMiB)
  process.stderr.write(
    `${what}: ${flat ? 'flat' : 'GROWS'}, ${growthMiB.toFixed(1)} MiB from the third fifth to the last\n`,
  )
  if (!flat) process.exitCode = 1
}
