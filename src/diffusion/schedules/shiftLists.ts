/**
 * Shifted step lists of a flow: sigma' = s sigma / (1 + (s - 1) sigma) at sigma = 1 - i/N, i = 0..N-1, as pipelines of flows are sampled (shift 3 is
 * that of Stable Diffusion 3). Each level is told its own time, T sigma', which lies between training times: `samplingScheduleFrom`.
 */
import { shiftedSigma } from './flowSchedule.ts'
import { flowLevelOf } from './level.ts'

const SHIFTS = { 'shift-0.5': 0.5, 'shift-2': 2, 'shift-3': 3, 'shift-5': 5 } as const

export type ShiftListName = keyof typeof SHIFTS

/** All of them; `trailing` is that of shift 1. */
export const SHIFT_LISTS = Object.keys(SHIFTS) as readonly ShiftListName[]

export const isShiftList = (name: string): name is ShiftListName => SHIFT_LISTS.some((known) => known === name)

/** The log-SNRs of N steps, noisiest first. */
export const shiftLevels = (name: ShiftListName, steps: number): Float64Array =>
  Float64Array.from({ length: steps }, (_, i) => flowLevelOf(shiftedSigma(1 - i / steps, SHIFTS[name])).logSnr)
