/** A value of the objective as files keep it: under the objective's name, as it is told. */
import type { ObjectiveName } from '../../tuners/index.ts'
import { toldValue } from '../../tuners/index.ts'

/** `{ fid: 3.2 }`, `{ teacher: 0.011 }`, `{ reward: 0.8 }`. */
export const namedValue = <V extends number | null>(
  objective: ObjectiveName,
  value: V,
): { readonly [name in ObjectiveName]?: V } => ({
  [objective]: value === null ? value : toldValue(objective, value as number),
})
