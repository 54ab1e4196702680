/**
 * A network's state, its weights and running statistics as two flat vectors, from named tensors (a checkpoint) and back. Names are
 * matched exactly: what is missing, extra or misshapen is listed, so a checkpoint of another network is never half loaded.
 */
import type { NamedTensors } from '../base/index.ts'
import { inputError, sameShape } from '../base/index.ts'
import { flatten, unflatten } from './flat.ts'
import { initialVector } from './initial.ts'
import type { DenoisingNetwork } from './network.ts'
import { prefixHint } from './weightsPrefix.ts'

/** Flat float32 vectors in the order of the network's `parameters` and `statistics`. */
export interface NetworkState {
  readonly weights: Float32Array
  readonly statistics: Float32Array
}

/** The state a network starts from. Statistics do not depend on the seed. @throws `random.seed` */
export function initialState(network: DenoisingNetwork, seed: number): NetworkState {
  return { weights: initialVector(network.parameters, seed), statistics: initialVector(network.statistics, seed) }
}

/** PyTorch's counter of batches a batch norm has seen: not used, since the momentum is fixed. */
const IGNORED = /(^|\.)num_batches_tracked$/

const LISTED = 5

function listed(names: readonly string[]): string {
  const more = names.length > LISTED ? ` and ${names.length - LISTED} more` : ''
  return names.slice(0, LISTED).join(', ') + more
}

/** Tensors under today's names. @throws `nn.checkpoint` where two have the same */
function renamed({ currentName = (name) => name }: DenoisingNetwork, checkpoint: NamedTensors): NamedTensors {
  const names = Object.keys(checkpoint).map((name) => [currentName(name), name] as const)
  const byName = new Map(names)
  const twice = names.find(([current, name]) => byName.get(current) !== name)
  if (twice) {
    const [current, name] = twice
    const message = `a checkpoint must hold each tensor once, it has ${current} as '${name}' and as '${byName.get(current)}'`
    throw inputError('nn.checkpoint', `${message}; leave one of them out`)
  }
  return Object.fromEntries(names.map(([current, name]) => [current, checkpoint[name]]))
}

/**
 * Takes a network's state out of a checkpoint's tensors.
 * @param source what to call the checkpoint in errors
 * @throws `nn.checkpoint` listing missing, unknown and misshapen names, and the prefix before them if there is one
 */
export function stateFromTensors(
  network: DenoisingNetwork,
  checkpoint: NamedTensors,
  source = 'a checkpoint',
): NetworkState {
  const tensors = renamed(network, checkpoint)
  const specs = [...network.parameters, ...network.statistics]
  const known = new Map(specs.map(({ name, shape }) => [name, shape]))
  const missing = specs.filter(({ name }) => !Object.hasOwn(tensors, name)).map(({ name }) => name)
  const extra: string[] = []
  const misshapen: string[] = []
  for (const [name, { dtype, shape }] of Object.entries(tensors)) {
    const wanted = known.get(name)
    if (!wanted) {
      if (!IGNORED.test(name)) extra.push(name)
    } else if (!sameShape(wanted, shape) || (dtype !== 'float32' && dtype !== 'float64')) {
      misshapen.push(`${name} (needs float [${wanted}], has ${dtype} [${shape}])`)
    }
  }
  const faults = [
    ...(missing.length > 0 ? [`${missing.length} missing: ${listed(missing)}`] : []),
    ...(extra.length > 0 ? [`${extra.length} unknown: ${listed(extra)}`] : []),
    ...(misshapen.length > 0 ? [`${misshapen.length} of another shape: ${listed(misshapen)}`] : []),
  ]
  if (faults.length > 0) {
    // Where a prefix explains it, a list of names would hide that.
    const hint = prefixHint([...known.keys()], Object.keys(tensors))
    const what = hint ?? `${faults.join('; ')}. Use the config that the checkpoint was saved with`
    throw inputError(
      'nn.checkpoint',
      `${source} must hold exactly the ${specs.length} tensors of its ${network.kind}; ${what}.`,
    )
  }
  return { weights: flatten(network.parameters, tensors), statistics: flatten(network.statistics, tensors) }
}

/** A state under the names a checkpoint has. Views, not copies. */
export function stateTensors(network: DenoisingNetwork, { weights, statistics }: NetworkState): NamedTensors {
  return { ...unflatten(network.parameters, weights), ...unflatten(network.statistics, statistics) }
}
