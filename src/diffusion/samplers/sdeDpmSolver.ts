/**
 * SDE-DPM-Solver++(2M) (Lu et al. 2022, arXiv 2211.01095): the exponential step at tau 1, weight 1 everywhere, which is how it is taken and
 * differentiated here (`exponential.ts`).
 */
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { solverCotangent } from '../schedules/solverNumbers.ts'
import { PLAIN_CALLS } from './diffusersFields.ts'
import { solverFields } from './dpmSolver.ts'
import { exponential } from './exponential.ts'
import type { Sampler } from './sampler.ts'
import type { StepSettings } from './stepSettings.ts'

export const sdeDpmSolver: Sampler<'sde-dpm-solver++'> = {
  name: 'sde-dpm-solver++',
  candidate: true,
  // It takes no predicted noise at all: recorded, and without a part in anything.
  usualClippedNoise: 'keep',
  takes: [],
  evaluations: (steps) => steps,
  ancestral: null,
  noisy: () => true,
  run: (chain) => exponential.run({ ...chain, schedule: withItsNumbers(chain.schedule) }),
  pullBack(chain, dImages) {
    const schedule = withItsNumbers(chain.schedule)
    // Its numbers are not the schedule's: nothing comes back to them.
    return exponential.pullBack({ ...chain, schedule, dSolver: solverCotangent(schedule.levels.length) }, dImages)
  },
  words: () => 'sde-dpm-solver++, stochastic, second order multistep',
  toDiffusers: {
    ...PLAIN_CALLS,
    ownTimesOnly: null,
    plain: ({ settings }) => classFields(settings),
    inLoop: ({ settings }) => ({ fields: classFields(settings), stepArguments: {}, aboveZero: null }),
    ownClass: (_, { length }) => ({ clippedNoise: 'recompute', ...numbersOf(length) }),
  },
}

/** Tau and weight of so many steps. */
function numbersOf(steps: number) {
  const ones = Array.from({ length: steps - 1 }, () => 1)
  return { tau: ones, weight: ones }
}

const withItsNumbers = (schedule: SamplingSchedule): SamplingSchedule => ({
  ...schedule,
  solver: numbersOf(schedule.levels.length),
})

/** @throws `export.clip` */
const classFields = (settings: StepSettings) => ({ ...solverFields(settings), algorithm_type: 'sde-dpmsolver++' })
