/** `bilevel init`: files to begin with. */
import { writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { didYouMean, inputError } from '../../base/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { commandLine, pathArgument, resolveSettings } from '../../runs/index.ts'
import { defaultsOf, setting } from '../../tuners/index.ts'
import type { Job } from '../job.ts'
import { REWARD_MODULE } from './rewardModule.ts'

const initSchema = z.strictObject({
  file: setting(z.string().min(1).nullable(), {
    group: 'Writing',
    description: 'the new file; none: named after what it is, reward.mjs',
    default: null,
  }),
})
type InitConfig = z.output<typeof initSchema>

/** What there is to begin with. */
const KINDS: Readonly<Record<string, { readonly file: string; readonly text: string }>> = {
  reward: { file: 'reward.mjs', text: REWARD_MODULE },
}

const resolve = (layers: readonly SettingsLayer[]): InitConfig =>
  resolveSettings(initSchema, [{ source: 'the defaults', values: defaultsOf(initSchema.shape) }, ...layers])

export const initJob: Job<InitConfig> = {
  name: 'init',
  summary: 'write a reward module to begin with',
  description:
    'Writes a JavaScript module that works as a reward of bilevel entropy, with its derivative, to make your own of. A file that is there is left alone.',
  argument: { name: '<what>', description: `what to write: ${Object.keys(KINDS).join(', ')}` },
  jsonHelp: 'print what was written as one JSON object on one line',
  settings: { schema: initSchema, groups: ['Writing'], resolve },
  leaves: 'answer',
  async run({ config, argument: what, caller }) {
    if (!Object.hasOwn(KINDS, what)) {
      const known = Object.keys(KINDS)
      throw inputError(
        'init.what',
        `there is ${known.join(', ')} to begin with, got '${what}'${didYouMean(what, known)}`,
      )
    }
    const { file: own, text } = KINDS[what]
    const file = config.file ?? own
    await writeNew(file, text)
    const reward = /^(\.{0,2}\/|\w:)/.test(file) ? file : `./${file}`
    const words = ['entropy', '--reward', pathArgument(reward), '--judge', 'typicality@features']
    return { json: { what, file }, text: `${file}; try it: ${commandLine(caller, words)}` }
  },
}

/** @throws `init.file` where it is there already, or cannot be written */
async function writeNew(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'wx' }).catch((cause: NodeJS.ErrnoException) => {
    const why = cause.code === 'EEXIST' ? 'is there already and is left alone' : `cannot be written: ${cause.message}`
    throw inputError('init.file', `a new file must be writable, but '${file}' ${why}; name another one with --file`, {
      cause,
    })
  })
}
