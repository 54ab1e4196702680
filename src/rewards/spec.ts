/**
 * Rewards in words, as the command line takes them: terms joined by '+', each
 *
 *     [NUMBER*] NAME [:ARGUMENT] [@features | @judge]        'log-probability:3@judge + 5*typicality'
 *     [NUMBER*] FILE.onnx [:OUTPUT]                          'aesthetic.onnx:score'
 *     [NUMBER*] MODULE.js                                    '0.5*./reward.js'
 *     [NUMBER*] clip-score [:FOLDER]                         '100*clip-score:clip-vit-base-patch16'
 *     [NUMBER*] clip-head:FILE                               'clip-head:aesthetic.safetensors'
 *
 * A path may hold anything but a plus sign.
 */
import { inputError } from '../base/index.ts'

/** A network that a term may look through. */
export type NetworkName = 'features' | 'judge'

/** Rewards through a CLIP model. */
export type ClipKind = 'clip-score' | 'clip-head'

export interface RewardTerm {
  /** Default 1. */
  readonly weight: number
  readonly kind: 'name' | 'onnx' | 'module' | ClipKind
  /** The reward's name, or the file's path; of `clip-score` the folder, '' for the one that is set, of `clip-head` the file of the head. */
  readonly name: string
  readonly argument?: string
  readonly network?: NetworkName
}

/** Between terms; not the plus of an exponent, as in 1e+3*ink. */
const PLUS = /(?<!(?:^|\+)\s*-?[\d.]+[eE])\+/
const WEIGHT = /^(-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\*\s*/
const CLIP = /^(clip-score|clip-head)(?::(.+))?$/
const ONNX = /^(.+\.onnx)(?::(.+))?$/i
const MODULE = /\.[cm]?js$/i
const TYPESCRIPT = /\.[cm]?tsx?$/i
const NAMED = /^([^:@]+)(?::([^:@]+))?(?:@([^:@]+))?$/

/** Terms of a reward in words. @throws `reward.spec` naming the term that cannot be read */
export function parseRewardSpec(spec: string): RewardTerm[] {
  return spec.split(PLUS).map((part) => parseTerm(part.trim()))
}

function parseTerm(text: string): RewardTerm {
  const weight = text.match(WEIGHT)
  const body = weight ? text.slice(weight[0].length) : text
  return { weight: weight ? Number(weight[1]) : 1, ...parseBody(body, text) }
}

function parseBody(body: string, term: string): Omit<RewardTerm, 'weight'> {
  const clip = body.match(CLIP)
  if (clip) return { kind: clip[1] as ClipKind, name: clip[2] ?? '' }
  const onnx = body.match(ONNX)
  if (onnx) return { kind: 'onnx', name: onnx[1], ...(onnx[2] !== undefined && { argument: onnx[2] }) }
  if (MODULE.test(body)) return { kind: 'module', name: body }
  if (TYPESCRIPT.test(body)) throw unreadable(term, `is TypeScript; make JavaScript of it first: ${compiling(body)}`)
  const named = body.match(NAMED)
  if (!named) throw unreadable(term, 'is none')
  const [, name, argument, network] = named as [string, string, string | undefined, string | undefined]
  if (/[/\\.]/.test(name)) throw unreadable(term, 'is no such file: rewards come from .onnx, .js, .mjs and .cjs')
  if (network !== undefined && network !== 'features' && network !== 'judge') {
    throw unreadable(term, `names a network '${network}': there are @features and @judge`)
  }
  return { kind: 'name', name, ...(argument !== undefined && { argument }), ...(network !== undefined && { network }) }
}

const compiling = (path: string) =>
  `npx esbuild ${path} --bundle --platform=node --format=esm --outfile=${path.replace(TYPESCRIPT, '.mjs')}`

const unreadable = (term: string, why: string) =>
  inputError(
    'reward.spec',
    "a reward is terms joined by '+', each [number*]name[:argument][@features|@judge], [number*]file.onnx[:output] or " +
      `[number*]module.js, such as 'log-probability:3@judge + 5*typicality'; '${term}' ${why}`,
  )
