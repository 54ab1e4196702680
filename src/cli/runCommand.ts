/** What the commands that make a run have in common: settings from all places, a run folder, --resume, --dry-run, --json. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { z } from 'zod'
import type { BilevelError } from '../base/index.ts'
import { inputError } from '../base/index.ts'
import type { JobPlan } from '../jobs/index.ts'
import { requireAllowedCode } from '../jobs/index.ts'
import type { Caller, SettingsLayer } from '../runs/index.ts'
import {
  commandLine,
  freshFolder,
  isRecord,
  pathArgument,
  readManifest,
  readRunConfig,
  readSettingsFile,
} from '../runs/index.ts'
import { callerOf } from './callerOf.ts'
import { addDryRun, dryRun } from './dryRun.ts'
import { settingsFromEnvironment } from './environment.ts'
import { pathOption } from './pathOption.ts'
import type { Task } from './protocol.ts'
import { runInWorker } from './runInWorker.ts'
import { flagsLayer, settingOptions } from './settingFlags.ts'
import type { Terminal } from './terminal.ts'

interface RunFlags {
  readonly config?: string
  readonly out?: string
  readonly resume?: string | true
  readonly dryRun?: boolean
  readonly allowCode?: boolean
  readonly json?: boolean
  readonly [setting: string]: unknown
}

/** A command with settings C. */
export interface RunCommand<C extends { readonly preset: string; readonly seed: number }> {
  readonly name: string
  readonly summary: string
  readonly description: string
  readonly schema: z.ZodObject
  readonly groups: readonly string[]
  /** Settings that may name JavaScript. */
  readonly rewards?: readonly string[]
  resolve(layers: readonly SettingsLayer[]): C
  /** What it will cost. */
  plan(config: C): Promise<JobPlan>
  task(config: C, folder: string, resume: boolean, caller: Caller): Task
}

const RUNS = 'runs'

export function addRunCommand<C extends { readonly preset: string; readonly seed: number }>(
  program: Command,
  terminal: Terminal,
  run: RunCommand<C>,
): void {
  const command = program
    .command(run.name)
    .summary(run.summary)
    .description(run.description)
    .addOption(pathOption('--config <file>', "YAML file of settings, named as in a run's config.yaml"))
    .addOption(pathOption('--out <folder>', `run folder [${RUNS}/${run.name}-<preset>-<seed>]`))
    .addOption(
      pathOption('--resume [folder]', 'go on with a run: the folder, else --out, else the newest unfinished one'),
    )
  addDryRun(command).option('--json', 'print the result as one JSON object on one line')
  if (run.rewards)
    command.option('--allow-code', 'run the JavaScript that a --config or a resumed run names as its rewards')
  const options = settingOptions(run.schema, run.resolve([]), run.groups)
  for (const option of options) command.addOption(option)
  command.action((flags: RunFlags) =>
    isBare(run.schema, flags) ? command.help({ error: true }) : execute(run, flags, terminal),
  )
}

/** Nothing was asked for, by flag or environment: a job of minutes is not what a look at the command should start. */
const isBare = (schema: z.ZodObject, flags: RunFlags): boolean =>
  Object.keys(flags).length === 0 && Object.keys(settingsFromEnvironment(schema).values).length === 0

async function execute<C extends { readonly preset: string; readonly seed: number }>(
  run: RunCommand<C>,
  flags: RunFlags,
  terminal: Terminal,
): Promise<void> {
  const resumed = flags.resume === undefined ? null : await resumedFolder(run.name, flags, terminal)
  if (resumed !== null) await requireKind(run.name, resumed)
  const layers = await layersOf(run.schema, flags, resumed)
  const config = run.resolve(layers)
  if (flags.dryRun) {
    return dryRun(terminal, config, flags.json === true, () => run.plan(config))
  }
  checkCode(run, layers, flags)
  const folder = resumed ?? flags.out ?? (await freshFolder(RUNS, `${run.name}-${config.preset}-${config.seed}`))
  terminal.display.log(`run folder: ${folder}`)
  const { json, text } = await runInWorker(
    run.task(config, folder, resumed !== null, callerOf(process)),
    terminal.display,
  )
  terminal.display.log(`${text}\nreport: ${join(folder, 'report.html')}`)
  if (flags.json) terminal.out(`${JSON.stringify(json)}\n`)
}

/** @throws `cli.resume` on a run that another command made */
async function requireKind(command: string, folder: string): Promise<void> {
  const { command: made, sources } = await readManifest(folder)
  if (typeof made !== 'string' || made === command) return
  const code = isRecord(sources) && 'code' in sources ? ['--allow-code'] : []
  const rest = commandLine(callerOf(process), [made, '--resume', pathArgument(folder), ...code])
  throw inputError(
    'cli.resume',
    `bilevel ${command} goes on with runs of its own, but ${folder} is a run of bilevel ${made}; go on with: ${rest}`,
  )
}

/** A resumed run's settings lie below everything: what is given again must be the same. */
async function layersOf(schema: z.ZodObject, flags: RunFlags, resumed: string | null): Promise<SettingsLayer[]> {
  const before =
    resumed === null ? [] : [{ source: join(resumed, 'config.yaml'), values: await readRunConfig(resumed) }]
  const file = flags.config === undefined ? [] : [await readSettingsFile(flags.config)]
  return [...before, ...file, settingsFromEnvironment(schema), flagsLayer(schema, flags)]
}

/** JavaScript runs if it was typed by whoever starts the command: a flag, the environment. What a file names must be allowed. */
function checkCode(
  { rewards = [] }: Pick<RunCommand<never>, 'rewards'>,
  layers: readonly SettingsLayer[],
  flags: RunFlags,
): void {
  for (const name of rewards) {
    const layer = layers.findLast(({ values }) => values[name] !== undefined)
    const given = layer?.values[name]
    if (!layer || layer.words || typeof given !== 'string') continue
    const flag = `--${name} '${given}'`
    requireAllowedCode(layer.source, [given], flags.allowCode, `, or name it yourself: ${flag}`)
  }
}

async function resumedFolder(command: string, { resume, out }: RunFlags, terminal: Terminal): Promise<string> {
  if (typeof resume === 'string') return resume
  if (out !== undefined) return out
  const names = await readdir(RUNS).catch(() => [])
  const runs = await Promise.all(
    names.map(async (name) => {
      const folder = join(RUNS, name)
      const manifest = await readManifest(folder).catch((error: BilevelError) => {
        // A folder that is no run is nobody's concern; one that was damaged may be the run that is meant.
        if (error.code !== 'runs.notARun') terminal.display.log(`note: not gone on with: ${error.message}`)
        return null
      })
      return { folder, manifest }
    }),
  )
  const open = runs.filter(({ manifest }) => manifest?.command === command && manifest.status !== 'done')
  const [newest] = open.toSorted((a, b) => String(b.manifest?.created).localeCompare(String(a.manifest?.created)))
  if (newest) return newest.folder
  throw inputError('cli.resume', `there is no unfinished run in ${RUNS}/ to go on with; name one: --resume FOLDER`)
}
