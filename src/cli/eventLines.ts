/** What happened, in a line for a person; null for what is not worth one. */
import type { EntropyEvent, LearnEvent } from '../tuners/index.ts'

export function learnLine(event: LearnEvent): string | null {
  switch (event.kind) {
    case 'iteration': {
      const parameters = Object.entries(event.parameters).map(([name, value]) => `${name} ${value.toPrecision(4)}`)
      const fid = event.fid === null ? 'priming' : `FID ${event.fid.toFixed(2)}`
      return `iteration ${event.iteration}: ${fid} at ${parameters.join(', ')}`
    }
    case 'trial':
      return `start at the model's alphaBar ^ ${event.power}: FID ${event.fid.toFixed(2)} on the tuning split`
    case 'candidate':
      return `default ${event.sampler}, ${event.stepList}: FID ${event.fid.toFixed(2)} on the tuning split`
    case 'row': {
      const recognised = event.recognised === null ? '' : `, recognised ${event.recognised.toFixed(3)}`
      return `${event.label}: FID ${event.fid.toFixed(2)}${recognised}`
    }
    case 'step':
      return null
  }
}

export function entropyLine(event: EntropyEvent): string | null {
  switch (event.kind) {
    case 'iteration': {
      const { iteration, phase, lambda, gradient, paths } = event
      const error = gradient.standardError === null ? '' : ` ± ${gradient.standardError.toPrecision(2)}`
      return `iteration ${iteration}, ${phase}: gradient ${gradient.mean.toPrecision(3)}${error} at lambda ${short(lambda)}, ${paths} images`
    }
    case 'interval': {
      const { low, value, high, confirmed } = event
      return `lambda ${short(value)}, interval ${short(low)} to ${short(high)}, ${confirmed ? 'confirmed' : 'not confirmed'}`
    }
    case 'point': {
      const { target, lambda, upper, lower, trusted } = event
      const doubt = trusted ? '' : ' (not to be believed)'
      return `${target} at lambda ${short(lambda)}: judge ${upper.mean.toPrecision(3)}, reward ${lower.mean.toPrecision(3)}${doubt}`
    }
  }
}

const short = (lambda: number): string => String(Number(lambda.toPrecision(3)))
