/**
 * Damaged files and words for every parser: each must be read or refused in one line that blames the input, never a stack trace, a bug of
 * ours, nonsense taken for sense, or no end.
 *
 *     npm run proof:fuzz
 *     npm run proof:fuzz -- --inputs 5000 --seed 3 --only scheduler --keep found
 *
 * `--keep FOLDER` writes each input that found a fault there, as `TARGET/NAME`; put into test/fuzz it stays a test. Writes
 * docs/results/fuzz.md unless only some parsers were asked for; exit code 1 if there is a fault.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { FuzzFault, TargetCount } from './fuzz/campaign.ts'
import { corpusName, fuzzTarget } from './fuzz/campaign.ts'
import { openTargets } from './fuzz/targets.ts'

const RESULT = 'docs/results/fuzz.md'

const { values } = parseArgs({
  options: {
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '0' },
    only: { type: 'string' },
    keep: { type: 'string' },
  },
})
const { only, keep } = values
const [inputs, seed] = [Number(values.inputs), Number(values.seed)]

/** Under the name of its target, by content. */
function keepInput(folder: string, { target, input }: FuzzFault): void {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 12)
  const place = join(folder, corpusName(target))
  mkdirSync(place, { recursive: true })
  writeFileSync(join(place, name), input)
}

const { targets, close } = await openTargets()
const asked = targets.filter(({ name }) => only === undefined || name.includes(only))
const count = Math.ceil(inputs / asked.length)
const counts: TargetCount[] = []
const seen = new Map<string, number>()
try {
  for (const target of asked) {
    const found = await fuzzTarget(target, { seed, first: 0, count })
    counts.push(found.counts)
    for (const fault of found.faults) {
      const kind = `${fault.target}: ${fault.why.slice(0, 60)}`
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
      if ((seen.get(kind) ?? 0) > 3) continue
      process.stderr.write(`${fault.target} ${fault.number}: ${fault.why}\n`)
      if (keep !== undefined) keepInput(keep, fault)
    }
    process.stderr.write(`${target.name}: ${JSON.stringify(found.counts)}\n`)
  }
} finally {
  await close()
}

const total = (of: (one: TargetCount) => number): number => counts.reduce((sum, one) => sum + of(one), 0)
const faults = total((one) => one.faults)
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const table = [
  '# Damaged input',
  '',
  `\`npm run proof:fuzz -- --inputs ${inputs} --seed ${seed}\` at ${commit}: ${total((one) => one.inputs)} damaged inputs for ${counts.length} parsers.`,
  'Each must be read to something that holds, or refused in one line that blames the input.',
  '',
  '| parser | inputs | read | refused | faults |',
  '| --- | --- | --- | --- | --- |',
  ...counts.map(
    ({ target, inputs: n, accepted, refused, faults: bad }) =>
      `| ${target} | ${n} | ${accepted} | ${refused} | ${bad} |`,
  ),
  `| all | ${total((one) => one.inputs)} | ${total((one) => one.accepted)} | ${total((one) => one.refused)} | ${faults} |`,
  '',
].join('\n')
process.stdout.write(table)
if (only === undefined) writeFileSync(RESULT, table)
if (faults > 0) process.exitCode = 1
