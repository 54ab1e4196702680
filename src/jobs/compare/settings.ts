/** The settings of a comparison, whatever is compared. */
import { z } from 'zod'
import { didYouMean, inputError, MOST } from '../../base/index.ts'
import type { SettingsLayer } from '../../runs/index.ts'
import { budgetOf, setting } from '../../tuners/index.ts'

const SEED_WORDS = 'must be a whole number from 0; seeds are named as 0-4 or 0,1,2'

export const COMPARING = 'What is compared'

/** @param methods in words, for the help */
export const compareShape = (methods: readonly string[]) => ({
  methods: setting(z.array(z.string().min(1)).min(1).max(MOST.entries).readonly().nullable(), {
    group: COMPARING,
    description: `methods, some of ${methods.join(', ')}, and own with --search; none: all of them`,
    default: null,
    rule: `one or more of ${methods.join(', ')}, own`,
  }),
  budget: setting(z.union([z.int(), z.string().min(1)]).transform(String), {
    group: COMPARING,
    description:
      'what each method may spend with each seed: network evaluations of an image (a prediction 1, its derivative 2 more), or minutes as 20m; what is measured for the report is charged to none',
    default: '200000',
  }),
  seeds: setting(
    z
      .array(z.int(SEED_WORDS).min(0, SEED_WORDS))
      .min(1, 'must name at least one seed, as 0-4 or 0,1,2')
      .max(MOST.seeds)
      .readonly(),
    {
      group: COMPARING,
      description: 'seeds of whole runs, as 0-4 or 0,1,2: every method is run with each of them',
      default: [0],
      rule: 'whole numbers from 0, as 0-4 or 0,1,2',
    },
  ),
  search: setting(z.string().min(1).nullable(), {
    group: COMPARING,
    description:
      'a search of your own, as method own: a JavaScript file that exports {name, propose(study)}; study has space, start, seed and the trials so far; none: none',
    default: null,
  }),
})

/** The settings that belong to the comparison itself. */
export const COMPARE_KEYS = ['methods', 'budget', 'seeds', 'search'] as const

export interface CompareConfig {
  readonly methods: readonly string[] | null
  readonly budget: string
  readonly seeds: readonly number[]
  readonly search: string | null
}

/** The methods that are run, in the order in which they are listed. */
export const methodsOf = ({ methods, search }: CompareConfig, known: readonly string[]): readonly string[] => {
  const all = search === null ? known : [...known, 'own']
  return methods === null ? all : all.filter((name) => methods.includes(name))
}

/** @throws `compare.method`, `compare.budget`, `compare.seeds` */
export function checkCompare(config: CompareConfig, known: readonly string[]): void {
  const { methods, budget, seeds, search } = config
  const all = search === null ? known : [...known, 'own']
  const unknown = methods?.find((name) => !all.includes(name))
  if (unknown !== undefined) {
    const hint = unknown === 'own' ? '; own needs --search FILE.js' : didYouMean(unknown, all)
    throw inputError('compare.method', `methods are some of ${all.join(', ')}, got '${unknown}'${hint}`)
  }
  budgetOf(budget)
  if (new Set(seeds).size < seeds.length) {
    throw inputError('compare.seeds', `each seed is named once, got ${seeds.join(',')}; leave out what is there twice`)
  }
}

/** Layers without some of their settings. */
export const layersWithout = (layers: readonly SettingsLayer[], keys: readonly string[]): SettingsLayer[] =>
  layers.map((layer) => ({
    ...layer,
    values: Object.fromEntries(Object.entries(layer.values).filter(([key]) => !keys.includes(key))),
  }))

/** Some keys of an object. */
export const pick = <C extends object, K extends keyof C & string>(all: C, keys: readonly K[]): Pick<C, K> =>
  Object.fromEntries(keys.map((key) => [key, all[key]])) as Pick<C, K>

export const keysOf = <C extends object>(all: C) => Object.keys(all) as (keyof C & string)[]

/** A run's folder: `compare-schedule-0-4`. */
export const folderOf = (name: string, { seeds }: Pick<CompareConfig, 'seeds'>): string => {
  const sorted = seeds.toSorted((a, b) => a - b)
  const [first, last] = [sorted[0], sorted[sorted.length - 1]]
  return `${name.replaceAll(' ', '-')}-${first === last ? first : `${first}-${last}`}`
}
