/** `bilevel fid`: two sets of images against each other, without a model. */
import type { Job } from '../job.ts'
import { noFidText } from '../opening/fewImages.ts'
import type { FidReport, SideReport } from './compare.ts'
import { compareImages } from './compare.ts'
import { planFid } from './plan.ts'
import type { FidConfig } from './settings.ts'
import { FID_GROUPS, fidSchema, resolveFidConfig } from './settings.ts'
import { sideText } from './sides.ts'

export const fidJob: Job<FidConfig> = {
  name: 'fid',
  summary: 'compare two sets of images: FID, KID, precision, recall, Vendi score',
  description:
    'Compares images A (generated) with images B (real), no model needed: Fréchet distance (FID), kernel distance (KID), precision (the share of A within B), recall (of B within A), and the ' +
    'Vendi score of each, with the protocol. Each is a folder, a file of arrays, what bilevel sample left, digits (the embedded ones), or a .npz of statistics (mu, sigma of pytorch-fid, clean-fid and ' +
    'guided-diffusion; pool_3 of score_sde), which must be in the same features.\n\n' +
    '  bilevel fid samples data --features inception.onnx --features-range 0,1\n' +
    '  bilevel fid data --stats data.npz',
  argument: { name: '<a>', description: 'images that are judged, or their statistics' },
  other: { name: '[b]', description: 'images that they are compared with, or their statistics' },
  jsonHelp: 'print the numbers as one JSON object on one line',
  settings: { schema: fidSchema, groups: FID_GROUPS, resolve: resolveFidConfig },
  leaves: 'answer',
  plan: (config, a, b = '') => planFid(a, b === '' ? null : b, config),
  async run({ config, argument, other = '' }, telling) {
    const json = await compareImages(argument, other === '' ? null : other, config, telling)
    return { json, text: textOf(json) }
  },
}

function textOf(report: FidReport): string {
  const { a, b, featureNetwork, dimensions, protocol, stats } = report
  const row = (name: string, value: number | null | undefined) =>
    value === null || value === undefined ? [] : [`${name.padEnd(16)}${numberText(value)}`]
  const means = report.fidMeanTerm === null ? '' : ` (of which means: ${numberText(report.fidMeanTerm)})`
  const fid = report.fid === null ? noFidText(dimensions) : `${numberText(report.fid)}${means}`
  const { imageShape, pixelRange } = protocol
  const images = imageShape ? `, images [${imageShape.join(', ')}], pixels in [${pixelRange?.join(', ')}]` : ''
  return [
    ...(b ? [`${'FID'.padEnd(16)}${fid}`] : []),
    ...row('KID', report.kid),
    ...row('precision', report.precision),
    ...row('recall', report.recall),
    ...row('Vendi score A', a.vendi),
    ...row('Vendi score B', b?.vendi),
    `A: ${sideText(a)}${b ? `; B: ${sideText(b)}` : ''}`,
    `in ${featureNetwork?.name ?? 'features of a network that the statistics do not name'}, ${dimensions} dimensions${images}`,
    ...(b ? protocolLines(report, [a, b]) : []),
    ...(stats === null ? [] : [`statistics of A: ${stats}`]),
  ].join('\n')
}

/** How the numbers were taken that there are. */
function protocolLines({ fid, kid, precision, protocol }: FidReport, sides: readonly SideReport[]): string[] {
  const most = protocol.mostPairedImages
  const ways = [
    ...(fid === null ? [] : ['FID with unbiased covariances of all images']),
    ...(kid === null ? [] : [`KID with kernel ${protocol.kernel}`]),
    ...(precision === null ? [] : [`precision and recall with ${protocol.neighbours} neighbours`]),
  ]
  const some = sides.some(({ images }) => images !== null && images > most)
  const paired = `, all but FID on the first ${most.toLocaleString('en')} images of a side in the order of their hashes`
  return ways.length === 0 ? [] : [`${ways.join(', ')}${kid !== null && some ? paired : ''}`]
}

/** No minus before a rounded 0. */
const numberText = (value: number): string => value.toFixed(4).replace(/^-(0\.0+)$/, '$1')
