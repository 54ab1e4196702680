/**
 * Settings from `BILEVEL_…` variables, for one command. An environment lasts, commands come and go: a variable that is a setting of
 * another command is left to that one; one that is a setting of none is a mistake.
 */
import type { z } from 'zod'
import { inputError } from '../base/index.ts'
import { JOBS } from '../jobs/index.ts'
import type { SettingsLayer } from '../runs/index.ts'
import { environmentLayer } from '../runs/index.ts'

/** `off`: programs are kept nowhere on disk. */
const CACHE = 'BILEVEL_CACHE'
const CACHE_VALUES = [undefined, '', 'on', 'off']

/** @throws `cli.environment` where BILEVEL_CACHE is neither on nor off */
export function settingsFromEnvironment(schema: z.ZodObject): SettingsLayer {
  if (!CACHE_VALUES.includes(process.env[CACHE])) {
    throw inputError(
      'cli.environment',
      `${CACHE} must be on or off, got '${process.env[CACHE]}'; the folder follows XDG_CACHE_HOME`,
    )
  }
  const layer = environmentLayer(process.env, [CACHE])
  const isOthers = (key: string) => !(key in schema.shape) && JOBS.some(({ settings }) => key in settings.schema.shape)
  return { ...layer, values: Object.fromEntries(Object.entries(layer.values).filter(([key]) => !isOthers(key))) }
}
