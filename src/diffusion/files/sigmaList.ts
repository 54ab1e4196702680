/**
 * Levels as the list of sigmas that ComfyUI and k-diffusion take: sigma = noise/signal, of a flow noise itself, noisiest first, 0 at the end.
 *
 *     sigmas.txt      14.6, 6.3, ..., 0.0: pasted into a node for sigmas, as published lists are
 *     sigmas.json     the same as a JSON list, for torch.tensor(json.load(file))
 *
 * These tools tell a network the time that its own schedule has at each sigma: learned told times and all numbers of a step but its level stay behind.
 */
import type { SamplingSchedule } from '../schedules/samplingSchedule.ts'
import { isFlow } from './exportFlow.ts'

/** N + 1 sigmas, the last one 0. */
export function kDiffusionSigmas(schedule: Pick<SamplingSchedule, 'levels'>): number[] {
  const flow = isFlow(schedule)
  // noise/signal by the log-SNR: a signal near 0 has lost digits.
  return [...schedule.levels.map(({ logSnr, noise }) => (flow ? noise : Math.exp(-logSnr / 2))), 0]
}

/** Digits that float32 keeps. */
const DIGITS = 9

/** `sigmas.txt`: one line, without exponents, which not all readers of such lists know. */
export function sigmaText(schedule: Pick<SamplingSchedule, 'levels'>): string {
  const texts = kDiffusionSigmas(schedule).map((sigma) => (sigma === 0 ? '0.0' : plainDecimal(sigma)))
  return `${texts.join(', ')}\n`
}

/** A number above 0 in decimal digits alone. */
function plainDecimal(value: number): string {
  // From there on toFixed writes exponents.
  if (value >= 1e21) return `${BigInt(Math.round(value))}.0`
  const decimals = Math.max(1, DIGITS - 1 - Math.floor(Math.log10(value)))
  const text = value.toFixed(Math.min(100, decimals))
  return text.replace(/(\.\d+?)0+$/, '$1')
}

/** `sigmas.json`. */
export const sigmaJson = (schedule: Pick<SamplingSchedule, 'levels'>): string =>
  `${JSON.stringify(kDiffusionSigmas(schedule))}\n`
