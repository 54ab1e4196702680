/** `bilevel sample MODEL --print python`: code that samples as the command would, by diffusers, in the place of images. */
import { stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { inputError } from '../../base/index.ts'
import type { ExportedForms, NamedSchedule } from '../../diffusion/files/index.ts'
import { exportForms, layoutOf, SCHEDULE_FILES } from '../../diffusion/files/index.ts'
import { conventionWords } from '../../diffusion/index.ts'
import { classNumber, classOfImage } from '../opening/classChoice.ts'
import { requireClasses, scaleOf } from '../opening/classGuidance.ts'
import { isModelFile } from '../opening/modelFile.ts'
import { modelFolderOf } from '../opening/modelFolder.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { pipelineNetwork } from '../opening/pipelineNetwork.ts'
import { runRecordOf } from '../opening/runRecord.ts'
import type { Side } from '../opening/runSide.ts'
import { DEFAULT_SIDE, openSide } from '../opening/runSide.ts'
import type { SamplingChoice } from '../opening/samplingChoice.ts'
import { chooseSampling } from '../opening/samplingChoice.ts'
import type { ScheduleNumbers } from '../opening/scheduleNumbers.ts'
import { scheduleNumbers } from '../opening/scheduleNumbers.ts'
import type { PythonNetwork } from '../reporting/context.ts'
import { learnsVariance, ownInputs, pythonCode } from '../reporting/python.ts'
import { pythonTime } from '../reporting/pythonTime.ts'
import type { SampleConfig } from './settings.ts'

export interface PrintedPython {
  readonly model: string
  readonly side: Side | null
  readonly schedule: ScheduleNumbers
  /** What a reader must know, a sentence each. */
  readonly notes: readonly string[]
  readonly python: string
}

/**
 * @param path a run, a model folder, or an ONNX file
 * @throws `sample.print` where diffusers cannot be told; `sample.*`; what opening throws
 */
export async function printPython(path: string, config: SampleConfig): Promise<PrintedPython> {
  const { guidance, weightsPrefix, scheduler, count } = config
  if (guidance !== null) throw refused('guided sampling is none of its schedulers', `guidance ${guidance}`)
  if (weightsPrefix !== null) throw refused('its from_pretrained takes no prefix', `weightsPrefix ${weightsPrefix}`)
  const { opened, side, notes } = await openSide(path, config)
  try {
    const choice = await chooseSampling(opened, config)
    requireClasses(opened, { class: config.class, guidanceScale: scaleOf(config, choice) })
    if (choice.own) {
      const rule = `${choice.own.className} is a class of diffusers itself`
      throw inputError(
        'sample.print',
        `${rule}; load it there with from_pretrained or from_config and ${scheduler ?? "the model's scheduler file"}, or name another sampler`,
      )
    }
    const { schedule, settings } = choice
    const forms = exportForms({ schedule, settings, prediction: opened.prediction })
    const { network, run, folders } = await placeOf(path, opened, side)
    const wanted = wantedClass(opened, config)
    const python = pythonCode({
      forms,
      network,
      imageShape: opened.imageShape,
      run,
      folder: await savedFolder(choice, opened, forms, run, folders),
      count,
      ...(wanted !== undefined && { class: wanted }),
      guidanceScale: config.guidanceScale,
    })
    if (python === null) throw refused('this schedule has no form there', forms.reason ?? settings.sampler)
    const told = [...opened.notes, ...notes, ...choice.notes]
    return { model: path, side, schedule: scheduleNumbers(choice), notes: told, python }
  } finally {
    await opened.close()
  }
}

const refused = (why: string, came: string) =>
  inputError('sample.print', `diffusers cannot be told of this: ${why}; got ${came}; leave --print out`)

/** Where Python finds the network, and the folders that may hold its schedules. */
async function placeOf(path: string, opened: OpenedModel, side: Side | null) {
  const { trainable, inputs, nullClass, conditional, sampling, pipeline } = opened
  const schedulesOfRun = join(path, 'model', 'schedules')
  if (!trainable) {
    if (pipeline) {
      const network = await pipelineNetwork(opened, pipeline)
      if (!network) throw refused('its network is of another convention', conventionWords(opened.convention.convention))
      return { network, run: pipeline.folder, folders: [schedulesOfRun] }
    }
    if (!inputs) throw refused('nothing says how its file is called', path)
    const classes = conditional ? 1 : undefined
    const told = pythonTime(opened.convention)
    if (!told) throw refused('its network is of another convention', conventionWords(opened.convention.convention))
    const network: PythonNetwork = {
      kind: 'onnx',
      path: await modelPathOf(path),
      inRun: false,
      inputs,
      ...told,
      classes,
      nullClass,
      learnsVariance: sampling.learnedVariance,
    }
    return { network, run: path, folders: [schedulesOfRun] }
  }
  const run = side === 'default' ? join(path, DEFAULT_SIDE) : await modelFolderOf(await modelPathOf(path))
  const { networkFolder } = await layoutOf(run)
  const { kind, classes, times, config } = trainable.network
  const folders = [join(run, 'schedules'), schedulesOfRun]
  if (kind === 'UNet2DModel') {
    const variance = learnsVariance(config)
    const network = { kind, classes, nullClass, learnsVariance: variance, path: relative(run, networkFolder) } as const
    return { network, run, folders }
  }
  const file = join(networkFolder, 'model.onnx')
  if (!(await isFile(file))) throw refused(`it has no ${kind}, and there is no ONNX file of it`, `${file} missing`)
  const ours = ownInputs(times, classes !== undefined)
  const network: PythonNetwork = {
    kind: 'onnx',
    path: relative(run, file),
    inRun: true,
    inputs: ours,
    timeScale: 1,
    classes,
    nullClass,
  }
  return { network, run, folders }
}

/** The path of the model itself: of a run that holds none, that of the one it names. */
async function modelPathOf(path: string): Promise<string> {
  const run = await runRecordOf(path)
  const { model } = run?.settings ?? {}
  if (run?.command === 'entropy' && typeof model === 'string') return modelPathOf(model)
  return isModelFile(model) ? model : path
}

/** The folder of a learned schedule with the files that its form is read from; null: it is none, or was saved without. */
async function savedFolder(
  { schedule, settings }: SamplingChoice,
  { schedules }: OpenedModel,
  { plain, steps }: ExportedForms,
  run: string,
  folders: readonly string[],
): Promise<string | null> {
  const same = (saved: NamedSchedule) =>
    saved.schedule === schedule && JSON.stringify(saved.settings) === JSON.stringify(settings)
  const saved = schedules.find(same)
  if (!saved) return null
  const inside = plain ? '' : steps ? SCHEDULE_FILES.perStep : SCHEDULE_FILES.ownClass
  for (const folder of folders) {
    const place = join(folder, saved.name)
    if (await isFile(join(place, inside, SCHEDULE_FILES.plain))) return relative(run, place)
  }
  return null
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isFile(),
    () => false,
  )

/** The class of all images, the null class where none is wanted; undefined: in turn, or there are none. @throws `sample.class` */
function wantedClass(opened: OpenedModel, config: SampleConfig): number | undefined {
  const wanted = classNumber(opened, config.class)
  classOfImage(opened, wanted)
  if (wanted === 'unconditional') return opened.conditional ? opened.nullClass : undefined
  return wanted ?? undefined
}
