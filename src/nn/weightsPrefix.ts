/**
 * Names that a training framework put in front: `_orig_mod.` (torch.compile), `module.` (DistributedDataParallel), `model.` or `unet.`
 * (the attribute of a Lightning module), or several of them. They are found, said, and taken off on request, never guessed away: a file
 * may hold two networks (`unet.`, `ema.`).
 */
import type { NamedTensors } from '../base/index.ts'
import { inputError } from '../base/index.ts'

/** Where the parts of a prefix come from, for the reader of an error. */
const ORIGINS: readonly (readonly [part: RegExp, origin: string])[] = [
  [/^_orig_mod$/, 'torch.compile'],
  [/^module$/, 'DistributedDataParallel'],
  [/^(model|net|unet|denoiser)$/, 'Lightning'],
  [/^ema/, 'a moving average'],
]

/** What stands before names that a network wants: each prefix under which some are there, fullest first. */
export function prefixesBefore(
  wanted: readonly string[],
  names: readonly string[],
): { readonly prefix: string; readonly count: number }[] {
  const all = new Set(wanted)
  const counts = new Map<string, number>()
  for (const name of names) {
    // The whole name first: `a.b.c` is wanted as `a.b.c`, `b.c`, `c`.
    const ends = [0, ...Array.from(name.matchAll(/\./g), ({ index }) => index + 1)]
    const at = ends.find((end) => all.has(name.slice(end)))
    if (at) counts.set(name.slice(0, at), (counts.get(name.slice(0, at)) ?? 0) + 1)
  }
  return [...counts].map(([prefix, count]) => ({ prefix, count })).sort((a, b) => b.count - a.count)
}

/** A sentence that names the prefixes under which most of a network is, and how they are taken off; null: there are none. */
export function prefixHint(wanted: readonly string[], names: readonly string[]): string | null {
  const found = prefixesBefore(wanted, names).filter(({ count }) => 2 * count > wanted.length)
  if (found.length === 0) return null
  const text = found.map(({ prefix, count }) => {
    const parts = prefix.split('.')
    const origins = ORIGINS.flatMap(([part, origin]) => (parts.some((one) => part.test(one)) ? [origin] : []))
    const from = origins.length > 0 ? ` (as ${origins.join(' and ')} names them)` : ''
    return `${count} of them under '${prefix}'${from}`
  })
  const flags = found.map(({ prefix }) => `--weights-prefix ${prefix}`).join(', or ')
  const which =
    found.length === 1 ? `give weightsPrefix '${found[0].prefix}'` : 'give the one that is meant as weightsPrefix'
  return `it holds ${text.join(', ')}: ${which} (${flags}) to take it off`
}

/**
 * The tensors whose names begin with a prefix, without it; the others belong to something else and are left out.
 * @throws `nn.prefix` if there are none
 */
export function withoutPrefix(tensors: NamedTensors, prefix: string): NamedTensors {
  const names = Object.keys(tensors)
  const under = names.filter((name) => name.startsWith(prefix))
  if (under.length === 0) {
    const came =
      names.length === 0 ? 'none at all' : `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', ...' : ''}`
    throw inputError(
      'nn.prefix',
      `tensors must have names that begin with the given prefix '${prefix}', there are ${came}; give another prefix, or none`,
    )
  }
  return Object.fromEntries(under.map((name) => [name.slice(prefix.length), tensors[name]]))
}
