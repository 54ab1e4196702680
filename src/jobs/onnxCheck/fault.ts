/** What of a checked file is not as it must be. */
import { fileName } from '../../base/index.ts'
import type { OnnxCheck } from './run.ts'
import { missingText } from './text.ts'

/** Most that max |a - b| / max |b| of a tensor may be: of the derivative against differences, of outputs, of gradients. */
export const LIMITS = { differences: 1e-3, output: 1e-4, gradient: 1e-3 } as const

interface Measured {
  readonly what: string
  readonly error: number | null
  readonly limit: number
}

/** In a sentence; undefined: nothing. */
export function faultOf(path: string, check: OnnxCheck): string | undefined {
  const { unsupported } = check.json
  if (unsupported.length > 0) {
    const named = unsupported.map(missingText).join('; ')
    return `every operator of ${fileName(path)} must be one that this project has, with a derivative: ${named}`
  }
  const off = measuredOf(check).filter(({ error, limit }) => !(error !== null && error <= limit))
  if (off.length === 0) return undefined
  const words = off.map(({ what, error, limit }) => `${what} ${errorText(error)}, at most ${limit} is let pass`)
  return `${fileName(path)} must be computed here as where it was made: ${words.join('; ')}`
}

function measuredOf({ json, variables }: OnnxCheck): readonly Measured[] {
  const { maxRelativeError, output, gradient } = json
  return [
    ...(variables.length > 0
      ? [{ what: 'its derivative', error: maxRelativeError, limit: LIMITS.differences } as const]
      : []),
    ...(output ? [{ what: 'its output', error: output.maxRelativeError, limit: LIMITS.output } as const] : []),
    ...(gradient ? [{ what: 'its gradient', error: gradient.maxRelativeError, limit: LIMITS.gradient } as const] : []),
  ]
}

const errorText = (error: number | null): string =>
  error === null || Number.isNaN(error) ? 'cannot be compared' : `is off by ${error.toPrecision(3)}`
