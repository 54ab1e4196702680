/** The parts of README.md and docs/guide that are copies, so that a test can hold them to what they copy. */
import { readdirSync, readFileSync } from 'node:fs'
import { standingOf } from '../src/jobs/schedule/report/verdict.ts'
import type { Role, ShippedNumbers, ShippedRow } from './shippedRows.ts'

interface Estimate {
  readonly mean: number
  readonly standardError: number | null
}

interface Row {
  readonly label: string
  readonly fid: Estimate
  readonly recognised: number | null
}

/** What the table needs of a result of `bilevel schedule --json`. */
export interface QuickResult {
  readonly featureNetwork: string
  readonly default: Row
  readonly bestDefault: Row & { readonly sampler: string; readonly stepList: string }
  readonly start: Row & { readonly sampler: string; readonly stepList: string }
  readonly learned: Row
  readonly manySteps: Row
  readonly real: { readonly fid: number; readonly recognised: number | null }
  readonly seed: number
  readonly gain: {
    readonly overDefault: Estimate
    readonly overBestDefault: Estimate
    readonly overStart: Estimate
    readonly overManySteps: Estimate
  }
}

/** README.md and the pages of the guide. */
export const GUIDE_PAGES: readonly string[] = [
  'README.md',
  ...readdirSync('docs/guide').map((name) => `docs/guide/${name}`),
]

/** A page with each `<!-- example: FILE -->` followed by that file's code, its opening comment left out. */
export function withExamples(page: string): string {
  return page.replace(/(<!-- example: (\S+) -->\n```ts\n)[\s\S]*?```/g, (_, head: string, file: string) => {
    const code = readFileSync(file, 'utf8').replace(/^\/\*\*[\s\S]*?\*\/\n/, '')
    return `${head}${code}\`\`\``
  })
}

/** README with the table between its marks made from a result. */
export function withTable(readme: string, result: QuickResult): string {
  return readme.replace(
    /(<!-- quick:begin -->\n)[\s\S]*?(<!-- quick:end -->)/,
    (_, begin: string, end: string) => `${begin}${tableOf(result)}\n${end}`,
  )
}

function tableOf(result: QuickResult): string {
  const { bestDefault: best, start, learned, manySteps, real, gain } = result
  const share = (value: number | null) => (value === null ? '' : value.toFixed(3))
  const row = (label: string, { fid, recognised }: Row) =>
    `| ${label} | ${fid.mean.toFixed(1)}${fid.standardError === null ? '' : ` ± ${fid.standardError.toFixed(1)}`} | ${share(recognised)} |`
  return [
    `| \`quick\`, seed ${result.seed} | fid[${result.featureNetwork}] | recognised |`,
    '| --- | --- | --- |',
    row(result.default.label, result.default),
    row(`${best.label}: ${best.sampler}, ${best.stepList}`, best),
    row(`${start.label}: ${start.sampler}, ${start.stepList}`, start),
    row(`**${learned.label}**`, learned),
    row(manySteps.label, manySteps),
    `| real digits | ${real.fid.toFixed(1)} | ${share(real.recognised)} |`,
    '',
    standings('Learned', [
      [`the default`, gain.overDefault],
      [`the best default`, gain.overBestDefault],
      [`its start, not tuned`, gain.overStart],
      [manySteps.label, gain.overManySteps],
    ]),
  ].join('\n')
}

const WORDS = {
  better: 'better than',
  worse: 'worse than',
  unclear: 'not distinguishable from',
  unknown: 'compared at one sampling seed with',
} as const

/** What the numbers say, in a sentence: a difference counts beyond two standard errors of its pairs. */
function standings(who: string, gains: readonly (readonly [string, Estimate])[]): string {
  const parts = gains.map(([other, gain]) => {
    const { mean, standardError } = gain
    const size = `${Math.abs(mean).toFixed(2)}${standardError === null ? '' : ` ± ${standardError.toFixed(2)}`}`
    return `${WORDS[standingOf({ ...gain, count: 0 })]} ${other} (${mean < 0 ? 'higher' : 'lower'} by ${size})`
  })
  return `${who} is ${parts.join(', ')}.`
}

/** What a table of `bilevel compare` needs of its `result.json`. */
export interface ComparisonResult {
  readonly budget: { readonly kind: string; readonly most: number }
  readonly seeds: readonly number[]
  readonly methods: readonly {
    readonly name: string
    readonly figures: Readonly<Record<string, Estimate>>
    readonly networkEvaluations: number
    readonly trials: number
  }[]
}

/** The guide's tables of comparisons between their marks, `<!-- compare:NAME KEY,KEY -->`: by the first figure, best first, as `result.json` has them. */
export function withComparisons(page: string, resultOf: (name: string) => ComparisonResult): string {
  return page.replace(
    /(<!-- compare:(\S+) (\S+) -->\n)[\s\S]*?(<!-- compare:end -->)/g,
    (_, begin: string, name: string, keys: string, end: string) =>
      `${begin}${comparisonTable(resultOf(name), keys.split(','))}\n${end}`,
  )
}

function comparisonTable({ methods }: ComparisonResult, keys: readonly string[]): string {
  const figure = (value: Estimate | undefined) => {
    if (value === undefined) return ''
    const { mean, standardError } = value
    const digits = Math.abs(mean) < 1000 ? 2 : 0
    return `${mean.toFixed(digits)}${standardError === null ? '' : ` ± ${standardError.toFixed(digits)}`}`
  }
  return [
    `| method | ${keys.join(' | ')} | network evaluations | trials |`,
    `| --- |${' --- |'.repeat(keys.length + 2)}`,
    ...methods.map(({ name, figures, networkEvaluations, trials }) => {
      const label = name === 'bilevel' ? '**bilevel**' : name
      const told = keys.map((key) => figure(figures[key])).join(' | ')
      return `| ${label} | ${told} | ${networkEvaluations.toLocaleString('en')} | ${trials} |`
    }),
  ].join('\n')
}

/** The tables of assets/models/README.md between their marks, from each model's record. */
export function withModelTables(readme: string, recordOf: (name: string) => ShippedRecord): string {
  return readme.replace(
    /(<!-- (digits-\d+):begin -->\n)[\s\S]*?(<!-- \2:end -->)/g,
    (_, begin: string, name: string, end: string) => `${begin}${modelTable(recordOf(name))}\n${end}`,
  )
}

/** What the tables need of a `record.json`. */
export interface ShippedRecord extends ShippedNumbers {
  readonly name: string
  readonly featureNetwork: { readonly name: string }
  readonly judgeNetwork: { readonly name: string }
}

const ROLE_WORDS: Readonly<Record<Role, string>> = {
  default: 'default',
  best: 'best default',
  learned: 'learned',
}

function modelTable(record: ShippedRecord): string {
  const { name, imagesPerSeed, samplingSeeds, rows, gains, real, candidates } = record
  const labels = [...new Set(gains.map(({ label }) => label))]
  const tried = [...new Set(Object.values(candidates).map((one) => one.tried))]
  const line = (row: ShippedRow) => {
    const { role, sampler, stepList, classes, fid, standardError, recognised, ofItsClass } = row
    const how = role === 'learned' ? sampler : `${sampler}, ${stepList}`
    const label = `${ROLE_WORDS[role]}, ${row.steps} steps: ${how}`
    const distance = `${fid.toFixed(2)} ± ${(standardError ?? 0).toFixed(2)}`
    return `| ${role === 'learned' ? `**${label}**` : label} | ${classes} | ${distance} | ${recognised.toFixed(3)} | ${ofItsClass?.toFixed(3) ?? ''} |`
  }
  const standing = labels.map((label) =>
    standings(
      `- ${label}`,
      gains.filter((one) => one.label === label).map(({ over, gain }) => [OTHERS[over], gain] as const),
    ),
  )
  return [
    `\`${name}\`: ${samplingSeeds.length} sampling seeds of ${imagesPerSeed.toLocaleString('en')} images a row, ± one standard error over them. FID: Fréchet distance to the held-out images in the`,
    `features of \`${record.featureNetwork.name}\`, with this many images. Recognised: share of images that \`${record.judgeNetwork.name}\` is more than`,
    `.9 sure of (real held-out images ${real.recognised.toFixed(3)}). Of its class: share that the judge takes for the class that was asked for. Best default: of`,
    `${tried.join(' or ')} (samplers on every step list), chosen on ${record.candidateImages} images or more against the tuning split.`,
    '',
    '| sampler, steps | class | FID | recognised | of its class |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(line),
    `| real tuning images | | ${real.fid.toFixed(2)} | | |`,
    '',
    ...standing,
  ].join('\n')
}

const OTHERS = { default: 'default DDIM', best: 'the best default' } as const
