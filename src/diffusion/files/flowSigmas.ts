/**
 * The sigmas at which diffusers' flow classes step, x = (1 - sigma) x0 + sigma eps: spread over (0, 1] and shifted towards noise,
 *
 *     sigma' = shift sigma / (1 + (shift - 1) sigma)
 *
 * where with a dynamic shift, of mu for the size of the image, shift is e^mu (`exponential`) or mu (`linear`).
 */
import { inputError } from '../../base/index.ts'
import { linspace, type Respacing, respaced } from './classSigmas.ts'

export const shifted = (sigma: number, shift: number): number => (shift * sigma) / (1 + (shift - 1) * sigma)

/** Stretched so that the last one is `terminal`. */
export function stretched(sigmas: readonly number[], terminal: number): number[] {
  const scale = (1 - sigmas[sigmas.length - 1]) / (1 - terminal)
  return sigmas.map((sigma) => 1 - (1 - sigma) / scale)
}

/** How a FlowMatch class spreads its sigmas. */
export interface FlowSpacing {
  /** T: the network is told T sigma. */
  readonly timesteps: number
  readonly shift: number
  /** `mu` and what it is taken as; null: `shift` holds. */
  readonly dynamic: { readonly mu: number; readonly type: 'exponential' | 'linear' } | null
  /** What the last sigma is stretched to; null: as it is. */
  readonly terminal: number | null
  readonly respacing: Respacing | null
}

/**
 * Sigmas of N steps, noisiest first, from 1 (twice shifted at the clean end, as the classes do), or given ones, shifted.
 * @throws `steps.count` where the class has none
 */
export function flowSigmas(spacing: FlowSpacing, asked: number | readonly number[]): number[] {
  const { timesteps: T, shift, dynamic, terminal, respacing } = spacing
  const given = typeof asked !== 'number'
  const steps = given ? asked.length : asked
  const ends = [1, 1 / T].map((sigma) => Math.fround(dynamic ? sigma : shifted(sigma, shift)))
  const plain = given ? asked : linspace(ends[0] * T, ends[1] * T, steps).map((time) => time / T)
  const factor = dynamic ? (dynamic.type === 'exponential' ? Math.exp(dynamic.mu) : dynamic.mu) : shift
  const moved = plain.map((sigma) => shifted(sigma, factor))
  if (terminal !== null && steps < 2) {
    throw inputError('steps.count', `shift_terminal ${terminal} needs at least 2 steps, got ${steps}`)
  }
  const ended = terminal === null ? moved : stretched(moved, terminal)
  return respacing === null ? ended : respaced(respacing, ended[0], ended[steps - 1], steps)
}

/** mu for a number of tokens, straight through (base_image_seq_len, base_shift) and (max_image_seq_len, max_shift). */
export function muOfTokens(
  tokens: number,
  ends: { readonly base: readonly [number, number]; readonly max: readonly [number, number] },
): number {
  const [[n0, s0], [n1, s1]] = [ends.base, ends.max]
  const slope = (s1 - s0) / (n1 - n0)
  return tokens * slope + (s0 - slope * n0)
}
