/** Trains a small model on digits, learns a sampling schedule for ten steps, compares it with the defaults, and saves the model with it. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  digitFeatures,
  digitJudge,
  digits,
  learnSchedule,
  learnSettings,
  saveModel,
  scheduleName,
  unet,
} from 'bilevel-diffusion'

const size = 16
const data = await digits({ size })
const features = await digitFeatures({ size })
const judge = await digitJudge({ size })

const { result, model, trainingSchedule, sampling, settings } = await learnSchedule({
  subject: { kind: 'train', network: unet({ size, channels: [8, 16], groups: 4 }) },
  data,
  features,
  judge,
  // So small that it takes seconds; 1,500 training steps, 10 iterations and four starts give good digits.
  settings: learnSettings({
    trainSteps: 20,
    starts: 1,
    iterations: 2,
    samplingSteps: 4,
    tuningSamples: 80,
    candidateSamples: 80,
    evaluationSamples: 80,
    samplingSeeds: [1, 2],
  }),
})

const { learned, bestDefault, featureNetwork } = result
console.log(`${learned.label}: ${learned.fid?.mean}, best default: ${bestDefault.fid?.mean}, in ${featureNetwork}`)

if (model) {
  const saved = { schedule: sampling, settings, learnedFor: { features: features.name, hash: features.hash } }
  const samplingSchedules = [{ name: scheduleName(saved), ...saved }]
  const folder = await mkdtemp(join(tmpdir(), 'learned-model-'))
  await saveModel(folder, { ...model, noiseSchedule: trainingSchedule, samplingSchedules }, { onnx: true })
  console.log(`model: ${folder}`)
}
