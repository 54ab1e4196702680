/** Told times of every count: what the real classes take, with the list where our export gives one. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exportForms } from '../../src/diffusion/files/index.ts'
import { noiseSchedule, samplerSettings, samplingScheduleFrom } from '../../src/diffusion/index.ts'
import type { Case } from './case.ts'

const SAMPLERS = { ddpm: 'DDPMScheduler', 'dpm-solver++': 'DPMSolverMultistepScheduler' } as const

export function toldTimesCase(): Case {
  return {
    name: 'told times',
    about: 'every count of T = 60, 100, 1000 and 1024; largest: wrong lists',
    bound: 0,
    quick: true,
    async run(at) {
      const asked = [60, 100, 1000, 1024].flatMap((T) => askedOf(T))
      await writeFile(join(at.folder, 'asked.json'), JSON.stringify(asked))
      const facts = at.python('told_times.py', ['asked.json']) as { readonly wrong: readonly unknown[] }
      return { largest: facts.wrong.length, facts: { ...facts } }
    },
  }
}

function askedOf(T: number) {
  const trained = noiseSchedule({ family: 'linear', timesteps: T })
  return Array.from({ length: T }, (_, i) => i + 1).flatMap((steps) =>
    Object.entries(SAMPLERS).map(([sampler, name]) => {
      const schedule = samplingScheduleFrom(trained, 'trailing', steps)
      const settings = samplerSettings({ sampler: sampler as keyof typeof SAMPLERS, clip: null })
      const { plain, reason } = exportForms({ schedule, settings, prediction: 'noise' })
      if (!plain) throw new Error(`${steps} of ${T}: ${reason}`)
      return { class: name, T, steps, timesteps: plain.timesteps, times: schedule.times }
    }),
  )
}
