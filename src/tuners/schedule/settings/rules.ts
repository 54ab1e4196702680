/** Which settings of a schedule learning job go together. */
import { MOST } from '../../../base/index.ts'
import {
  checkFree,
  freesGuidance,
  LEARNED_FAMILIES,
  learnedFamily,
  needsSolver,
  samplerNamed,
} from '../../../diffusion/index.ts'
import { guides } from '../../classGuidance.ts'
import { checkDeclared, refused } from '../../declared.ts'
import { checkObjective } from '../objectives/settings.ts'
import { givenParameters, learnedSampler, samplerFor, startingSchedule, stepNumbers } from './derived.ts'
import type { LearnSettings } from './shape.ts'
import { LEARN_DEFAULTS, learnShape } from './shape.ts'

/** @throws `learn.settings` naming the first setting that is not what it may be; `learn.free`; `schedule.*` and `sampler.*` by their own rules */
export function checkLearnSettings(settings: LearnSettings): void {
  const refuse = (name: keyof LearnSettings, rule: string) => {
    throw refused('learn.settings', name, rule, settings[name])
  }
  // The family knows what its parameters may be.
  const { training: _, ...shape } = learnShape
  checkDeclared(shape, settings, 'learn.settings')
  const { learn, hypergradient, z: hasZ, twinSteps, samplingSteps, timesteps } = settings
  if (samplingSteps > timesteps) refuse('samplingSteps', `at most the ${timesteps} timesteps`)
  const all = stepNumbers(settings)
  const beyond = all.find((steps) => steps > timesteps)
  if (beyond !== undefined || new Set(all).size < all.length) {
    refuse('moreSteps', `numbers of steps up to the ${timesteps} timesteps, each once beside ${samplingSteps}`)
  }
  if (learn !== 'sampling' && all.length > 1) {
    refuse('moreSteps', 'none: a network that is trained for its schedule is trained for one number of steps')
  }
  const penalty = hypergradient === 'penalty'
  if (learn === 'sampling' && !penalty)
    refuse('hypergradient', 'penalty where the network is frozen: nothing goes through training')
  if (!penalty && settings.estimator === 'one-point') {
    refuse('estimator', `any but one-point with hypergradient ${hypergradient}: each of its estimates is alone`)
  }
  if (learn !== 'sampling' && penalty && hasZ && settings.gamma === 'auto' && settings.estimator === 'one-point') {
    refuse('gamma', 'a number with estimator one-point: its first estimate, by which auto would choose, only primes it')
  }
  if (!penalty && hasZ) refuse('z', `false with hypergradient ${hypergradient}, which has no twins`)
  if (learn === 'both' && penalty && !hasZ)
    refuse('z', 'true: the training schedule of its own is learned through z alone')
  if (learn !== 'sampling' && hasZ && twinSteps < 1) refuse('twinSteps', 'at least 1 where there is a z')
  if (learn === 'tied' && settings.samplingFamily !== settings.trainingFamily) {
    refuse('samplingFamily', `the training family (${settings.trainingFamily}) where one schedule is learned for both`)
  }
  if (learn !== 'sampling' && guides(settings)) {
    refuse('guidanceScale', `none or 1 with learn ${learn}, which trains the network without guidance`)
  }
  if (guides(settings) && settings.class === 'unconditional') {
    refuse('class', `a class or none (the classes in turn) with guidanceScale ${settings.guidanceScale}`)
  }
  if (settings.prediction === 'flow') checkFlow(settings)
  checkGivenStart(settings, refuse)
  checkFreedom(settings)
  checkObjective(settings)
  learnedSampler(settings)
  startingSchedule(settings)
}

/** @throws `learn.settings` on a training schedule, which a flow has none of */
function checkFlow(settings: LearnSettings): void {
  const { learn, trainingFamily, timesteps } = settings
  const [given] = Object.entries(givenParameters(settings))
  const why = 'with prediction flow, whose levels are sigma = t/T'
  if (learn !== 'sampling') throw refused('learn.settings', 'learn', `sampling ${why}`, learn)
  if (given) throw refused('learn.settings', `training.${given[0]}`, `left out ${why}`, given[1])
  if (timesteps >= MOST.timesteps)
    throw refused('learn.settings', 'timesteps', `below ${MOST.timesteps} ${why}`, timesteps)
  if (trainingFamily === LEARN_DEFAULTS.trainingFamily) return
  throw refused('learn.settings', 'trainingFamily', `left out ${why}`, trainingFamily)
}

/** A schedule that comes beside the settings has its own number of steps, and only free numbers can start there. */
function checkGivenStart(settings: LearnSettings, refuse: (name: keyof LearnSettings, rule: string) => void): void {
  const { learn, samplingFamily, start, moreSteps } = settings
  if (start !== 'given') return
  if (moreSteps.length > 0) refuse('moreSteps', 'none where the start is given: it has one number of steps')
  if (learn === 'sampling' && learnedFamily(samplingFamily).startsAnywhere) return
  const free = LEARNED_FAMILIES.filter(({ startsAnywhere }) => startsAnywhere).map(({ name }) => name)
  refuse(
    'start',
    `auto or a step list with family ${samplingFamily}: a given schedule is a start of ${free.join(', ')}`,
  )
}

/** @throws `learn.settings`, `learn.free` on what is free and does not go with family, sampler, clip or steps */
function checkFreedom(settings: LearnSettings): void {
  const { samplingFamily, free, sampler, clip } = settings
  if ((samplingFamily === 'free') !== (free !== null)) {
    const rule = free
      ? 'free, where what is free is given by name (free)'
      : 'one whose parameters say what is free, or free must name what is (levels,times)'
    throw refused('learn.settings', 'samplingFamily', rule, samplingFamily)
  }
  if (!free) return
  for (const steps of stepNumbers(settings)) checkFree(free, steps)
  if (needsSolver(free) && !samplerNamed(sampler).solverNumbers) {
    const rule = `${samplerFor(free)} with ${free.filter((name) => needsSolver([name])).join(', ')} free`
    throw refused('learn.settings', 'sampler', rule, sampler)
  }
  if (freesGuidance(free) && settings.guidanceScale === null) {
    throw refused('learn.settings', 'guidanceScale', 'a number where guidance is free: it starts there', null)
  }
  if (free.includes('clip') && (clip === null || clip[0] !== -clip[1])) {
    throw refused('learn.settings', 'clip', 'a range [-r, r] where clip is free: its bounds start there', clip)
  }
}
