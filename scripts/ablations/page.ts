/** The page of ablations, from their record. */
import { meanAndStandardError } from '../../src/metrics/index.ts'
import type { AblationRecord } from '../proofAblations.ts'
import type { Cell } from './measure.ts'
import { VARIANTS } from './variants.ts'

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`

export function ablationPage({ command, commit, machine, effort, start, cells }: AblationRecord): string {
  const { steps, budget, images, samplingSeeds } = effort
  const head = ['changed', 'what', 'seeds', 'numbers', 'iterations', 'FID', "judge's", 'less the first, paired', 'kept']
  const rows = VARIANTS.flatMap(({ name, about }) => {
    const own = cells.filter(({ variant }) => variant === name).toSorted((a, b) => a.seed - b.seed)
    return own.length > 0 ? [rowOf(name, about, own, cells)] : []
  })
  return `# The search for a sampling schedule, one choice changed at a time

\`digits-16\`, ${steps} steps, classes in turn. One start is the best default (${start.label}: FID ${start.fid.toFixed(2)}, judge's ${start.judgeFid.toFixed(2)}) and has ${budget.toLocaleString('en')} network
evaluations at most, screening and the decision included: what costs more makes fewer iterations. Families of DPM-Solver++ and several starts choose theirs among all step lists and a grid of levels. FID on the held-out split, ${samplingSeeds.length} x ${images.toLocaleString('en')} images that steered nothing (judge's: in another classifier's features); mean over the
seeds of the search ± standard error. *Kept*: how often the learned schedule was told to be better than its start; where not, the start is what is returned and counted. What the training side's choices are worth (z, gamma, the horizon)
stands in [hypergradients](../hypergradient/README.md).

${[line(head), line(head.map(() => '---')), ...rows].join('\n')}

- A derivative is worth more the more numbers there are: with all 28 free the estimators without one do not leave their start at this budget; with five, coordinate differences come near it.
- Where a search starts is worth more than what is free: screened starts gain more than told times, noise, weights and the rest together, and one exponent of a well-chosen list is ahead of everything from the best default. Hence two starts are the default where a network is there.
- Rows of one or two seeds tell little beyond what is plain; no more were run.

Commit ${commit}, ${machine}. \`${command}\`
`
}

function rowOf(name: string, about: string, own: readonly Cell[], all: readonly Cell[]): string {
  const reference = (seed: number) => all.find((cell) => cell.variant === VARIANTS[0].name && cell.seed === seed)
  const differences = own.flatMap((cell) => {
    const as = reference(cell.seed)
    return as ? [cell.fid - as.fid] : []
  })
  return line([
    about,
    name,
    own.length,
    own[0].parameters,
    own[0].iterations,
    over(own.map(({ fid }) => fid)),
    over(own.map(({ judgeFid }) => judgeFid)),
    name === VARIANTS[0].name ? '–' : over(differences),
    `${own.filter(({ kept }) => kept !== 'start').length} of ${own.length}`,
  ])
}

function over(values: readonly number[]): string {
  const { mean, standardError } = meanAndStandardError(values)
  return standardError === null ? mean.toFixed(2) : `${mean.toFixed(2)} ± ${standardError.toFixed(2)}`
}
