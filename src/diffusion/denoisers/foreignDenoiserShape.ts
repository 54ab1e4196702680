/** What images somebody else's ONNX file is run on, and how many at once: what it declares, and what is given where it leaves them open. */
import type { Shape } from '../../base/index.ts'
import { inputError, MOST } from '../../base/index.ts'
import type { ForeignValue } from '../../runtime/index.ts'
import type { DenoiserInputs, ImageLayout } from './foreignDenoiserInputs.ts'

/** [channels, height, width], wherever the file has its channels; null: what the file takes. */
export type WantedShape = readonly (number | null)[]

/** Numbers of channels that a file is tried with which leaves them open. */
const CHANNELS = [1, 3] as const

/**
 * Images a call, and the batch that a file is made for where it is made for one: then a call is of the largest multiple of it that is wanted, of one
 * at least.
 * @throws `model.batch`
 */
export function batchOf(
  { image, time, classes }: DenoiserInputs,
  wanted: number | undefined,
): { readonly batch: number | undefined; readonly fixed: number | undefined } {
  const declared = [image, time, ...(classes ? [classes] : [])].map(({ shape }) => shape[0])
  // A time [1] may be one time for all; an image or class [1] is one image.
  const fixed = declared.find((extent, i) => typeof extent === 'number' && (i !== 1 || extent > 1))
  if (wanted !== undefined && !(Number.isInteger(wanted) && wanted >= 1)) {
    throw inputError('model.batch', `the batch must be an integer of at least 1, got ${wanted}`)
  }
  if (typeof fixed !== 'number') return { batch: wanted, fixed: undefined }
  return { batch: fixed * Math.max(1, Math.floor((wanted ?? fixed) / fixed)), fixed }
}

/**
 * The shape of a file's images, from its input, its output, and what is wanted. Several, to be tried, where all of these leave the channels
 * open: then its weights decide.
 * @param output what it predicts
 * @throws `model.imageShape` where the sides are not known, or what is wanted does not fit
 */
export function imageShapesOf(
  file: string,
  { image: { name, shape }, layout = 'nchw' }: Pick<DenoiserInputs, 'image' | 'layout'>,
  output: ForeignValue | undefined,
  wanted: WantedShape | undefined,
): readonly Shape[] {
  const declared = imageAxes(shape, layout)
  if (wanted && !fits(declared, wanted)) {
    const asked = wanted.map((extent, i) => extent ?? declared[i])
    throw inputError('model.imageShape', `${file} takes images '${name}' [${declared}], got imageShape [${asked}]`)
  }
  const predicted = output?.shape.length === 4 ? imageAxes(output.shape, layout)[0] : undefined
  const known = declared.map(
    (extent, i) => numberOf(extent) ?? wanted?.[i] ?? (i === 0 ? numberOf(predicted) : undefined),
  )
  if (known.some((extent) => extent !== undefined && !(extent >= 1 && extent <= MOST.side))) {
    const rule = `channels, height and width from 1 to ${MOST.side}`
    throw inputError('model.imageShape', `${file} must take images of ${rule}, got '${name}' [${known}]`)
  }
  const [channels, ...sides] = known
  if (sides.every((side) => side !== undefined)) {
    return (channels === undefined ? CHANNELS : [channels]).map((count) => [count, ...sides])
  }
  const came = declared.map((extent) => extent || '?')
  throw inputError('model.imageShape', `${file} leaves its image size open ('${name}' [${came}]); give imageShape`)
}

/** [channels, height, width] of a declared [b,...], by where its channels are. */
function imageAxes([, ...axes]: ForeignValue['shape'], layout: ImageLayout): ForeignValue['shape'] {
  return layout === 'nchw' ? axes : [axes[2], axes[0], axes[1]]
}

/** Where more than one number of channels runs. */
export function ambiguousChannels(file: string, { name, shape }: ForeignValue): Error {
  const came = shape.map((extent) => extent || '?')
  return inputError(
    'model.imageShape',
    `${file} leaves its number of channels open ('${name}' [${came}]) and runs with ${CHANNELS.join(' as with ')}; export it with its number of channels, or give imageShape`,
  )
}

const fits = (declared: ForeignValue['shape'], wanted: WantedShape): boolean =>
  wanted.length === 3 &&
  declared.every((extent, i) => typeof extent !== 'number' || wanted[i] === null || extent === wanted[i])

const numberOf = (extent: number | string | undefined): number | undefined =>
  typeof extent === 'number' ? extent : undefined
