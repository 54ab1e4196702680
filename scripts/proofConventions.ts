/**
 * Shows that no file draws wrong pictures without an error and no right one is refused:
 *
 *     npm run proof:conventions -- FOLDER
 *     npm run proof:conventions -- FOLDER --also 'NAME|MODEL|SCHEDULER or none|DATA' --out /tmp/conventions
 *
 * FOLDER holds ONNX files, scheduler files (*.json) and pictures of theirs (data/, or an IDX file). Every file is opened with every scheduler, as `evaluate` (with the pictures) and as
 * `sample` (without) do, and stated to be of every convention that what it takes allows. What is taken is sampled, and so is what is taken wrongly: the distance to the pictures,
 * in blocks of pixels, tells right pictures from wrong ones. Shipped models, and those named by --also, too. Writes docs/results/conventions: README.md, conventions.json.
 * Each row goes to standard error as it is measured; `--from FILE` takes those of such a file.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import '../src/runtime/node/index.ts'
import { BilevelError } from '../src/base/index.ts'
import type { DenoiserConvention } from '../src/diffusion/index.ts'
import { conventionVerdict, conventionWords } from '../src/diffusion/index.ts'
import { evaluateModel } from '../src/jobs/evaluate/run.ts'
import type { UsedConvention } from '../src/jobs/opening/conventionRecord.ts'
import { openModelAt } from '../src/jobs/opening/openModel.ts'
import { sharedData } from '../src/jobs/opening/sharedData.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    also: { type: 'string', multiple: true, default: [] },
    out: { type: 'string', default: 'docs/results/conventions' },
    samples: { type: 'string', default: '300' },
    from: { type: 'string' },
    shipped: { type: 'string', default: 'digits-16,digits-28' },
  },
})
const SAMPLES = Number(values.samples)
const STEPS = 20

interface Subject {
  readonly name: string
  readonly model: string
  readonly scheduler: string | null
  readonly data: string
  /** Settings that it cannot be opened without. */
  readonly given: Readonly<Record<string, unknown>>
}

interface Outcome {
  readonly code: string | null
  readonly words: string
  readonly used: UsedConvention | null
}

const nameOfScheduler = ({ scheduler }: Subject): string => scheduler?.split('/').at(-1) ?? 'its own'

/** Right pictures are below this share of what wrong ones of the same file come to. */
const WRONG = 3

const base = { weightsPrefix: null, timeScale: null, size: null, chunk: 64, device: 'cpu' } as const

/** Opens it as a command does. */
async function opened({ model, scheduler, data, given }: Subject, how: object, seen: boolean): Promise<Outcome> {
  const { pictures } = sharedData({
    data: seen ? data : null,
    size: null,
    resize: null,
    dataImages: null,
    dataRange: null,
    onBad: 'stop',
  })
  try {
    const at = await openModelAt(model, { ...base, scheduler, ...given, pictures, ...how })
    const used = at.convention
    await at.close()
    return { code: null, words: conventionWords(used.convention), used }
  } catch (error) {
    if (!(error instanceof BilevelError)) throw error
    return { code: error.code, words: error.message, used: null }
  }
}

const flagsOf = ({ prediction, pixels, time, timeScale }: DenoiserConvention) => ({
  modelPrediction: prediction,
  modelPixels: pixels,
  modelTime: time,
  timeScale,
})

/** Distance of what it draws by a convention, whatever is measured. */
async function distance(
  { model, scheduler, data, given }: Subject,
  convention: DenoiserConvention,
): Promise<number | null> {
  const settings = { ...given, ...flagsOf(convention), scheduler, data, samples: SAMPLES, seeds: [1], steps: STEPS }
  const source = {
    source: 'proof',
    values: {
      ...settings,
      sampler: 'ddim',
      features: 'pixels',
      judge: 'none',
      schedule: 'default',
      trustConvention: true,
    },
  }
  try {
    return (await evaluateModel(model, source)).json.fid?.mean ?? null
  } catch (error) {
    if (error instanceof BilevelError) return null
    throw error
  }
}

interface Row {
  readonly name: string
  readonly scheduler: string
  /** Opened with pictures. */
  readonly evaluate: string
  readonly figure: number | null
  readonly evaluateDistance: number | null
  readonly sample: string
  readonly sampleDistance: number | null
  /** Of all conventions, stated one by one. */
  readonly stated: number
  readonly taken: readonly { readonly convention: string; readonly figure: number; readonly distance: number | null }[]
  readonly lowestRefused: {
    readonly convention: string
    readonly figure: number
    readonly distance: number | null
  } | null
  readonly seconds: number
}

async function rowOf(subject: Subject, name: string): Promise<Row> {
  const began = performance.now()
  const seen = await opened(subject, { allFigures: true }, true)
  const seconds = (performance.now() - began) / 1000
  const blind = await opened(subject, {}, false)
  const measured = seen.used ?? (await opened(subject, { allFigures: true, trustConvention: true }, true)).used
  const figures = (measured?.figures ?? []).filter(({ levels }) => levels === null)
  const all = measured?.figures ?? []
  const taken: Row['taken'][number][] = []
  let refused: (typeof figures)[number] | null = null
  for (const figure of figures) {
    const others = all.filter((one) => one !== figure)
    const { says } = conventionVerdict([figure, ...others], figure.convention)
    if (says === 'fits' || says === 'young') {
      const convention = conventionWords(figure.convention)
      taken.push({ convention, figure: figure.figure, distance: await distance(subject, figure.convention) })
    } else if (refused === null || figure.figure < refused.figure) refused = figure
  }
  return {
    name,
    scheduler: nameOfScheduler(subject),
    evaluate: seen.code === null ? seen.words : `refused (${seen.code})`,
    figure: seen.used?.record?.figure ?? null,
    evaluateDistance: seen.used ? await distance(subject, seen.used.convention) : null,
    sample: blind.code === null ? blind.words : `refused (${blind.code})`,
    sampleDistance: blind.used ? await distance(subject, blind.used.convention) : null,
    stated: figures.length,
    taken,
    lowestRefused: refused && {
      convention: conventionWords(refused.convention),
      figure: refused.figure,
      distance: await distance(subject, refused.convention),
    },
    seconds,
  }
}

/** What a folder holds. */
function subjectsOf(folder: string): Subject[] {
  const names = readdirSync(folder).toSorted()
  const data = [
    join(folder, 'data'),
    ...names.filter((name) => name.includes('idx3-ubyte')).map((name) => join(folder, name)),
  ].find(existsSync)
  if (data === undefined) throw new Error(`${folder} must hold data/ or an IDX file of pictures`)
  const schedulers = names.filter((name) => name.endsWith('.json'))
  return names
    .filter((name) => name.endsWith('.onnx'))
    .flatMap((name) =>
      schedulers.flatMap((scheduler) =>
        // A file with two outputs must be told which, and is tried with both.
        (name === 'two.onnx' ? ['noise', 'x0'] : [null]).map((output) => ({
          name: output === null ? name : `${name} --model-output ${output}`,
          model: join(folder, name),
          scheduler: join(folder, scheduler),
          data,
          given: output === null ? {} : { modelOutput: output },
        })),
      ),
    )
}

const also = values.also.map((text): Subject => {
  const [name, model, scheduler, data] = text.split('|')
  return { name, model, scheduler: scheduler === 'none' ? null : scheduler, data, given: {} }
})
const shipped = values.shipped
  .split(',')
  .filter((name) => name !== '')
  .map((name) => ({
    name,
    model: name,
    scheduler: null,
    data: 'digits',
    given: {},
  }))
const folder = positionals[0]
if (folder === undefined) throw new Error('give a folder with ONNX files, scheduler files and pictures')

/** Rows that an earlier call told on its standard error, which are not measured again. */
const before =
  values.from === undefined
    ? []
    : readFileSync(values.from, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line): Row => JSON.parse(line))

const rows: Row[] = []
for (const subject of [...subjectsOf(folder), ...also, ...shipped]) {
  const scheduler = nameOfScheduler(subject)
  const kept = before.find((row) => row.name === subject.name && row.scheduler === scheduler)
  const row = kept ?? (await rowOf(subject, subject.name))
  rows.push(row)
  process.stderr.write(`${JSON.stringify(row)}\n`)
}

const number = (value: number | null) => (value === null || !Number.isFinite(value) ? '–' : value.toPrecision(3))
const drawn = (words: string, distance: number | null) => (distance === null ? words : `${words}: ${number(distance)}`)

/** The least distance of a model with any scheduler: that of right pictures. */
const least = (name: string): number =>
  Math.min(
    ...rows
      .filter((row) => row.name === name)
      .flatMap(({ taken, evaluateDistance }) =>
        [...taken.map((one) => one.distance), evaluateDistance].flatMap((value) => value ?? []),
      ),
  )

const wrong = rows.flatMap((row) => {
  const most = WRONG * least(row.name)
  const found = [
    { what: 'evaluate', distance: row.evaluateDistance },
    { what: 'sample', distance: row.sampleDistance },
    ...row.taken.map(({ convention, distance }) => ({ what: `stated ${convention}`, distance })),
  ]
  return found
    .filter(({ distance }) => distance !== null && distance > most)
    .map(({ what }) => `${row.name}, ${row.scheduler}: ${what}`)
})
const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim()
const tested = rows.reduce((sum, { stated }) => sum + stated, 0)
const page = `# Conventions of pretrained denoisers, measured

\`npm run proof:conventions\` at ${commit}, ${cpus()[0]?.model}, Node ${process.version}: ${rows.length} pairs of a model and a scheduler file, ${tested} stated conventions. Distances are Fréchet distances of
${SAMPLES} images of ${STEPS} DDIM steps to held-out pictures, in blocks of pixels; they compare within a model only. Right pictures are within ${WRONG} times the least of a model.

Wrong pictures without an error: **${wrong.length === 0 ? 'none' : wrong.join('; ')}**.

## As the files come

With pictures (\`evaluate\`) every convention is measured; without (\`sample\`) noise alone and pictures of its own are tried. A convention, its figure, and the distance of what is drawn; or the refusal.

| model | scheduler | with pictures | figure | without | seconds to measure all |
| --- | --- | --- | --- | --- | --- |
${rows.map((row) => `| ${row.name} | ${row.scheduler} | ${drawn(row.evaluate, row.evaluateDistance)} | ${number(row.figure)} | ${drawn(row.sample, row.sampleDistance)} | ${row.seconds.toFixed(1)} |`).join('\n')}

## Stated to be of every convention, one by one

| model | scheduler | stated | taken: figure, distance | nearest of the refused: figure, distance if trusted |
| --- | --- | --- | --- | --- |
${rows
  .map((row) => {
    const taken =
      row.taken.map((one) => `${one.convention}: ${number(one.figure)}, ${number(one.distance)}`).join('; ') || 'none'
    const refused = row.lowestRefused
    const near = refused ? `${refused.convention}: ${number(refused.figure)}, ${number(refused.distance)}` : '–'
    return `| ${row.name} | ${row.scheduler} | ${row.stated} | ${taken} | ${near} |`
  })
  .join('\n')}
`
mkdirSync(values.out, { recursive: true })
writeFileSync(join(values.out, 'README.md'), page)
writeFileSync(join(values.out, 'conventions.json'), `${JSON.stringify({ commit, rows }, null, 1)}\n`)
process.stdout.write(`${wrong.length === 0 ? 'no wrong pictures without an error' : `WRONG: ${wrong.join('; ')}`}\n`)
process.exitCode = wrong.length === 0 ? 0 : 1
