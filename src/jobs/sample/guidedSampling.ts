/** Images with the guidance that a file holds: the guided chain it was tuned for, or the tilted distribution itself, by weighted particles. */

import { readFile } from 'node:fs/promises'
import { inputError, randomStream } from '../../base/index.ts'
import type { SavedGuidance } from '../../diffusion/files/index.ts'
import { readGuidance } from '../../diffusion/files/index.ts'
import type { Denoiser, Images } from '../../diffusion/index.ts'
import {
  generateGuided,
  imagesByWeight,
  pathOf,
  samplingScheduleFrom,
  sequentialMonteCarlo,
  stepListsOf,
} from '../../diffusion/index.ts'
import type { Reward } from '../../rewards/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { resolveSettings } from '../../runs/index.ts'
import { rewardOfLatents } from '../../tuners/index.ts'
import { entropySchema, REWARDS_EARLIER } from '../entropy/settings.ts'
import { classChoice, classNumber, classOfImage } from '../opening/classChoice.ts'
import { requireAllowedCode, requireRecordedCode } from '../opening/namedCode.ts'
import type { OpenedModel } from '../opening/openedModel.ts'
import { takesPrompts } from '../opening/promptsUsed.ts'
import { openRewardNetworks, REWARD_SETTINGS } from '../opening/rewardNetworks.ts'
import { runRecordOf } from '../opening/runRecord.ts'
import type { SamplingChoice } from '../opening/samplingChoice.ts'
import { ownGuidance } from './ownGuidance.ts'
import type { SampleConfig } from './settings.ts'

/** Particles drawn for each image of a tilted distribution, so that few images repeat. */
export const PARTICLES_PER_IMAGE = 8

/**
 * What lies below the given layers of `bilevel sample`: what a guidance file says of its images. A run of `bilevel entropy` brings its own
 * guidance, of several sets of prompts that of `promptSet`; `guidance: null` turns that off.
 * @throws `sample.guidance`, `guidanceFile.*`
 */
export async function sampleLayers(model: string, given: readonly SettingsLayer[]): Promise<readonly SettingsLayer[]> {
  const last = (name: string) => given.findLast(({ values }) => values[name] !== undefined)?.values[name]
  const [asked, set] = [last('guidance'), last('promptSet')]
  const named = typeof set === 'string' && set !== NONE ? set : null
  const path = asked === undefined ? await ownGuidance(model, named) : asked
  if (typeof path !== 'string' || path === NONE) return scheduleLayers(model)
  const { class: wanted, guidanceScale = null, rewardSettings } = await guidanceAt(path)
  const { promptSet } = rewardSettings
  // The prompts of a reward alone are none of the model's.
  const isOfModel = promptSet != null && (await takesPrompts(model))
  return [{ source: path, values: { guidance: path, class: wanted, guidanceScale, ...(isOfModel && { promptSet }) } }]
}

/** Of a run of `bilevel schedule`: what class its images were of, and how they were guided to it. */
async function scheduleLayers(model: string): Promise<readonly SettingsLayer[]> {
  const run = await runRecordOf(model)
  if (run?.command !== 'schedule') return []
  const { class: wanted, guidanceScale } = run.settings
  const values = { class: wanted ?? undefined, guidanceScale: guidanceScale ?? undefined }
  return [{ source: model, values }]
}

/** Nothing, as a word of the environment. */
const NONE = 'none'

/** @throws `sample.guidance` if it cannot be read; `guidanceFile.*` */
export async function guidanceAt(path: string): Promise<SavedGuidance> {
  const text = await readFile(path, 'utf8').catch((cause: Error) => {
    throw inputError(
      'sample.guidance',
      `guidance must be a guidance.json of bilevel entropy, '${path}' cannot be read: ${cause.message}`,
      { cause },
    )
  })
  return readGuidance(text, path)
}

/** The sampler and schedule of a guidance file. @throws `sample.guidance`, `guidanceFile.*` */
export async function guidedChoice(path: string, opened: OpenedModel): Promise<SamplingChoice> {
  return choiceOf(path, await guidanceAt(path), opened)
}

/** What draws guided images, and what there is to know of them. */
export interface GuidedSampling {
  readonly choice: SamplingChoice
  readonly notes: readonly string[]
  draw(options: GuidedDraw): Promise<GuidedImages>
  close(): Promise<void>
}

export interface GuidedImages {
  readonly images: Images
  readonly evaluations: number
  /** What there is to know of them, a sentence each. */
  readonly notes: readonly string[]
}

export interface GuidedDraw {
  readonly denoiser: Denoiser
  readonly count: number
  readonly seed: number
  readonly signal?: AbortSignal
  readonly onProgress: (done: number, total: number) => void
}

/**
 * Opens the guidance and its reward for a model. JavaScript that the file names is loaded if it is the recorded one and allowed.
 * @throws `code.changed`, `code.notAllowed`; `sample.guidance` on settings that the file decides or a schedule of another model, `sample.class` on a class that the model does
 * not know; `guidanceFile.*`, `data.*`, `reward.*`
 */
export async function openGuidance(
  path: string,
  opened: OpenedModel,
  config: SampleConfig,
  { allowCode }: { readonly allowCode?: boolean } = {},
): Promise<GuidedSampling> {
  checkFree(path, config)
  const saved = await guidanceAt(path)
  await requireRecordedCode(path, [saved.reward], saved.code)
  requireAllowedCode(path, [saved.reward], allowCode)
  const choice = choiceOf(path, saved, opened)
  const classOf = classOfGuided(path, saved, opened, config)
  const earlier = { source: 'the defaults', values: REWARDS_EARLIER }
  const layer = { source: path, values: saved.rewardSettings }
  const settings = resolveSettings(entropySchema.pick(pickOf(REWARD_SETTINGS)), [earlier, layer])
  const { pictureShape: imageShape } = opened
  const { chunk: batch, device, rewardTimeout: timeout } = config
  const networks = await openRewardNetworks(settings, { imageShape, batch, device, timeout })
  try {
    const reward = await networks.open(saved.reward)
    const notes = [...changeNotes(path, saved, reward, opened), ...classNotes(path, saved, opened, config)]
    const guided = saved.target === 'guided'
    if (!guided)
      notes.push(`${path} is for target ${saved.target}: images are drawn from the tilt by weighted particles`)
    const draw = guided ? drawGuided : drawTilted
    return {
      choice,
      notes,
      draw: (options) => draw({ ...options, saved, choice, reward: rewardFor(options.denoiser, reward), classOf }),
      close: networks.close,
    }
  } catch (error) {
    await networks.close()
    throw error
  }
}

/** Of the images that a denoiser makes. */
const rewardFor = ({ decoder, imageShape }: Denoiser, reward: Reward): Reward =>
  decoder ? rewardOfLatents(reward, decoder, imageShape) : reward

const pickOf = <K extends string>(keys: readonly K[]) =>
  Object.fromEntries(keys.map((key) => [key, true])) as Record<K, true>

function classWords(one: SavedGuidance['class']): string {
  if (one === null) return 'the classes in turn'
  return one === 'unconditional' ? 'no class' : `class ${one}`
}

/** @throws `sample.class`, which names the file where that is what decided */
function classOfGuided(path: string, saved: SavedGuidance, opened: OpenedModel, config: SampleConfig) {
  const wanted = classNumber(opened, config.class)
  if (wanted !== saved.class) return classOfImage(opened, wanted)
  const choice = classChoice(opened, wanted)
  if ('classOf' in choice) return choice.classOf
  throw inputError(
    'sample.class',
    `${path} is for ${classWords(wanted)}, but ${choice.wrong}; sample from the model it was tuned for, or give another --class`,
  )
}

const setWords = (set: unknown): string => (set === null ? 'the prompts of all sets' : `the prompts of set ${set}`)

function classNotes(
  path: string,
  saved: SavedGuidance,
  opened: OpenedModel,
  { class: asked, guidanceScale, promptSet }: SampleConfig,
): string[] {
  const tunedSet = saved.rewardSettings.promptSet ?? null
  const scaleWords = (scale: number | null | undefined) => (scale === null || scale === undefined ? 'none' : `${scale}`)
  const pairs = [
    [saved.class, classNumber(opened, asked)].map(classWords),
    [saved.guidanceScale, guidanceScale].map((scale) => `guidance scale ${scaleWords(scale)}`),
    ...(opened.pipeline?.encoder ? [[tunedSet, promptSet].map(setWords)] : []),
  ]
  return pairs
    .filter(([tuned, wanted]) => tuned !== wanted)
    .map(
      ([tuned, wanted]) =>
        `${path} was tuned for ${tuned} and the images are drawn for ${wanted}: lambda may not be the best one there`,
    )
}

function changeNotes(path: string, saved: SavedGuidance, reward: Reward, { hash }: OpenedModel): string[] {
  const notes: string[] = []
  if (saved.learnedFor !== hash) notes.push(`${path} was tuned for another model than this one`)
  if (saved.rewardHash !== reward.hash)
    notes.push(`the reward ${reward.name} is not the one that ${path} was tuned for`)
  return notes
}

/** @throws `sample.guidance` where a setting is given that the file decides */
function checkFree(path: string, config: SampleConfig): void {
  const { schedule, sampler, steps, eta } = config
  const given = Object.entries({ schedule, sampler, steps, eta }).find(([, value]) => value !== null)
  if (!given) return
  throw inputError(
    'sample.guidance',
    `lambda is tuned for one sampler and schedule, those in ${path}, but ${given[0]} ${given[1]} is given; leave it out, or --guidance none`,
  )
}

function choiceOf(
  path: string,
  { settings, samplingSchedule: steps, entropyStrength, target }: SavedGuidance,
  opened: OpenedModel,
): SamplingChoice {
  const { schedule: trained } = opened
  const schedule = 'name' in steps ? named(path, steps, opened) : steps
  if (schedule.timesteps !== trained.timesteps) {
    const came = `${path} is for T = ${schedule.timesteps}`
    throw inputError('sample.guidance', `a schedule must be for the model's T = ${trained.timesteps}, but ${came}`)
  }
  const [tuned, own] = [pathOf(schedule.levels), trained.path].map((path) => (path === 'flow' ? 'a flow' : 'no flow'))
  if (tuned !== own)
    throw inputError(
      'sample.guidance',
      `${path} is for ${tuned}, and this model is ${own}; take the model it was tuned for`,
    )
  const lambda = Number(entropyStrength.value.toPrecision(4))
  const name = `${settings.sampler}, ${schedule.levels.length} steps, ${target === 'guided' ? 'guided' : 'tilted'} at lambda ${lambda}`
  return { name, schedule, settings, notes: [] }
}

function named(
  path: string,
  { name, steps }: { name: string; steps: number },
  { schedule, times, schedules }: OpenedModel,
) {
  const learned = schedules.find((one) => one.name === name)
  if (learned) return learned.schedule
  const lists = stepListsOf(schedule)
  const list = lists.find((known) => known === name)
  if (list) return samplingScheduleFrom(schedule, list, steps, times)
  const known = [...schedules.map((one) => one.name), ...lists].join(', ')
  throw inputError('sample.guidance', `${path} names the schedule '${name}', this model has ${known}`)
}

interface Drawing extends GuidedDraw {
  readonly saved: SavedGuidance
  readonly choice: SamplingChoice
  readonly reward: Reward
  readonly classOf: ((item: number) => number) | undefined
}

async function drawGuided(drawing: Drawing): Promise<GuidedImages> {
  const { count, saved, reward, onProgress } = drawing
  const { entropyStrength, minimumAlphaBar, through } = saved
  const { onBad } = reward
  const guidance = {
    reward: reward.gradient,
    scale: 1 / entropyStrength.value,
    minimumAlphaBar,
    through,
    ...(onBad && { unrated: onBad }),
  }
  const { images, evaluations } = await generateGuided({ ...requestOf(drawing, count), guidance, onProgress })
  return { images, evaluations, notes: reward.notes?.() ?? [] }
}

/** One population of particles, from which images are drawn by weight: an image depends on how many there are. */
async function drawTilted(drawing: Drawing): Promise<GuidedImages> {
  const { count, saved, seed, reward, onProgress } = drawing
  const particles = await sequentialMonteCarlo({
    ...requestOf(drawing, PARTICLES_PER_IMAGE * count),
    reward: reward.values,
    scale: 1 / saved.entropyStrength.value,
    minimumAlphaBar: saved.minimumAlphaBar,
    ...(reward.onBad && { unrated: reward.onBad }),
    onProgress,
  })
  const { images, starts } = imagesByWeight(particles, count, randomStream({ seed, purpose: 'sample.tilt' }))
  const notes = [...(reward.notes?.() ?? []), ...startNotes(starts)]
  return { images, evaluations: particles.evaluations, notes }
}

/** Said where images descend from a handful: the tilt is further from the model than the particles reach. */
function startNotes(starts: Int32Array): string[] {
  const different = new Set(starts).size
  if (2 * different >= starts.length) return []
  return [
    `the ${starts.length} images descend from ${different} start${different === 1 ? '' : 's'}, so many are alike: the tilt is far from the model; draw more at once, or weaken guidance`,
  ]
}

function requestOf({ denoiser, choice, seed, classOf, signal }: Drawing, count: number) {
  const { schedule, settings } = choice
  const condition = classOf && Int32Array.from({ length: count }, (_, item) => classOf(item))
  return { denoiser, schedule, settings, count, seed, ...(condition && { condition }), ...(signal && { signal }) }
}
