/** Upper variables by name, as events and reports show them. */
import type { Blocks } from './problem.ts'
import { blockNames } from './problem.ts'

/** Values, a gradient or what else there is for each, by parameter; where there are several blocks, `block.parameter`. A block that is absent leaves its names out. */
export function byParameter<B extends string, V = number>(
  blocks: Blocks<B>,
  values: Readonly<Partial<Record<B, Iterable<V>>>>,
): Record<string, V> {
  const names = blockNames(blocks)
  const entries = names.flatMap((block) =>
    [...(values[block] ?? [])].map((value, i): [string, V] => {
      const parameter = blocks[block].names[i]
      return [names.length === 1 ? parameter : `${block}.${parameter}`, value]
    }),
  )
  return Object.fromEntries(entries)
}
