/** What the commands that make a run have in common: settings from all places, a run folder, --resume, --dry-run, --json. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { stringify as toYaml } from 'yaml'
import type { z } from 'zod'
import { inputError } from '../base/index.ts'
import type { Caller, JobPlan, SettingsLayer } from '../runs/index.ts'
import {
  commandLine,
  environmentLayer,
  freshFolder,
  pathArgument,
  planLine,
  readManifest,
  readRunConfig,
  readSettingsFile,
} from '../runs/index.ts'
import { callerOf } from './callerOf.ts'
import type { Task } from './protocol.ts'
import { runInWorker } from './runInWorker.ts'
import { flagsLayer, settingOptions } from './settingFlags.ts'
import type { Terminal } from './terminal.ts'

interface RunFlags {
  readonly config?: string
  readonly out?: string
  readonly resume?: string | true
  readonly dryRun?: boolean
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
    .option('--config <file>', "YAML file of settings, named as in a run's config.yaml")
    .option('--out <folder>', `run folder [${RUNS}/${run.name}-<preset>-<seed>]`)
    .option('--resume [folder]', 'go on with a run: the folder, else --out, else the newest unfinished one')
    .option('--dry-run', 'print the resolved settings and what the job will cost, and stop')
    .option('--json', 'print the result as one JSON object on one line')
  const options = settingOptions(run.schema, run.resolve([]), run.groups)
  for (const option of options) command.addOption(option)
  command.action((flags: RunFlags) => (isBare(flags) ? command.help({ error: true }) : execute(run, flags, terminal)))
}

/** Nothing was asked for, by flag or environment: a job of minutes is not what a look at the command should start. */
const isBare = (flags: RunFlags): boolean =>
  Object.keys(flags).length === 0 && Object.keys(environmentLayer(process.env).values).length === 0

async function execute<C extends { readonly preset: string; readonly seed: number }>(
  run: RunCommand<C>,
  flags: RunFlags,
  terminal: Terminal,
): Promise<void> {
  const resumed = flags.resume === undefined ? null : await resumedFolder(run.name, flags)
  if (resumed !== null) await requireKind(run.name, resumed)
  const config = run.resolve(await layersOf(run.schema, flags, resumed))
  if (flags.dryRun) {
    terminal.out(flags.json ? `${JSON.stringify(config)}\n` : toYaml(config))
    // For a person: with --json there is the object and nothing else.
    if (!flags.json) terminal.display.log(await planLine(run.plan(config)))
    return
  }
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
  const { command: made } = await readManifest(folder)
  if (typeof made !== 'string' || made === command) return
  const rest = commandLine(callerOf(process), [made, '--resume', pathArgument(folder)])
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
  return [...before, ...file, environmentLayer(process.env), flagsLayer(schema, flags)]
}

async function resumedFolder(command: string, { resume, out }: RunFlags): Promise<string> {
  if (typeof resume === 'string') return resume
  if (out !== undefined) return out
  const names = await readdir(RUNS).catch(() => [])
  const runs = await Promise.all(
    names.map(async (name) => {
      const folder = join(RUNS, name)
      const manifest = await readManifest(folder).catch(() => null)
      return { folder, manifest }
    }),
  )
  const open = runs.filter(({ manifest }) => manifest?.command === command && manifest.status !== 'done')
  const [newest] = open.toSorted((a, b) => String(b.manifest?.created).localeCompare(String(a.manifest?.created)))
  if (newest) return newest.folder
  throw inputError('cli.resume', `there is no unfinished run in ${RUNS}/ to go on with; name one: --resume FOLDER`)
}
