/** The features that two sets of images are compared in: one network for both sides, and for statistics the one that they were taken in. */
import { inputError } from '../../base/index.ts'
import type { Dataset } from '../../data/index.ts'
import type { FeatureNetwork, FeatureNetworkLabel } from '../../metrics/index.ts'
import { OWN_JUDGE, openMeasuring } from '../opening/measuringNetworks.ts'
import type { FidConfig } from './settings.ts'
import type { ImageSide, Side } from './sides.ts'
import { sharedShape } from './sides.ts'

export interface Network {
  readonly features: FeatureNetwork
  readonly shape: readonly number[]
  close(): Promise<void>
}

/** The features for these images, chosen and checked on those that have labels, else on B's: they are the real ones. */
export async function openFeaturesFor(
  images: readonly ImageSide[],
  config: FidConfig,
  notes: string[],
): Promise<Network> {
  const shape = sharedShape(images)
  const { data, source } = images.findLast((side) => side.data.classes.length > 1) ?? images[images.length - 1]
  const asked = { ...config, ...OWN_JUDGE, judge: 'none', data: source }
  const { features, close, notes: said } = await openMeasuring(asked, withAll(data, shape))
  notes.push(...new Set([...images.flatMap((side) => side.data.notes ?? []), ...said]))
  return { features, shape, close }
}

/** All images of a set as the tuning split, which networks are asked about; of the shared shape in name. */
function withAll(data: Dataset, shape: readonly number[]): Dataset {
  const { tuning, train, heldOut } = data.splits
  const most = [tuning, train, heldOut].reduce((best, split) => (split.count > best.count ? split : best))
  return data.shape[0] === shape[0]
    ? { ...data, splits: { ...data.splits, tuning: most } }
    : { ...data, shape, classes: [], splits: { ...data.splits, tuning: { ...most, labels: null } } }
}

/** Where nothing is asked for, the network that statistics name, as far as it is one that comes with the project. */
export function featuresOf(config: FidConfig, sides: readonly Side[]): FidConfig {
  const names = sides.flatMap((side) => (side.kind === 'statistics' ? (side.statistics.label?.name ?? []) : []))
  if (config.features !== 'auto' || names.length === 0) return config
  const [name] = names
  const known = name.startsWith('pixels-') ? 'pixels' : /^lenet-digits\d+-features-/.test(name) ? 'digits' : null
  if (known) return { ...config, features: known }
  throw inputError(
    'fid.features',
    `the statistics are in the features of ${name}, which is none that comes with the project; give its file with --features FILE.onnx`,
  )
}

/** What two files of statistics say of their network. @throws `fid.features` where it is not one */
export function labelOf(sides: readonly Side[], notes: string[]): FeatureNetworkLabel | null {
  const labels = sides.map((side) => (side.kind === 'statistics' ? side.statistics.label : null))
  const [first, second = first] = labels
  if (first && second && first.hash !== second.hash) throw otherNetwork(sides[0].source, first, second)
  if (labels.some((label) => label === null)) notes.push(UNSAID)
  return first ?? second
}

const UNSAID = 'the statistics do not say which network they were taken in: a distance means something only within one'

/** @throws `fid.features` on statistics of another network */
export function requireSameNetwork(side: Side, { name, hash }: FeatureNetworkLabel, notes: string[]): void {
  if (side.kind !== 'statistics') return
  const { label } = side.statistics
  if (label && label.hash !== hash) throw otherNetwork(side.source, label, { name, hash })
  if (!label) notes.push(UNSAID)
}

const otherNetwork = (source: string, came: FeatureNetworkLabel, wanted: FeatureNetworkLabel) =>
  inputError(
    'fid.features',
    `both sides must be in the features of one network, but ${source} is in ${came.name} and the other in ${wanted.name}; give --features, or take the statistics again`,
  )
