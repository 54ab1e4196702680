/** Every form of every sampler's schedules, read from its file and run by the real class: levels, told times, images. */
import { writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { exportForms } from '../../src/diffusion/files/index.ts'
import { functionDenoiser, generate } from '../../src/diffusion/index.ts'
import type { Case, Measured } from './case.ts'
import type { VectorRequest } from './vectors.ts'
import { COUNT, formula, IMAGE_SHAPE, noiseOf, SEED, samplingOf, VECTORS } from './vectors.ts'

/** A form as Python is asked for it. */
interface AskedForm {
  readonly form: 'plain' | 'steps' | 'ownClass'
  readonly config: Readonly<Record<string, unknown>>
  readonly steps: number
  readonly timesteps: readonly number[] | null
  readonly sigmas: readonly number[] | null
  /** What the network is told; null: the scheduler's own times. */
  readonly told: readonly number[] | null
  readonly stepArguments: Readonly<Record<string, number | boolean>>
  readonly scaled: boolean
}

interface Answer {
  readonly class: string
  readonly levels: readonly number[]
  readonly times: readonly number[]
  readonly images: readonly number[]
}

const MOST_STEPS = 8

export function vectorsCase(): Case {
  return {
    name: 'schedules in every form',
    about: 'levels, told times and images of every sampler, from files by from_pretrained, on a formula',
    bound: 1e-4,
    quick: true,
    async run(at) {
      const asked = VECTORS.flatMap((request) => formsOf(request).map((form) => ({ request, form })))
      const { start, noise } = noiseOf(MOST_STEPS)
      const shape = [COUNT, ...IMAGE_SHAPE]
      await writeFile(
        join(at.folder, 'asked.json'),
        JSON.stringify({ start, noise, shape, cases: asked.map(({ form }) => form) }),
      )
      const { cases } = at.python('run_vectors.py', ['asked.json', resolve('assets/python')]) as {
        readonly cases: readonly Answer[]
      }
      let largest = 0
      const vectors: Measured[] = []
      for (const [i, { request, form }] of asked.entries()) {
        const apart = await apartFrom(request, form, cases[i])
        // NaN is no small difference.
        if (!(apart <= largest)) largest = apart
        vectors.push({ ...request, ...form, measured: cases[i] })
      }
      const classes = [...new Set(cases.map((answer) => answer.class))].join(', ')
      return {
        largest,
        facts: { class: classes, forms: cases.length },
        measured: { start, noise, shape, cases: vectors },
      }
    },
  }
}

function formsOf(request: VectorRequest): AskedForm[] {
  const { prediction } = request
  const { plain, steps, ownClass } = exportForms({ ...samplingOf(request), prediction })
  const count = request.schedule.logSnr.length
  const shared = { steps: count, timesteps: null, sigmas: null, told: null, stepArguments: {}, scaled: false }
  const forms: AskedForm[] = []
  if (plain) forms.push({ ...shared, form: 'plain', ...plain })
  if (steps) forms.push({ ...shared, form: 'steps', ...steps })
  if (ownClass) forms.push({ ...shared, form: 'ownClass', ...ownClass })
  if (forms.length === 0) throw new Error(`${request.name} must export`)
  return forms
}

async function apartFrom(request: VectorRequest, { form, told }: AskedForm, answer: Answer): Promise<number> {
  const { schedule, settings } = samplingOf(request)
  const denoiser = functionDenoiser({
    imageShape: IMAGE_SHAPE,
    prediction: request.prediction,
    predict: ({ data }, time) => data.map((x) => formula(x, time)),
  })
  const { images } = await generate({ denoiser, schedule, settings, count: COUNT, seed: SEED })
  // Unclipped images leave [-1, 1]: of larger numbers it is the relative difference.
  const differences = [...images.data].map(
    (value, j) => Math.abs(value - answer.images[j]) / Math.max(1, Math.abs(value)),
  )
  // Heun's class has the levels between twice.
  const once = <T>(values: readonly T[]) =>
    values.filter((_, k) => settings.sampler !== 'heun' || k === 0 || k % 2 === 1)
  for (const [k, { logSnr }] of schedule.levels.entries()) differences.push(Math.abs(logSnr - once(answer.levels)[k]))
  const times = once(form === 'steps' ? (told ?? []) : answer.times)
  for (const [k, time] of schedule.times.entries()) differences.push(Math.abs(time - times[k]))
  return differences.reduce((most, value) => (value <= most ? most : value), 0)
}
