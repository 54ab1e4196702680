/** Whether subject, data, networks, reward and settings of a schedule learning job go together. */
import { inputError } from '../../base/index.ts'
import type { ScheduleFamily } from '../../diffusion/index.ts'
import { checkTold } from '../../diffusion/index.ts'
import { defaultsOf } from '../declared.ts'
import { checkObjectiveParts, withoutDerivative } from './objectives/open.ts'
import type { LearnOptions } from './options.ts'
import type { LearnSettings } from './settings/index.ts'
import { givenParameters, trainedOnShape } from './settings/index.ts'
import type { Subject } from './subject.ts'
import { hasDerivativeInTime, isDifferentiable, picturedShape, targetOf, trainedHere } from './subject.ts'

/** @throws `learn.mode`, `learn.training`, `learn.prediction` on settings that are not for this subject */
export function checkSubject(subject: Subject, settings: LearnSettings): void {
  const trained = trainedHere(subject) !== null
  if (!trained && settings.learn !== 'sampling') {
    throw inputError(
      'learn.mode',
      `learn ${settings.learn} trains a network; a pretrained model can have its sampling schedule learned: learn sampling`,
    )
  }
  const [given] = Object.keys(givenParameters(settings))
  if (!trained && given) {
    throw inputError(
      'learn.training',
      `a model trained before has its training schedule, got training.${given} ${givenParameters(settings)[given]}; leave it out`,
    )
  }
  checkTrainedOn(subject, settings)
  checkPrediction(subject, settings)
}

/** @throws `learn.training` on what a model that is trained before is to be trained on; `training.told` where a network cannot be told a density's levels */
function checkTrainedOn(subject: Subject, settings: LearnSettings): void {
  const trained = trainedHere(subject)
  if (trained) {
    if (settings.trainingDensity !== 'times') checkTold(trained.network)
    return
  }
  const defaults = defaultsOf(trainedOnShape)
  const names = Object.keys(defaults) as (keyof typeof defaults)[]
  const given = names.find((name) => settings[name] !== defaults[name])
  if (given === undefined) return
  throw inputError(
    'learn.training',
    `${given} is for a model that is trained here, got ${settings[given]} for one that was trained before; leave it out`,
  )
}

/** @throws `learn.*` on parts that do not fit together, `metrics.*` */
export function checkParts(options: LearnOptions): void {
  const { subject, data, features, judge, settings, reward = null } = options
  checkStartPoint(options)
  checkSubject(subject, settings)
  const trained = trainedHere(subject) !== null
  if (trained && !data) {
    throw inputError('learn.data', 'a network is trained on data, got none; give data, or a model that is trained')
  }
  if (data && !features) {
    throw inputError(
      'learn.data',
      `with data (${data.name}) there must be features to compare images in, got none; give both or neither`,
    )
  }
  checkObjectiveParts({ settings, features, reward }, data !== null)
  const model = { name: 'the model', imageShape: picturedShape(subject) }
  const missing = isDifferentiable(subject) ? withoutDerivative({ settings, features, reward }) : 'this model'
  if (settings.teacherSoft !== null && settings.objective === 'teacher' && missing !== null) {
    throw inputError(
      'learn.objective',
      `teacherSoft moves the start noise by a derivative, which ${missing} does not have; leave it out`,
    )
  }
  if (settings.estimator === 'backpropagation' && missing !== null) {
    const what = missing
    throw inputError(
      'learn.estimator',
      `backpropagation needs a derivative, which ${what} does not have; use two-point, one-point or coordinate`,
    )
  }
  const shape = data?.shape ?? model.imageShape
  const rated = reward?.imageShape ? [{ name: `reward ${reward.name}`, imageShape: reward.imageShape }] : []
  for (const { name, imageShape } of [model, ...(features ? [features] : []), ...(judge ? [judge] : []), ...rated]) {
    if (imageShape.join() === shape.join()) continue
    throw inputError(
      'learn.imageShape',
      `images are [${shape}], but ${name} takes [${imageShape}]; choose another size or other features`,
    )
  }
  if (!data || !features) return
  for (const name of ['tuningSamples', 'candidateSamples', 'evaluationSamples'] as const) {
    if (settings[name] > features.dimensions) continue
    // A reward or a teacher is a mean over images.
    if (
      name === 'tuningSamples'
        ? settings.objective !== 'fid'
        : name === 'candidateSamples' && settings.objective === 'reward'
    )
      continue
    throw inputError(
      'learn.samples',
      `${name} must be more than the ${features.dimensions} features of ${features.name}, got ${settings[name]}; generate more images`,
    )
  }
}

/** @throws `learn.prediction` where a model that is there predicts something else than is asked for; `learn.mode` where it is a flow to be trained on */
function checkPrediction(subject: Subject, settings: LearnSettings): void {
  const { prediction } = settings
  const own = targetOf(subject, settings)
  if (prediction !== null && own !== prediction) {
    throw inputError(
      'learn.prediction',
      `prediction is what a model trained here predicts, got ${prediction} for a model that predicts ${own}; leave it out`,
    )
  }
  if (own !== 'flow' || settings.learn === 'sampling') return
  const rule = 'a flow has no training schedule to learn: its levels are sigma = t/T'
  throw inputError('learn.mode', `${rule}; got learn ${settings.learn}, use sampling`)
}

/** @throws `learn.start` where the start that the settings speak of is not there, or has other steps */
function checkStartPoint({ settings: { start, samplingSteps, timesteps }, startPoint = null }: LearnOptions): void {
  const refuse = (rule: string) => {
    throw inputError('learn.start', rule)
  }
  if (start === 'given' && !startPoint) {
    refuse('with start given, the schedule to start from (startPoint) comes beside the settings, got none; give it')
  }
  if (!startPoint) return
  if (start !== 'given') refuse(`the schedule ${startPoint.name} is for start given, got start ${start}; leave it out`)
  const { levels, timesteps: own } = startPoint.sampling
  if (levels.length === samplingSteps && own === timesteps) return
  const came = `${startPoint.name} has ${levels.length} steps of T = ${own}`
  refuse(`a start has the ${samplingSteps} steps that are learned for, of T = ${timesteps}, but ${came}; give another`)
}

/** @throws `times.derivative` where told times are to be learned by a derivative that the model does not have */
export function checkTimeDerivative({ subject, settings }: LearnOptions, { freeTimes, kind }: ScheduleFamily): void {
  if (!freeTimes || settings.estimator !== 'backpropagation' || hasDerivativeInTime(subject)) return
  throw inputError(
    'times.derivative',
    `backpropagation to free told times (family ${kind}) needs the model's derivative in the told time, which this model does not have; give it ` +
      '(timeVjp of functionDenoiser), learn levels, or use two-point, one-point or coordinate',
  )
}
