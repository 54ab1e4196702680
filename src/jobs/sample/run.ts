/** Images from a model: a grid, a file each, and their exact values. */

import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { inputError, sizeOf, tensor } from '../../base/index.ts'
import type { GenerateOptions } from '../../diffusion/index.ts'
import { generate, picturesOf } from '../../diffusion/index.ts'
import { writeAtomically } from '../../files/index.ts'
import { encodeSafetensors } from '../../nn/index.ts'
import { gridImage } from '../../report/index.ts'
import { changeNotesOf, claimFolder, requireNew } from '../../runs/index.ts'
import type { WorkHooks } from '../job.ts'
import { classOfImage, withClassNames } from '../opening/classChoice.ts'
import { openGuidedDenoiser } from '../opening/classGuidance.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import type { Side } from '../opening/runSide.ts'
import { openSide } from '../opening/runSide.ts'
import type { SamplingChoice } from '../opening/samplingChoice.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import type { ScheduleNumbers } from '../opening/scheduleNumbers.ts'
import { scheduleNumbers } from '../opening/scheduleNumbers.ts'
import { sharedData } from '../opening/sharedData.ts'
import { openGuidance } from './guidedSampling.ts'
import type { SampleConfig } from './settings.ts'

export interface SampleReport {
  readonly model: string
  /** Whose network of a run it is; null where there is only one. */
  readonly side: Side | null
  readonly schedule: ScheduleNumbers
  readonly count: number
  readonly seed: number
  readonly class: SampleConfig['class']
  /** Of classifier-free guidance towards the class; null: none. */
  readonly guidanceScale: number | null
  /** The guidance file; null: unguided. */
  readonly guidance: string | null
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
  readonly networkEvaluations: number
  /** Beside them: those by which the model was tried and its convention found. */
  readonly checkingEvaluations: number
  readonly seconds: number
  /** Folder with `grid.png`, `images/`, `samples.safetensors`; or the one picture that was asked for, a grid of all images. */
  readonly out: string
}

export interface SampleModelOptions extends WorkHooks {
  /** A new or empty folder for the images; or a new file, `….png`, for one picture of all of them. */
  readonly folder: string
  /** Whether JavaScript that the guidance file names may run. Default no. */
  readonly allowCode?: boolean
}

const [IMAGES, GRID, SAMPLES] = ['images', 'grid.png', 'samples.safetensors']
/** What is left in the folder. */
const RESULTS = [IMAGES, GRID, SAMPLES]

/** Most images across a grid. */
const COLUMNS = 10

/**
 * @param path a run, a model folder, or an ONNX file
 * @throws `sample.*`; what opening and sampling throw; `disk.write`
 */
export async function sampleModel(
  path: string,
  config: SampleConfig,
  { folder, allowCode, signal, onProgress, onNote }: SampleModelOptions,
): Promise<SampleReport> {
  const began = performance.now()
  const picture = isPicture(folder)
  await (picture ? requireNewPicture(folder) : requireNew(folder, RESULTS))
  const shared = sharedData({ ...config, size: null })
  const { pictures } = shared
  const {
    opened: plain,
    side,
    notes: sideNotes,
  } = await openSide(path, { ...config, pictures }, config.guidance !== null)
  const { schedule, scheduler, guidance } = config
  const told: string[] = []
  const tell = (notes: readonly string[]) => {
    told.push(...notes)
    for (const note of notes) onNote?.(note)
  }
  const closers = [plain.close]
  try {
    const opened = config.data === null ? plain : withClassNames(plain, (await shared.open(plain.pictureShape)).classes)
    tell([...opened.notes, ...sideNotes, ...(await changeNotesOf([schedule, scheduler, guidance]))])
    const { count, seed } = config
    const guided =
      config.guidance === null
        ? null
        : await openGuidance(config.guidance, opened, config, { ...(allowCode !== undefined && { allowCode }) })
    if (guided) closers.unshift(guided.close)
    tell(guided?.notes ?? [])
    const choice = guided?.choice ?? (await chooseSampling(opened, config))
    tell(choice.notes)
    const { denoiser, close } = await openGuidedDenoiser(opened, config, choice)
    closers.unshift(close)
    const progressed = (done: number, total: number) =>
      onProgress?.({ phase: 'sample', done, total, detail: choice.name })
    const wanted = { denoiser, count, seed, ...(signal && { signal }), onProgress: progressed }
    const draw = async (write: typeof writeImages, place: string) => {
      const { images, ...drawn } = guided
        ? await guided.draw(wanted)
        : { ...(await drawPlain(opened, config, choice, wanted)), notes: [] }
      const pictures = await picturesOf(denoiser, images)
      await write(place, pictures.shape, Float32Array.from(pictures.data))
      return drawn
    }
    const { evaluations, notes } = picture
      ? await draw(writeGrid, folder)
      : await claimFolder(folder, RESULTS, (inside) => draw(writeImages, inside))
    tell(notes)
    return {
      model: path,
      side,
      schedule: scheduleNumbers(choice),
      count,
      seed,
      class: config.class,
      guidanceScale: config.guidanceScale,
      guidance: config.guidance,
      notes: told,
      networkEvaluations: evaluations,
      checkingEvaluations: opened.evaluations,
      seconds: (performance.now() - began) / 1000,
      out: folder,
    }
  } finally {
    for (const closeOne of closers) await closeOne()
  }
}

function drawPlain(
  opened: OpenedModel,
  { class: wanted }: SampleConfig,
  { schedule, settings, own }: SamplingChoice,
  request: Pick<GenerateOptions, 'denoiser' | 'count' | 'seed' | 'signal' | 'onProgress'>,
) {
  const classOf = classOfImage(opened, wanted)
  const condition = classOf && Int32Array.from({ length: request.count }, (_, item) => classOf(item))
  return generate({ ...request, schedule, settings, ...(own && { own }), ...(condition && { condition }) })
}

async function writeImages(folder: string, [count, ...shape]: readonly number[], images: Float32Array): Promise<void> {
  const size = sizeOf(shape)
  const digits = String(count - 1).length
  for (let i = 0; i < count; i++) {
    const one = { label: String(i), count: 1, shape, images: images.subarray(i * size, (i + 1) * size) }
    await writeAtomically(join(folder, IMAGES, `${String(i).padStart(digits, '0')}.png`), gridImage(one, 1).png)
  }
  await writeGrid(join(folder, GRID), [count, ...shape], images)
  const tensors = { samples: tensor('float32', [count, ...shape], images) }
  await writeAtomically(join(folder, SAMPLES), encodeSafetensors(tensors))
}

/** One picture of all images. */
async function writeGrid(path: string, [count, ...shape]: readonly number[], images: Float32Array): Promise<void> {
  const columns = Math.min(COLUMNS, Math.ceil(Math.sqrt(count)))
  await writeAtomically(path, gridImage({ label: 'grid', count, shape, images }, columns).png)
}

const isPicture = (out: string): boolean => /\.png$/i.test(out)

/** @throws `sample.out` where something is there, or no folder to put it in */
async function requireNewPicture(path: string): Promise<void> {
  const rule = 'a picture of samples needs a new file'
  if (await stat(path).catch(() => null)) {
    throw inputError('sample.out', `${rule}, but ${path} is there; give another --out`)
  }
  const folder = dirname(path)
  if (!(await stat(folder).catch(() => null))?.isDirectory()) {
    throw inputError(
      'sample.out',
      `${rule} in a folder that is there, but ${folder} is none; make it, or give another --out`,
    )
  }
}
