/** The page of what the learned schedules are worth, from the records. */
import type { MeanAndStandardError } from '../../src/metrics/index.ts'
import { pairedDifference } from '../../src/metrics/index.ts'
import type { MixturesRecord, PresetRecord, ShippedRecord } from '../proofSolver.ts'
import type { KeptRow } from './measure.ts'
import { ahead, behind } from './presets.ts'
import type { TransferRecord } from './transfer.ts'

interface Records {
  readonly mixtures: MixturesRecord | null
  readonly shipped: readonly { readonly name: string; readonly record: ShippedRecord }[]
  readonly transfer: TransferRecord | null
  readonly presets: readonly { readonly name: string; readonly record: PresetRecord }[]
}

const INTRO = `# Learned solvers at few steps

Every number is of images that steered nothing, from sampling seeds that chose nothing. Written by \`npm run proof:solver\`; what is below is made of
the files beside this page, which hold every schedule, value and seed.
`

export function solverPage({ mixtures, shipped, presets, transfer }: Records): string {
  return [
    INTRO,
    ...shipped.map(({ name, record }) => modelPart(name, record)),
    mixtures ? mixturesPart(mixtures) : '',
    ...presets.map(({ name, record }) => presetPart(name, record)),
    transfer ? transferPart(transfer) : '',
  ].join('\n')
}

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`
const head = (cells: readonly string[]): string => `${line(cells)}\n${line(cells.map(() => '---'))}`

const withError = (row: KeptRow): string => {
  const { fid } = row
  if (!fid) return '–'
  return `${fid.mean.toFixed(2)}${fid.standardError === null ? '' : ` ± ${fid.standardError.toFixed(2)}`}`
}

const rest = (row: KeptRow): string[] => [
  row.judgeFid?.mean.toFixed(2) ?? '–',
  row.recognised?.toFixed(3) ?? '–',
  row.kid?.toFixed(4) ?? '–',
  row.precision?.toFixed(3) ?? '–',
  row.recall?.toFixed(3) ?? '–',
]

const ratio = (a: KeptRow, b: KeptRow | undefined): string =>
  a.fid && b?.fid ? (a.fid.mean / b.fid.mean).toFixed(2) : '–'

function against(a: KeptRow, b: KeptRow | undefined): string {
  if (!b) return '–'
  const { mean, standardError } = pairedDifference(b.fidBySeed, a.fidBySeed)
  return `${mean >= 0 ? '−' : '+'}${Math.abs(mean).toFixed(2)}${standardError === null ? '' : ` ± ${standardError.toFixed(2)}`}`
}

function modelPart(
  name: string,
  { command, commit, images, samplingSeeds, bestDefaults, ceiling, learned }: ShippedRecord,
): string {
  const inOrder = [...learned].sort((a, b) => a.steps - b.steps || b.free.length - a.free.length)
  const rows = inOrder.map((one) => {
    const { steps, free, row } = one
    const same = bestDefaults[steps]
    const others = [same, bestDefaults[steps + 2], bestDefaults[2 * steps]]
    return line([
      steps,
      free.length === 7 ? 'all but history' : free.join(', '),
      one.seed,
      `**${withError(row)}**${one.kept === 'start' ? ' (best default kept)' : ''}`,
      ...rest(row),
      ratio(row, same),
      row.judgeFid && same?.judgeFid ? (row.judgeFid.mean / same.judgeFid.mean).toFixed(2) : '–',
      ...others.slice(1).map((other) => against(row, other)),
    ])
  })
  const defaults = Object.entries(bestDefaults).map(([steps, row]) =>
    line([steps, `${row.sampler}, ${row.stepList}`, withError(row), ...rest(row)]),
  )
  return `
## ${name}

${images.toLocaleString('en')} images a sampling seed (${samplingSeeds.join(', ')}), classes in turn; 12 iterations from 4 starts. Commit ${commit},
\`${command}\`. ± is one standard error over the sampling seeds of one network. Judge's: the Fréchet distance in another classifier; recognised: by it.

${head(['steps', 'free', 'seed', 'FID', "judge's", 'recognised', 'KID', 'precision', 'recall', 'FID / best default at N', "judge's, the same", 'FID less best default at N + 2', 'FID less best default at 2 N'])}
${rows.join('\n')}

The best default of each number of steps, of all samplers and step lists, chosen on the tuning split:

${head(['steps', 'best default', 'FID', "judge's", 'recognised', 'KID', 'precision', 'recall'])}
${defaults.join('\n')}
${ceiling ? line([ceiling.steps, 'ddpm, trailing: what the model can do (one sampling seed)', withError(ceiling), ...rest(ceiling)]) : ''}
`
}

function mixturesPart({ command, commit, seeds, rows }: MixturesRecord): string {
  const lines = rows.map(({ mixture, steps, free, bestDefault, learned }) =>
    line([
      mixture,
      steps,
      free,
      bestDefault.toPrecision(2),
      Math.max(...learned).toPrecision(2),
      learned.map((value) => value.toPrecision(2)).join(', '),
    ]),
  )
  return `
## Two exact problems of one dimension

Mixtures of normals, \`two\`: .3 N(-.6, .08) + .7 N(.35, .15), \`three\`: .5 N(-.7, .05) + .2 N(0, .05) + .3 N(.6, .1) (mean, standard deviation), whose
denoiser is known. DPM-Solver++, default settings (10 iterations from 4 starts, 192 images an iteration), seeds ${seeds.join(', ')}; Fréchet distance in
(u, 2u², tanh 3u), 20,000 images to 100,000 draws. Best default: of all step lists, by the same measure. Commit ${commit}, \`${command}\`.

${head(['mixture', 'steps', 'free', 'best default', 'worst learned', 'learned, by seed'])}
${lines.join('\n')}
`
}

function transferPart({ command, commit, seeds, withoutClass, oneMoreStep }: TransferRecord): string {
  const told = ({ mean, standardError }: TransferRecord['seeds'][number]['fid']) =>
    `${mean.toFixed(2)}${standardError === null ? '' : ` ± ${standardError.toFixed(2)}`}`
  const other = seeds.filter(({ learnedOn, usedOn }) => learnedOn !== usedOn)
  const lines = other.map(({ learnedOn, usedOn, fid }) => {
    const own = seeds.find((row) => row.learnedOn === usedOn && row.usedOn === usedOn)
    return line([usedOn, learnedOn, told(fid), own ? told(own.fid) : '–'])
  })
  const elsewhere = (rows: TransferRecord['withoutClass'], more: number) =>
    rows.map(({ steps, learned, bestDefault }) =>
      line([steps, steps + more, withError(learned), withError(bestDefault)]),
    )
  return `
## Where it was not learned

Preset quick: the schedule that was learned on the network of one training seed, on the networks of others; 2 x 2,000 images. And the shipped \`digits-16\` without a class:
schedules that were learned with the classes in turn, 2 x 4,000 images; and at one step more than was learned for, levels, told times and numbers read straight between the
steps, not tuned there. Commit ${commit}, \`${command}\`.

${head(['network of seed', 'schedule of seed', 'FID', 'its own schedule'])}
${lines.join('\n')}

${head(['learned for steps', 'used at', 'learned, no class', 'best default, no class'])}
${elsewhere(withoutClass, 0).join('\n')}

${head(['learned for steps', 'used at', 'learned', 'best default there'])}
${elsewhere(oneMoreStep, 1).join('\n')}
`
}

/** Runs of a whole preset: networks trained from scratch, both sides at the same number of network evaluations. */
function presetPart(name: string, { command, commit, rows }: PresetRecord): string {
  const told = ({ mean, standardError }: { readonly mean: number; readonly standardError: number | null }) =>
    `${mean.toFixed(2)}${standardError === null ? '' : ` ± ${standardError.toFixed(2)}`}`
  const lines = rows.map(({ steps, seed, learned, bestDefault, gain, gainOverStart, kept }) =>
    line([
      steps,
      seed,
      told(learned),
      `${told(bestDefault)} (${bestDefault.sampler}, ${bestDefault.stepList})`,
      told(gain),
      told(gainOverStart),
      kept === 'start' ? 'best default' : 'learned',
    ]),
  )
  const against = (gains: readonly MeanAndStandardError[]) =>
    `ahead by more than 2 standard errors in ${ahead(gains, 2)}, behind by more than 2 in ${behind(gains, 2)}, by more than 3.5 in ${behind(gains, 3.5)}`
  return `
## Preset ${name}: the network trained here, by seed

Both sides take as many network evaluations: what the search costs, the best default's network trains on by. The start is the best default at the network that the schedule was
learned for. Differences are paired over the sampling seeds. Of ${rows.length} runs learned is
${against(rows.map(({ gain }) => gain))} against the best default,
${against(rows.map(({ gainOverStart }) => gainOverStart))} against the start.
Commit ${commit}, \`${command}\`.

${head(['steps', 'seed', 'learned, FID', 'best default', 'best default less learned', 'start less learned', 'kept'])}
${lines.join('\n')}
`
}
