/**
 * The digit classifiers that come with the project, for 16 and 28 pixels: one whose features distances are measured in, and a different one as
 * judge, so that nothing is tuned and judged by the same eyes. Both were trained on the training split only
 * (`npm run train:classifiers`); accuracy, settings and seed stand in the JSON beside the weights.
 */

import { readFile } from 'node:fs/promises'
import { inputError, sha256 } from '../../base/index.ts'
import { packageAsset } from '../../data/index.ts'
import { decodeSafetensors } from '../../nn/index.ts'
import type { Device } from '../../runtime/index.ts'
import type { ClassifierConfig } from '../classifier.ts'
import type { ClassifierFeatures } from '../classifierFeatures.ts'
import { classifierFeatures } from '../classifierFeatures.ts'
import type { ClassifierTraining } from '../trainClassifier.ts'

/** Sides in pixels there are classifiers for. */
export const DIGIT_CLASSIFIER_SIZES = [16, 28] as const
export type DigitClassifierRole = 'features' | 'judge'

/** What stands beside the weights of a classifier. */
export interface ClassifierRecord {
  /** `lenet-digits16-features-` and the first eight letters of the hash. */
  readonly name: string
  /** SHA-256 of the safetensors file. */
  readonly sha256: string
  readonly config: ClassifierConfig
  readonly training: ClassifierTraining
  /** Provenance hash of the data; only its training split was used. */
  readonly data: string
  /** Share of held-out and tuning images put into their class. */
  readonly accuracy: { readonly heldOut: number; readonly tuning: number }
  /** What made it. */
  readonly command: string
}

export interface DigitClassifierOptions {
  /** Side in pixels, 16 or 28. */
  readonly size: number
  /** Images per program run, default 100. */
  readonly batch?: number
  readonly device?: Device
}

/** Path of a classifier's weights (.safetensors) or record (.json). */
export function digitClassifierPath(
  size: number,
  role: DigitClassifierRole,
  extension: 'safetensors' | 'json',
): string {
  return packageAsset('classifiers', `digits${size}-${role}.${extension}`)
}

/** The feature network of digits. @throws `metrics.digitSize` on a size there is no classifier for */
export function digitFeatures(options: DigitClassifierOptions): Promise<ClassifierFeatures> {
  return digitClassifier('features', options)
}

/** The judge of digits, another network with another seed. @throws as `digitFeatures` */
export function digitJudge(options: DigitClassifierOptions): Promise<ClassifierFeatures> {
  return digitClassifier('judge', options)
}

/** The record of a classifier. @throws as `digitFeatures` */
export async function digitClassifierRecord(size: number, role: DigitClassifierRole): Promise<ClassifierRecord> {
  if (!DIGIT_CLASSIFIER_SIZES.some((known) => known === size)) {
    throw inputError(
      'metrics.digitSize',
      `digit classifiers are for ${DIGIT_CLASSIFIER_SIZES.join(' and ')} pixels, got ${size}; ` +
        'use one of these sizes or give a feature network of your own',
    )
  }
  return JSON.parse(await readFile(digitClassifierPath(size, role, 'json'), 'utf8')) as ClassifierRecord
}

async function digitClassifier(
  role: DigitClassifierRole,
  options: DigitClassifierOptions,
): Promise<ClassifierFeatures> {
  const { size, batch, device } = options
  const { name, sha256: wanted, config } = await digitClassifierRecord(size, role)
  const path = digitClassifierPath(size, role, 'safetensors')
  const bytes = await readFile(path)
  const hash = sha256(bytes)
  if (hash !== wanted) {
    throw inputError(
      'metrics.classifier',
      `${path} must have SHA-256 ${wanted}, got ${hash}; install the project again`,
    )
  }
  const { tensors: weights } = decodeSafetensors(bytes, path)
  return classifierFeatures({ config, weights, name, hash, ...(batch && { batch }), ...(device && { device }) })
}
