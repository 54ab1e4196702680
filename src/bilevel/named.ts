/** Upper variables by name, as events and reports show them. */
import type { Blocks, UpperGradient } from './problem.ts'
import { blockNames } from './problem.ts'

/** Values or a gradient by parameter; where there are several blocks, `block.parameter`. A block that is absent leaves its names out. */
export function byParameter<B extends string>(blocks: Blocks<B>, values: UpperGradient<B>): Record<string, number> {
  const names = blockNames(blocks)
  const entries = names.flatMap((block) =>
    [...(values[block] ?? [])].map((value, i): [string, number] => {
      const parameter = blocks[block].names[i]
      return [names.length === 1 ? parameter : `${block}.${parameter}`, value]
    }),
  )
  return Object.fromEntries(entries)
}
