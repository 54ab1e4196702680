/** `bilevel schedule`: learn noise and sampling schedules. */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { stringify as toYaml } from 'yaml'
import { inputError } from '../base/index.ts'
import type { SettingsLayer } from '../runs/index.ts'
import {
  environmentLayer,
  freshFolder,
  readManifest,
  readRunConfig,
  readSettingsFile,
  resolveScheduleConfig,
  SETTING_GROUPS,
  scheduleSchema,
} from '../runs/index.ts'
import { runInWorker } from './runInWorker.ts'
import { flagsLayer, settingOptions } from './settingFlags.ts'
import type { Terminal } from './terminal.ts'

interface ScheduleFlags {
  readonly config?: string
  readonly out?: string
  readonly resume?: string | true
  readonly dryRun?: boolean
  readonly json?: boolean
  readonly [setting: string]: unknown
}

const RUNS = 'runs'

export function addScheduleCommand(program: Command, terminal: Terminal): void {
  const command = program
    .command('schedule')
    .summary('learn noise and sampling schedules')
    .description(
      'Trains a diffusion model (or takes one), learns its schedule by first-order bilevel optimization, and compares it with the defaults ' +
        'on held-out images. Everything is saved in a run folder: model, schedule, samples, report.html.\n\n' +
        'Settings come from the preset, then --config, then the environment (BILEVEL_SAMPLING_STEPS=10), then flags. ' +
        'In brackets: the value in preset quick.',
    )
    .option('--config <file>', "YAML file of settings, named as in a run's config.yaml")
    .option('--out <folder>', `run folder [${RUNS}/schedule-<preset>-<seed>]`)
    .option('--resume [folder]', 'go on with a run: the folder, else --out, else the newest unfinished one')
    .option('--dry-run', 'print the resolved settings and stop')
    .option('--json', 'print the result as one JSON object on one line')
  const options = settingOptions(scheduleSchema, resolveScheduleConfig([]), SETTING_GROUPS)
  for (const option of options) command.addOption(option)
  command.action((flags: ScheduleFlags) => schedule(flags, terminal))
}

async function schedule(flags: ScheduleFlags, terminal: Terminal): Promise<void> {
  const resumed = flags.resume === undefined ? null : await resumedFolder(flags)
  const config = resolveScheduleConfig(await layersOf(flags, resumed))
  if (flags.dryRun) {
    terminal.out(flags.json ? `${JSON.stringify(config)}\n` : toYaml(config))
    return
  }
  const folder = resumed ?? flags.out ?? (await freshFolder(RUNS, `schedule-${config.preset}-${config.seed}`))
  terminal.display.log(`run folder: ${folder}`)
  const task = { name: 'schedule', config, folder, resume: resumed !== null } as const
  const { json, text } = await runInWorker(task, terminal.display)
  terminal.display.log(`${text}\nreport: ${join(folder, 'report.html')}`)
  if (flags.json) terminal.out(`${JSON.stringify(json)}\n`)
}

/** A resumed run's settings lie below everything: what is given again must be the same. */
async function layersOf(flags: ScheduleFlags, resumed: string | null): Promise<SettingsLayer[]> {
  const before =
    resumed === null ? [] : [{ source: join(resumed, 'config.yaml'), values: await readRunConfig(resumed) }]
  const file = flags.config === undefined ? [] : [await readSettingsFile(flags.config)]
  return [...before, ...file, environmentLayer(process.env), flagsLayer(scheduleSchema, flags)]
}

async function resumedFolder({ resume, out }: ScheduleFlags): Promise<string> {
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
  const open = runs.filter(({ manifest }) => manifest?.command === 'schedule' && manifest.status !== 'done')
  const [newest] = open.toSorted((a, b) => String(b.manifest?.created).localeCompare(String(a.manifest?.created)))
  if (newest) return newest.folder
  throw inputError('cli.resume', `there is no unfinished run in ${RUNS}/ to go on with; name one: --resume FOLDER`)
}
