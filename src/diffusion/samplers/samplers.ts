/** The samplers, each an entry of its own file. Names, choices, budgets, exports and the words of reports all come from this list. */
import { inputError } from '../../base/index.ts'
import { ddim } from './ddim.ts'
import { ddpm } from './ddpm.ts'
import { dpmSolver } from './dpmSolver.ts'
import { exponential } from './exponential.ts'
import { heun } from './heun.ts'
import type { Sampler } from './sampler.ts'
import { sdeDpmSolver } from './sdeDpmSolver.ts'
import { uniPC } from './uniPC.ts'

const LIST = [ddim, ddpm, dpmSolver, sdeDpmSolver, uniPC, heun, exponential] as const

export type SamplerName = (typeof LIST)[number]['name']

/** All samplers, in the order in which they are offered and compared. */
export const SAMPLERS: readonly Sampler<SamplerName>[] = LIST

/** Their names. */
export const SAMPLER_NAMES: readonly SamplerName[] = SAMPLERS.map(({ name }) => name)

/** What samples where nobody says. */
export const DEFAULT_SAMPLER: SamplerName = ddim.name

/** The entry of a sampler. @throws `sampler.name` on a name that is none: it is never sampled as another */
export function samplerNamed(name: string): Sampler<SamplerName> {
  const sampler = SAMPLERS.find((entry) => entry.name === name)
  if (sampler) return sampler
  throw inputError('sampler.name', `a sampler is one of ${SAMPLER_NAMES.join(', ')}, got ${name}`)
}
