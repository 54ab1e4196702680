/** The main job up to its learned schedule, as `bilevel schedule --preset quick` runs it: train, then tune. Measuring is left out. */
import { BilevelError } from '../../src/base/index.ts'
import { digits } from '../../src/data/index.ts'
import { digitFeatures } from '../../src/metrics/files/index.ts'
import type { LearnSettings } from '../../src/tuners/index.ts'
import { LEARN_DEFAULTS, learnSchedule } from '../../src/tuners/index.ts'
import type { BenchSettings, Clock } from '../settings.ts'
import { fixedSizes } from '../settings.ts'
import { smallNetwork } from '../subjects.ts'

/** Seconds of both phases; compilation counts as training. */
export interface JobFigures {
  readonly train: Readonly<Record<Clock, number>>
  readonly tune: Readonly<Record<Clock, number>>
}

export async function measureJob(settings: BenchSettings): Promise<JobFigures> {
  const {
    jobTrainSteps: trainSteps,
    jobIterations: iterations,
    jobImages: tuningSamples,
    smallSize: size,
  } = fixedSizes(settings)
  const [data, features] = await Promise.all([digits({ size }), digitFeatures({ size })])
  const learnSettings: LearnSettings = { ...LEARN_DEFAULTS, trainSteps, iterations, tuningSamples }
  const stop = new AbortController()
  const marks = [clocks()]
  const done = await learnSchedule({
    subject: { kind: 'train', network: smallNetwork(settings) },
    data,
    features,
    judge: null,
    settings: learnSettings,
    signal: stop.signal,
    onEvent(event) {
      if (event.kind === 'step' && event.step === trainSteps) marks.push(clocks())
      if (event.kind !== 'iteration' || event.iteration < iterations) return
      marks.push(clocks())
      stop.abort()
    },
  }).catch((error: unknown) => error)
  await features.dispose()
  if (!(done instanceof BilevelError && done.kind === 'interrupted')) throw done
  const [start, trained, tuned] = marks
  return { train: between(start, trained), tune: between(trained, tuned) }
}

function clocks(): Record<Clock, number> {
  const { user, system } = process.cpuUsage()
  return { wall: performance.now() / 1000, cpu: (user + system) / 1e6 }
}

const between = (before: Record<Clock, number>, after: Record<Clock, number>) => ({
  wall: after.wall - before.wall,
  cpu: after.cpu - before.cpu,
})
