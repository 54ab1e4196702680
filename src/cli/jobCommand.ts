/** A command, made of its job: flags from the settings, help, --config, --out, --resume, --dry-run, --json. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { z } from 'zod'
import type { BilevelError } from '../base/index.ts'
import { failure, inputError } from '../base/index.ts'
import type { Job } from '../jobs/index.ts'
import { argumentFromHub, JOB_GROUPS, JOBS, layersFromHub, requireAllowedCode } from '../jobs/index.ts'
import type { Settings, SettingsLayer } from '../runs/index.ts'
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
import { runOnTerminal } from './runOnTerminal.ts'
import { flagsLayer, settingOptions } from './settingFlags.ts'
import type { Terminal } from './terminal.ts'

interface Flags {
  readonly config?: string
  readonly out?: string
  readonly resume?: string | true
  readonly dryRun?: boolean
  readonly allowCode?: boolean
  readonly json?: boolean
  readonly [setting: string]: unknown
}

const RUNS = 'runs'

export function addJobCommand(program: Command, terminal: Terminal, job: Job): void {
  const command = newCommand(program, job.name).summary(job.summary).description(job.description)
  const { argument, other, settings, out } = job
  const named = [argument, other].flatMap((one) => one ?? [])
  for (const { name, description } of named) command.argument(name, description)
  if (job.example !== undefined) command.addHelpText('after', `\n${job.example}`)
  if (job.leaves === 'run') {
    command
      .addOption(pathOption('--config <file>', "YAML file of settings, named as in a run's config.yaml"))
      .addOption(
        pathOption('--out <folder>', `run folder [${RUNS}/${job.folder?.words ?? `${job.name}-<preset>-<seed>`}]`),
      )
      .addOption(
        pathOption('--resume [folder]', 'go on with a run: the folder, else --out, else the newest unfinished one'),
      )
  }
  if (out) command.addOption(pathOption('--out <folder>', `${out.help} [${out.stem}]`))
  if (out?.allowCode) command.option('--allow-code', out.allowCode)
  if (job.plan) addDryRun(command)
  command.option('--json', job.jsonHelp)
  if (settings.code) command.option('--allow-code', 'run the JavaScript that a --config or a resumed run names')
  for (const option of settingOptions(settings.schema, settings.resolve([]), settings.groups)) command.addOption(option)
  command.action((...given: readonly unknown[]) => {
    const words = named.map((_, i) => (typeof given[i] === 'string' ? given[i] : ''))
    const flags = given[named.length] as Flags
    if (job.leaves === 'run' && isBare(settings.schema, flags)) return command.help({ error: true })
    return execute(job, words, flags, terminal)
  })
}

/** The command of a job's name, its group made with the first that is in it. */
function newCommand(program: Command, name: string): Command {
  const [first, second] = name.split(' ')
  if (second === undefined) return program.command(first)
  const group = program.commands.find((one) => one.name() === first) ?? newGroup(program, first)
  return group.command(second)
}

const newGroup = (program: Command, name: string): Command =>
  program.command(name).summary(JOB_GROUPS[name].summary).description(JOB_GROUPS[name].description)

/** Nothing was asked for, by flag or environment: a job of minutes is not what a look at the command should start. */
const isBare = (schema: z.ZodObject, flags: Flags): boolean =>
  Object.keys(flags).length === 0 && Object.keys(settingsFromEnvironment(schema).values).length === 0

async function execute(
  job: Job,
  [named = '', other = '']: readonly string[],
  flags: Flags,
  terminal: Terminal,
): Promise<void> {
  const { settings, leaves } = job
  const resumed = flags.resume === undefined ? null : await resumedFolder(job.name, flags, terminal)
  if (resumed !== null) await requireKind(job.name, resumed)
  const note = (text: string) => terminal.display.log(`note: ${text}`)
  const hub = job.argument?.hub
  const argument = hub ? await argumentFromHub(named, hub, note) : named
  const given = await layersFromHub(await layersOf(settings.schema, flags, resumed), note)
  const layers = [...((await settings.below?.(argument, given)) ?? []), ...given]
  const config = settings.resolve(layers)
  const { plan } = job
  if (flags.dryRun && plan) return dryRun(terminal, config, flags.json === true, () => plan(config, argument, other))
  checkCode(settings.code, layers, flags)
  const folder = await folderFor(job, config, flags, resumed)
  if (leaves === 'run') terminal.display.log(`run folder: ${folder}`)
  const request = { config, argument, other, folder, resume: resumed !== null, allowCode: flags.allowCode === true }
  const result = await runOnTerminal(job, { ...request, caller: callerOf(process) }, terminal)
  const { json, text, failed, answers = leaves === 'answer' } = result
  if (!answers) terminal.display.log(leaves === 'run' ? `${text}\nreport: ${join(folder, 'report.html')}` : text)
  if (flags.json) terminal.out(`${JSON.stringify(json)}\n`)
  else if (answers) terminal.out(`${text}\n`)
  if (failed !== undefined) throw failure('job.failed', failed)
}

/** Where the results go: the resumed run, the folder that was named, or one of our own naming that is not there yet. */
async function folderFor({ name, leaves, out, folder }: Job, config: object, flags: Flags, resumed: string | null) {
  const named = resumed ?? flags.out
  if (named !== undefined) return named
  if (out) return freshFolder('.', out.stem)
  if (leaves === 'answer') return ''
  if (folder) return freshFolder(RUNS, folder.named(config as Settings))
  const { preset, seed } = config as { readonly preset?: string; readonly seed?: number }
  return freshFolder(RUNS, `${name}-${preset}-${seed}`)
}

/** @throws `cli.resume` on a run that another command made */
async function requireKind(command: string, folder: string): Promise<void> {
  const { command: made, sources } = await readManifest(folder)
  if (typeof made !== 'string' || made === command) return
  if (!JOBS.some(({ name, leaves }) => name === made && leaves === 'run')) {
    throw inputError(
      'cli.resume',
      `bilevel ${command} goes on with runs of its own, but ${folder} was made by a program of yours; go on with it there, by runProblem with resume: true`,
    )
  }
  const code = isRecord(sources) && 'code' in sources ? ['--allow-code'] : []
  const rest = commandLine(callerOf(process), [made, '--resume', pathArgument(folder), ...code])
  throw inputError(
    'cli.resume',
    `bilevel ${command} goes on with runs of its own, but ${folder} is a run of bilevel ${made}; go on with: ${rest}`,
  )
}

/** A resumed run's settings lie below everything: what is given again must be the same. */
async function layersOf(schema: z.ZodObject, flags: Flags, resumed: string | null): Promise<SettingsLayer[]> {
  const before =
    resumed === null ? [] : [{ source: join(resumed, 'config.yaml'), values: await readRunConfig(resumed) }]
  const file = flags.config === undefined ? [] : [await readSettingsFile(flags.config)]
  return [...before, ...file, settingsFromEnvironment(schema), flagsLayer(schema, flags)]
}

/** JavaScript runs if it was typed by whoever starts the command: a flag, the environment. What a file names must be allowed. */
function checkCode(settings: readonly string[] = [], layers: readonly SettingsLayer[], flags: Flags): void {
  for (const name of settings) {
    const layer = layers.findLast(({ values }) => values[name] !== undefined)
    const given = layer?.values[name]
    if (!layer || layer.words || typeof given !== 'string') continue
    const flag = `--${name} '${given}'`
    requireAllowedCode(layer.source, [given], flags.allowCode, `, or name it yourself: ${flag}`)
  }
}

async function resumedFolder(command: string, { resume, out }: Flags, terminal: Terminal): Promise<string> {
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
