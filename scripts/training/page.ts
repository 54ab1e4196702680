/** The page of the grid of training schedules, from its record. */
import { meanAndStandardError } from '../../src/metrics/index.ts'
import type { GridRecord } from '../proofTraining.ts'
import { GRID } from './grid.ts'
import type { Cell, KeptRow } from './measure.ts'

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`

export function gridPage({ command, commit, machine, effort, cells }: GridRecord): string {
  const { trainSteps, iterations, tuningSamples, images, samplingSeeds } = effort
  const steps = [...new Set(cells.flatMap(({ at }) => Object.keys(at).map(Number)))].sort((a, b) => b - a)
  return `# What a network is trained on, at equal training steps

The UNet2DModel of \`quick\` (16x16 digits, no classes), ${trainSteps} steps of 64 at a constant rate, moving average of the weights; every row at the same
minibatches and noise. Each is judged by Fréchet distance on the held-out split, ${samplingSeeds.length} x ${images} images (judge: in another classifier's features;
recognised: share that the other classifier is sure of), at the best default of all samplers and step lists and at levels and told times learned by the project's
own search (${iterations} iterations of ${tuningSamples} images from two starts). Mean over training seeds ± standard error; "of cosine" is the mean ratio to the first row at the
same seeds. Densities are of log-SNR, as name(mean, width), and told in the times of the cosine schedule.

Commit ${commit}, ${machine}. Begun by \`${command}\`; \`npm run proof:training\` goes on with what is missing (all rows, seeds 0 to 2).
The rows that are not there yet: ${missing(cells)}.

${steps.map((n) => part(cells, n)).join('\n\n')}
`
}

function missing(cells: readonly Cell[]): string {
  const names = GRID.map(({ name }) => name).filter((name) => !cells.some(({ row }) => row === name))
  return names.length > 0 ? names.join('; ') : 'none'
}

function part(cells: readonly Cell[], n: number): string {
  const rows = GRID.flatMap(({ name }) => {
    const own = cells.filter(({ row, at }) => row === name && at[n]).toSorted((a, b) => a.seed - b.seed)
    return own.length > 0 ? [{ name, own }] : []
  })
  const head = [
    'trained on',
    'seeds',
    'best default',
    'judge',
    'recognised',
    'of cosine',
    'learned',
    'judge',
    'recognised',
    'of cosine',
  ]
  return [
    `## ${n} sampling steps\n`,
    line(head),
    line(head.map(() => '---')),
    ...rows.map(({ name, own }) =>
      line([
        name,
        own.map(({ seed }) => seed).join(', '),
        ...(['bestDefault', 'learned'] as const).flatMap((side) => [
          over(own.map(({ at }) => at[n][side].fid?.mean ?? Number.NaN)),
          over(own.map(({ at }) => at[n][side].judgeFid?.mean ?? Number.NaN)),
          over(
            own.map(({ at }) => at[n][side].recognised ?? Number.NaN),
            3,
          ),
          ratio(cells, own, n, side),
        ]),
      ]),
    ),
  ].join('\n')
}

function over(values: readonly number[], digits = 2): string {
  const { mean, standardError } = meanAndStandardError(values)
  return `${mean.toFixed(digits)}${standardError === null ? '' : ` ± ${standardError.toFixed(digits)}`}`
}

function ratio(cells: readonly Cell[], own: readonly Cell[], n: number, side: 'bestDefault' | 'learned'): string {
  const fid = ({ fid }: KeptRow) => fid?.mean ?? Number.NaN
  const ratios = own.flatMap(({ seed, at }) => {
    const default_ = cells.find((cell) => cell.row === GRID[0].name && cell.seed === seed)?.at[n]
    return default_ ? [fid(at[n][side]) / fid(default_[side])] : []
  })
  return ratios.length > 0 ? over(ratios) : '–'
}
