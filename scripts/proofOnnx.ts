/**
 * Checks every ONNX file of folders, as `bilevel onnx check` does: derivatives against differences in float64 and, where NAME.npz lies beside
 * NAME.onnx or NAME.anything.onnx, outputs and gradients against the framework's own.
 *
 *     npm run proof:onnx                     the exports of test/found/onnx, and all other files below test and assets
 *     npm run proof:onnx -- FOLDER ...       those, and every ONNX file below the folders
 *     npm run proof:onnx -- --only FOLDER    a folder alone, and nothing is written
 *
 * `--from FILE` takes what was right in such an onnx.json, of the same commit or after changes that it does not touch. Writes docs/results/onnx: README.md, onnx.json; exit code 1 if a file is off or an operator is missing.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import '../src/runtime/node/index.ts'
import { BilevelError } from '../src/base/index.ts'
import { faultOf } from '../src/jobs/onnxCheck/fault.ts'
import type { OnnxCheckJson } from '../src/jobs/onnxCheck/run.ts'
import { checkOnnx } from '../src/jobs/onnxCheck/run.ts'
import { resolveOnnxCheckConfig } from '../src/jobs/onnxCheck/settings.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    from: { type: 'string' },
    out: { type: 'string', default: join('docs', 'results', 'onnx') },
  },
})

interface Row {
  readonly file: string
  readonly json: OnnxCheckJson | null
  /** Why it is not right; null: it is. */
  readonly fault: string | null
  readonly seconds: number
}

/** Files that are refused by what they are: a network that quantises as it runs has no derivative. */
const REFUSED = ['int8.onnx']

const filesBelow = (folder: string): string[] =>
  statSync(folder).isFile()
    ? [folder]
    : readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.onnx'))
        .map((name) => join(folder, name))
        .toSorted()

/** Models of the repository by their place, others by their name. */
const nameOf = (path: string): string => (path.startsWith('/') ? join(basename(dirname(path)), basename(path)) : path)

async function rowOf(path: string): Promise<Row> {
  const before = performance.now()
  const beside = join(dirname(path), basename(path).replace(/\..*$/, '.npz'))
  const file = nameOf(path)
  const seconds = () => (performance.now() - before) / 1000
  const inputs = existsSync(beside) ? { inputs: beside } : {}
  try {
    const check = await checkOnnx(path, resolveOnnxCheckConfig([{ source: 'proof', values: inputs }]))
    return { file, json: check.json, fault: faultOf(path, check) ?? null, seconds: seconds() }
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    return { file, json: null, fault: error.message, seconds: seconds() }
  }
}

const own = [join('test', 'found', 'onnx'), 'test', 'assets']
const folders = values.only !== undefined ? [values.only] : [...own, ...positionals]
/** Rows of an earlier proof. */
const before: readonly Row[] = values.from === undefined ? [] : JSON.parse(readFileSync(values.from, 'utf8')).rows
const rows: Row[] = []
for (const path of new Set(folders.flatMap(filesBelow))) {
  const row = before.find(({ file, fault }) => fault === null && file === nameOf(path)) ?? (await rowOf(path))
  rows.push(row)
  process.stderr.write(`${row.file}: ${row.fault ?? 'right'}, ${row.seconds.toFixed(1)} s\n`)
}

const exponential = (error: number | null | undefined): string => (error == null ? '–' : error.toExponential(1))
const isDue = ({ file }: Row): boolean => REFUSED.includes(basename(file))
const wrong = rows.filter((row) => row.fault !== null && !isDue(row))
const largest = (of: (json: OnnxCheckJson) => number | null | undefined): string =>
  exponential(Math.max(...rows.flatMap(({ json }) => (json && of(json)) ?? [])))

const lineOf = ({ file, json, fault }: Row): string => {
  if (!json || json.unsupported.length > 0) return `| ${file} | ${json?.nodes ?? '–'} | ${fault} | | | |`
  const { nodes, operators, output, gradient, maxRelativeError } = json
  const errors = [maxRelativeError, output?.maxRelativeError, gradient?.maxRelativeError].map(exponential)
  return `| ${file} | ${nodes} | ${Object.keys(operators).length} | ${errors.join(' | ')} |`
}

const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const page = `# ONNX files of others, checked

\`npm run proof:onnx\` at ${commit}, ${cpus()[0]?.model}, Node ${process.version}: ${rows.length} files, in ${Math.round(rows.reduce((sum, { seconds }) => sum + seconds, 0))} s on a machine with other work.
Errors are max |a − b| / max |b| of a tensor: of the derivative of what is run (float32) against central differences of the float64 evaluation along random directions, of outputs and
gradients against PyTorch's own. At most 1e-3 is let pass, of outputs 1e-4. \`test/found/onnx/make.py\` makes the exports.

Largest: derivative ${largest((json) => json.maxRelativeError)}, output ${largest((json) => json.output?.maxRelativeError)}, gradient ${largest((json) => json.gradient?.maxRelativeError)}. Not right: **${wrong.length === 0 ? 'none' : wrong.map(({ file }) => file).join(', ')}**.

| file | nodes | operators | derivative | output | gradient |
| --- | --- | --- | --- | --- | --- |
${rows.map(lineOf).join('\n')}
`
if (values.only === undefined) {
  mkdirSync(values.out, { recursive: true })
  writeFileSync(join(values.out, 'README.md'), page)
  writeFileSync(join(values.out, 'onnx.json'), `${JSON.stringify({ commit, rows }, null, 1)}\n`)
}
process.stdout.write(`${rows.length} files; not right: ${wrong.map(({ file }) => file).join(', ') || 'none'}\n`)
process.exitCode = wrong.length === 0 ? 0 : 1
