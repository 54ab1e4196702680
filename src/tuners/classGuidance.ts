/** Classifier-free guidance as a setting: how strong, and what it costs. The denoiser that does it: `classifierFree` of diffusion. */
import { z } from 'zod'
import { freesGuidance } from '../diffusion/index.ts'
import { setting } from './declared.ts'

/** The setting, in the group of a command's help. */
export const guidanceScaleSetting = (group: string) =>
  setting(z.number().min(0).max(1000).nullable(), {
    group,
    description:
      'classifier-free guidance towards the class of each image: null class + scale (class - null class), two network evaluations each; 1 or none: none',
    default: null,
  })

interface Guided {
  readonly guidanceScale: number | null
  /** What of the sampling schedule is free: the scale may be. */
  readonly free?: readonly string[] | null
}

/** Whether a scale changes anything, or may come to. */
export const guides = ({ guidanceScale, free = null }: Guided): boolean =>
  guidanceScale !== null && (guidanceScale !== 1 || freesGuidance(free))

/** Network evaluations that a prediction of one image takes. */
export const evaluationsEach = (settings: Guided): number => (guides(settings) ? 2 : 1)
