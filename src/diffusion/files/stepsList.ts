/**
 * Lists of steps as people have them: sigmas (noise over signal, of a flow the noise itself) or told times, noisiest first. Text with any separators
 * (commas, spaces, semicolons, line ends, tabs, bars; in brackets or a `tensor([...])`, after `sigmas =`, with `#` comments), or JSON: a list, or an object
 * with one under `sigmas`, `timesteps` or `times`. With both, the sigmas are the levels and the times what the network is told there.
 */
import { inputError } from '../../base/index.ts'

/** A list, checked: it falls. */
export interface StepsList {
  /** What the file says that they are; null: it does not, and `kindOf` tells by their size. */
  readonly kind: 'sigmas' | 'times' | null
  /** As they stand in the file. */
  readonly values: readonly number[]
  /** Told times beside sigmas; null: none. */
  readonly told: readonly number[] | null
}

/** Sigmas and told times, by their size: no model is noised to a sigma of so much in its first step by a whole number. */
const LEAST_FIRST_TIME = 100

/**
 * Whether numbers are sigmas or times, where nothing says so: times are whole numbers of which the first lies above every customary sigma (100), or any
 * numbers of which the first lies above the model's own largest sigma and within its times.
 * @param most the model's T and its largest sigma, where it is known
 */
export function kindOf(
  { kind, values: [first, ...rest] }: StepsList,
  most?: { readonly time: number; readonly sigma: number },
): 'sigmas' | 'times' {
  if (kind !== null) return kind
  if (first < LEAST_FIRST_TIME) return 'sigmas'
  if ([first, ...rest].every(Number.isInteger)) return 'times'
  return most && first > 1.01 * most.sigma && first <= most.time ? 'times' : 'sigmas'
}

/** The list in a text; null: it holds none. @param json what the text is as JSON; undefined: it is none */
export function stepsListIn(text: string, json: unknown): StepsList | null {
  if (json === undefined) return listOfText(text)
  const list = (kind: StepsList['kind'], values: readonly number[] | null) => values && { kind, values, told: null }
  if (typeof json === 'number') return list(null, [json])
  if (json === null || typeof json !== 'object') return null
  if (Array.isArray(json)) return list(null, numbersIn(json))
  if ('levels' in json || '_class_name' in json) return null
  const named = json as Readonly<Record<string, unknown>>
  const [sigmas, times] = [numbersIn(named.sigmas), numbersIn(named.timesteps) ?? numbersIn(named.times)]
  return sigmas ? { kind: 'sigmas', values: sigmas, told: times } : list('times', times)
}

function numbersIn(value: unknown): readonly number[] | null {
  if (!Array.isArray(value) || value.length === 0) return null
  // A list in a list, as of a tensor with a batch.
  if (value.length === 1 && Array.isArray(value[0])) return numbersIn(value[0])
  return value.every((one) => typeof one === 'number') ? value : null
}

/** `#` and `//` to the end of a line. */
const COMMENT = /(#|\/\/).*$/gm
/** `sigmas = `, `times:`, `timesteps\n`. */
const NAME = /^\s*["']?(sigmas?|timesteps?|times?)["']?\s*[:=\n]/i
/** `torch.tensor(`, `np.array(`. */
const CALL = /\b((torch|np|numpy)\.)?(tensor|FloatTensor|array)\s*\(/g
const SEPARATORS = /[\s,;|()[\]{}]+/

function listOfText(text: string): StepsList | null {
  const plain = text.replace(/^\uFEFF/, '').replace(COMMENT, '')
  const [start = '', name] = NAME.exec(plain) ?? []
  const words = plain
    .slice(start.length)
    .replace(CALL, ' ')
    .split(SEPARATORS)
    .filter((word) => word !== '')
  const values = words.map(Number)
  if (values.length === 0 || !values.every(Number.isFinite)) return null
  return { kind: name === undefined ? null : /^s/i.test(name) ? 'sigmas' : 'times', values, told: null }
}

/** The steps of a list, and the times told at them if it says so. */
export interface ListedSteps {
  readonly kind: 'sigmas' | 'times'
  /** Without the clean image, which ends many lists of sigmas and is no step. */
  readonly values: readonly number[]
  readonly told: readonly number[] | null
}

/** @throws `start.order` on a list that does not fall, `start.file` on numbers that are no sigmas or times */
export function listedSteps(path: string, list: StepsList, kind: 'sigmas' | 'times'): ListedSteps {
  const { values: all, told } = list
  const values = kind === 'sigmas' && all[all.length - 1] === 0 ? all.slice(0, -1) : all
  requireFalling(path, values)
  if (values.length === 0 || values.some((value) => !(kind === 'times' ? value >= 0 : value > 0))) {
    const rule = kind === 'times' ? 'times from 0 on' : 'sigmas above 0, at most a 0 at its end'
    throw inputError('start.file', `${path} must hold ${rule}; got ${shown(all)}; mend it`)
  }
  if (!told) return { kind, values, told }
  if (told.length !== values.length) {
    throw inputError(
      'start.file',
      `${path} must hold a time for each sigma but the last 0, got ${values.length} sigmas and ${told.length} times; mend it`,
    )
  }
  return { kind, values, told }
}

function requireFalling(path: string, values: readonly number[]): void {
  const rising = values.findIndex((value, i) => i > 0 && !(value < values[i - 1]))
  if (rising < 1) return
  throw inputError(
    'start.order',
    `a list of steps falls, noisiest first, but number ${rising + 1} of ${path} is ${values[rising]} after ${values[rising - 1]}; turn it around`,
  )
}

const MOST_SHOWN = 12

const shown = (values: readonly number[]): string =>
  values.length <= MOST_SHOWN ? values.join(', ') : `${values.slice(0, MOST_SHOWN).join(', ')}, …`
