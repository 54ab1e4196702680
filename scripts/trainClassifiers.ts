/**
 * Trains the digit classifiers of assets/classifiers on the training split of the embedded digits and records their accuracy:
 *
 *     npm run train:classifiers                        (all four, five to ten minutes on two cores)
 *     npm run train:classifiers -- digits16-judge      (one of them)
 */
import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import '../src/runtime/node/index.ts'
import { tensor } from '../src/base/index.ts'
import type { Split } from '../src/data/index.ts'
import { digits } from '../src/data/index.ts'
import { writeSafetensors } from '../src/files/index.ts'
import type { ClassifierRecord } from '../src/metrics/files/index.ts'
import { digitClassifierPath } from '../src/metrics/files/index.ts'
import type { ClassifierConfig, ClassifierFeatures, ClassifierTraining } from '../src/metrics/index.ts'
import { accuracyOf, classifierFeatures, trainClassifier } from '../src/metrics/index.ts'

const LOOKS = {
  features: { widths: [16, 32], kernels: [3, 3], seed: 0 },
  judge: { widths: [24, 40], kernels: [5, 3], seed: 1 },
} as const
const STEPS = 4000

function planOf(size: 16 | 28, role: 'features' | 'judge') {
  const { widths, kernels, seed } = LOOKS[role]
  const config: ClassifierConfig = { imageShape: [1, size, size], widths, kernels, features: 64, classes: 10 }
  const training: ClassifierTraining = {
    seed,
    steps: STEPS,
    batch: 64,
    rate: 4e-3,
    weightDecay: 1e-2,
    dropout: 0.2,
    augmentation: { rotation: 8, scale: 0.08, shear: 0.08, shift: 1.5 },
  }
  return { id: `digits${size}-${role}`, size, role, config, training }
}

async function accuracyIn(network: ClassifierFeatures, { count, images, labels, shape }: Split): Promise<number> {
  const probabilities = await network.probabilities(tensor('float32', [count, ...shape], images))
  return accuracyOf(probabilities, labels ?? new Int32Array(0))
}

async function make({ id, size, role, config, training }: ReturnType<typeof planOf>): Promise<void> {
  const source = await digits({ size: 28 })
  const { splits, provenance } = await digits({ size })
  const started = performance.now()
  const onStep = ({ step, loss }: { step: number; loss: number }) => {
    if (step % 500 === 0) console.log(`${id}: step ${step}, loss ${loss.toFixed(4)}`)
  }
  const weights = await trainClassifier({ config, training, data: source.splits.train, onStep })
  const path = digitClassifierPath(size, role, 'safetensors')
  await writeSafetensors(path, weights)
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
  const name = `lenet-${id}-${sha256.slice(0, 8)}`
  const network = await classifierFeatures({ config, weights, name, hash: sha256 })
  const accuracy = {
    heldOut: await accuracyIn(network, splits.heldOut),
    tuning: await accuracyIn(network, splits.tuning),
  }
  await network.dispose()
  const command = `npm run train:classifiers -- ${id}`
  const record: ClassifierRecord = { name, sha256, config, training, data: provenance.sha256, accuracy, command }
  await writeFile(digitClassifierPath(size, role, 'json'), `${JSON.stringify(record, null, 2)}\n`)
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  console.log(`${name}: held-out ${accuracy.heldOut}, tuning ${accuracy.tuning}, ${seconds} s`)
}

const plans = ([16, 28] as const).flatMap((size) => [planOf(size, 'features'), planOf(size, 'judge')])
const wanted = process.argv.slice(2)
const unknown = wanted.find((id) => !plans.some((plan) => plan.id === id))
if (unknown !== undefined) throw new Error(`'${unknown}' is none of ${plans.map(({ id }) => id).join(', ')}`)
for (const plan of plans) if (wanted.length === 0 || wanted.includes(plan.id)) await make(plan)
