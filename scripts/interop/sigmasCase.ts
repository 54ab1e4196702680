/** sigmas.txt and sigmas.json, read as people's tools read them, and stepped through by a real class that takes such a list. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sigmaJson, sigmaText } from '../../src/diffusion/files/index.ts'
import {
  functionDenoiser,
  generate,
  noiseSchedule,
  samplerSettings,
  samplingScheduleFrom,
} from '../../src/diffusion/index.ts'
import type { Case } from './case.ts'
import { COUNT, formula, IMAGE_SHAPE, noiseOf, SEED } from './vectors.ts'

interface Answer {
  readonly sigmas: readonly number[]
  readonly times: readonly number[]
  readonly images: readonly number[]
}

export function sigmasCase(): Case {
  return {
    name: 'sigmas.txt',
    about: "a list of levels, told as the schedule's own times: EulerDiscreteScheduler, against our DDIM there",
    bound: 1e-3,
    quick: true,
    async run(at) {
      const trained = noiseSchedule({ family: 'linear', timesteps: 1000 })
      const schedule = samplingScheduleFrom(trained, 'karras', 6)
      await writeFile(join(at.folder, 'sigmas.txt'), sigmaText(schedule))
      await writeFile(join(at.folder, 'sigmas.json'), sigmaJson(schedule))
      const { start } = noiseOf(0)
      await writeFile(join(at.folder, 'noise.json'), JSON.stringify({ start, shape: [COUNT, ...IMAGE_SHAPE] }))
      const answer = at.python('run_sigmas.py', ['sigmas.txt', 'sigmas.json', 'noise.json']) as Answer
      const settings = samplerSettings({ clip: null })
      const predict = ({ data }: { readonly data: Float64Array }, time: number) => data.map((x) => formula(x, time))
      const denoiser = functionDenoiser({ imageShape: IMAGE_SHAPE, predict })
      const { images } = await generate({ denoiser, schedule, settings, count: COUNT, seed: SEED })
      const differences = [...images.data].map(
        (value, j) => Math.abs(value - answer.images[j]) / Math.max(1, Math.abs(value)),
      )
      for (const [k, { logSnr }] of schedule.levels.entries()) {
        differences.push(Math.abs(answer.sigmas[k] / Math.exp(-logSnr / 2) - 1))
      }
      for (const [k, time] of schedule.times.entries()) differences.push(Math.abs(answer.times[k] - time))
      const largest = differences.reduce((most, value) => (value <= most ? most : value), 0)
      return { largest, facts: { class: 'EulerDiscreteScheduler', steps: schedule.levels.length } }
    },
  }
}
