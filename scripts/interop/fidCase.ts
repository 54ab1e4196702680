/** Statistics files of ours, scored by pytorch-fid. */
import '../../src/runtime/node/index.ts'
import { join } from 'node:path'
import { randomStream, tensor } from '../../src/base/index.ts'
import type { Split } from '../../src/data/index.ts'
import { digits } from '../../src/data/index.ts'
import { digitFeatures, writeStatistics } from '../../src/metrics/files/index.ts'
import { frechetDistance, referenceMoments } from '../../src/metrics/index.ts'
import type { Case } from './case.ts'

/** Normal rows [n, d], correlated, stretched and shifted. */
function normalRows(seed: number, count: number, d: number, shift: number) {
  const rows = randomStream({ seed, purpose: 'interop' }).normal(new Float64Array(count * d))
  for (let i = 0; i < count; i++) {
    for (let j = 1; j < d; j++) rows[i * d + j] = rows[i * d + j] * (1 + j / d) + 0.5 * rows[i * d + j - 1] + shift
  }
  return tensor('float64', [count, d], rows)
}

const imagesOf = ({ images, count, shape }: Split) => tensor('float32', [count, ...shape], images)

/** Of which distances are asked, by name: features that are compared, and those they are compared with. */
export async function featurePairs() {
  const { splits } = await digits({ size: 16 })
  const network = await digitFeatures({ size: 16 })
  try {
    return {
      normal: [normalRows(1, 300, 24, 0), normalRows(2, 200, 24, 0.3)],
      digits: [await network.features(imagesOf(splits.tuning)), await network.features(imagesOf(splits.heldOut))],
    } as const
  } finally {
    await network.dispose()
  }
}

export function fidCase(): Case {
  return {
    name: 'FID',
    about:
      "statistics files of ours, scored by pytorch-fid: relative difference to ours, of normal rows and of digits' features",
    bound: 1e-6,
    quick: true,
    async run(at) {
      const distances: Record<string, number> = {}
      let largest = 0
      for (const [name, [generated, real]] of Object.entries(await featurePairs())) {
        const files = await Promise.all(
          [real, generated].map(async (features, i) => {
            const file = `${name}-${i}.npz`
            await writeStatistics(join(at.folder, file), referenceMoments(features))
            return file
          }),
        )
        const [, theirs] = at.python('score_statistics.py', files) as readonly number[]
        const ours = frechetDistance(generated, referenceMoments(real)).value
        const apart = Math.abs(theirs / ours - 1)
        if (!(apart <= largest)) largest = apart
        distances[name] = theirs
      }
      return { largest, facts: { distances }, measured: { distances } }
    },
  }
}
