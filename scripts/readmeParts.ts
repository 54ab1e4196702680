/** The parts of README.md that are copies, so that a test can hold them to what they copy. */
import { readFileSync } from 'node:fs'

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
  readonly learned: Row
  readonly manySteps: Row
  readonly real: { readonly fid: number; readonly recognised: number | null }
  readonly seed: number
}

/** README with each `<!-- example: FILE -->` followed by that file's code, its opening comment left out. */
export function withExamples(readme: string): string {
  return readme.replace(/(<!-- example: (\S+) -->\n```ts\n)[\s\S]*?```/g, (_, head: string, file: string) => {
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
  const { bestDefault: best, real } = result
  const share = (value: number | null) => (value === null ? '' : value.toFixed(3))
  const row = (label: string, { fid, recognised }: Row) =>
    `| ${label} | ${fid.mean.toFixed(1)} ± ${(fid.standardError ?? 0).toFixed(1)} | ${share(recognised)} |`
  return [
    `| \`quick\`, seed ${result.seed} | fid[${result.featureNetwork}] | recognised |`,
    '| --- | --- | --- |',
    row(result.default.label, result.default),
    row(`${best.label}: ${best.sampler}, ${best.stepList}`, best),
    row(`**${result.learned.label}**`, result.learned),
    row(result.manySteps.label, result.manySteps),
    `| real digits | ${real.fid.toFixed(1)} | ${share(real.recognised)} |`,
  ].join('\n')
}
